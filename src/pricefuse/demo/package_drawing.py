"""Draw packages with Pillow: a jar, box, bag, bottle or can with a printed design."""

import math
from collections.abc import Callable
from functools import cache

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFont

from pricefuse.demo.package_design import CANVAS, Color, Design

Box = tuple[int, int, int, int]  # left, top, right, bottom in pixels

_GLASS, _METAL, _PAPER = (226, 234, 236), (196, 200, 204), (236, 232, 224)


class Sketch:
    """A package under construction: an RGBA layer, CANVAS square, on a transparent background."""

    def __init__(self, design: Design, content: Color) -> None:
        self.design = design
        self.content = content
        self.layer = Image.new("RGBA", (CANVAS, CANVAS))
        self.draw = ImageDraw.Draw(self.layer)
        self.label: Box = (0, 0, 0, 0)

    def paint(self, shape: Image.Image, fill: Color | Image.Image, *, round_body: bool = False) -> None:
        """Fill a mask (mode L, CANVAS square) with a color or surface; a round body is shaded like a cylinder."""
        box = shape.getbbox()
        surface = Image.new("RGB", (CANVAS, CANVAS), fill) if isinstance(fill, tuple) else fill
        surface = surface.crop(box)
        self.layer.paste(_shaded(surface) if round_body else surface, box, shape.crop(box))


def draw_package(kind: str, design: Design, content: Color, words: tuple[str, str, str], petals: int) -> Image.Image:
    """Draw a package of `kind` ("jar", "box", "bag", "bottle" or "can") with brand, variety and noun on its label.

    Returns an RGBA image, CANVAS square, with a transparent background. `petals` sets the emblem.
    """
    sketch = Sketch(design, content)
    _KINDS[kind](sketch)
    _print_label(sketch, words, petals)
    return sketch.layer


def _mask(draw_shape: Callable[[ImageDraw.ImageDraw], None]) -> Image.Image:
    mask = Image.new("L", (CANVAS, CANVAS))
    draw_shape(ImageDraw.Draw(mask))
    return mask


def _rounded(box: Box, radius: int) -> Image.Image:
    return _mask(lambda draw: draw.rounded_rectangle(box, radius, fill=255))


def _polygon(*corners: tuple[float, float]) -> Image.Image:
    return _mask(lambda draw: draw.polygon(corners, fill=255))


def _darker(color: Color) -> Color:
    red, green, blue = color
    return red * 3 // 4, green * 3 // 4, blue * 3 // 4


def _shaded(surface: Image.Image) -> Image.Image:
    body, gloss = _light(*surface.size)
    return ImageChops.add(ImageChops.multiply(surface, body), gloss)


@cache
def _light(width: int, height: int) -> tuple[Image.Image, Image.Image]:
    """Return diffuse light and highlight (RGB) on an upright cylinder of that size in pixels."""
    across = np.linspace(-1, 1, width)
    body = 255 * (0.55 + 0.45 * np.sqrt(1 - across**2))
    gloss = 50 * np.exp(-(((across + 0.45) / 0.1) ** 2))
    body_row, gloss_row = (Image.fromarray(gray.astype(np.uint8)[None]).convert("RGB") for gray in (body, gloss))
    return body_row.resize((width, height)), gloss_row.resize((width, height))


def _jar(sketch: Sketch) -> None:
    glass = _rounded((122, 134, 390, 460), 46)
    sketch.paint(glass, _GLASS, round_body=True)
    sketch.paint(_rounded((128, 140, 384, 454), 40), sketch.content, round_body=True)
    wrap = ImageChops.darker(glass, _rounded((0, 176, CANVAS, 434), 0))
    sketch.paint(wrap, sketch.design.surface, round_body=True)
    sketch.paint(_rounded((130, 76, 382, 142), 14), sketch.design.trim, round_body=True)
    for x in range(137, 382, 14):
        sketch.draw.line((x, 92, x, 138), _darker(sketch.design.trim), width=2)
    sketch.label = (160, 206, 352, 404)


def _bottle(sketch: Sketch) -> None:
    left, right, shoulder = 158, 354, 200
    sketch.paint(_rounded((222, 52, 290, 108), 10), sketch.design.trim, round_body=True)
    curve = [(290 + (right - 290) * (1 - math.cos(t * math.pi / 20)) / 2, 108 + t * 4.6) for t in range(21)]
    mirrored = [(left + right - x, y) for x, y in reversed(curve)]
    glass = ImageChops.lighter(_polygon(*curve, *mirrored), _rounded((left, shoulder - 20, right, 470), 24))
    sketch.paint(glass, sketch.content, round_body=True)
    wrap = ImageChops.darker(glass, _rounded((0, shoulder + 8, CANVAS, 454), 0))
    sketch.paint(wrap, sketch.design.surface, round_body=True)
    sketch.label = (176, 234, 336, 410)


def _can(sketch: Sketch) -> None:
    left, right, top, bottom, dip = 140, 372, 84, 446, 22
    body = ImageChops.lighter(
        _rounded((left, top, right, bottom), 0),
        _mask(lambda draw: draw.ellipse((left, bottom - dip, right, bottom + dip), fill=255)),
    )
    sketch.paint(ImageChops.offset(body, 0, 6), _METAL, round_body=True)
    sketch.paint(body, sketch.design.surface, round_body=True)
    sketch.paint(
        _mask(lambda draw: draw.ellipse((left, top - dip, right, top + dip), fill=255)), _METAL, round_body=True
    )
    sketch.draw.ellipse((left + 12, top - dip + 5, right - 12, top + dip - 5), fill=(224, 226, 228))
    sketch.draw.ellipse((226, 74, 286, 92), outline=_darker(_METAL), width=4)
    sketch.label = (166, 142, 346, 396)


def _box(sketch: Sketch) -> None:
    left, top, right, bottom, depth, rise = 112, 92, 352, 462, 54, 30
    surface = sketch.design.surface
    side = _polygon((right, top), (right + depth, top - rise), (right + depth, bottom - rise), (right, bottom))
    lid = _polygon((left, top), (left + depth, top - rise), (right + depth, top - rise), (right, top))
    sketch.paint(side, surface.point(lambda value: value * 0.62))
    sketch.paint(lid, surface.point(lambda value: value * 0.85 + 40))
    sketch.paint(_rounded((left, top, right, bottom), 2), surface)
    sketch.label = (136, 134, 328, 410)


def _bag(sketch: Sketch) -> None:
    waist = [(124 + 12 * math.sin(math.pi * t / 30) ** 2, 74 + t * 12.6) for t in range(31)]
    right = [(CANVAS - x, y) for x, y in reversed(waist)]
    gusset = [(256 + 128 * math.cos(a), 452 + 22 * math.sin(a)) for a in np.linspace(0, math.pi, 20)]
    pouch = _polygon(*waist, *reversed(gusset), *right)
    sketch.paint(pouch, sketch.design.surface, round_body=True)
    seal = ImageChops.darker(pouch, _rounded((0, 62, CANVAS, 110), 0))
    sketch.paint(seal, sketch.design.trim, round_body=True)
    for y in range(80, 108, 7):
        sketch.draw.line((128, y, CANVAS - 128, y), _darker(sketch.design.trim), width=2)
    sketch.label = (164, 152, 348, 410)


_KINDS: dict[str, Callable[[Sketch], None]] = {"jar": _jar, "bottle": _bottle, "can": _can, "box": _box, "bag": _bag}


def _print_label(sketch: Sketch, words: tuple[str, str, str], petals: int) -> None:
    draw, design = sketch.draw, sketch.design
    left, top, right, bottom = sketch.label
    if design.panel is not None:
        draw.rounded_rectangle(sketch.label, 10, fill=design.panel)
    draw.rounded_rectangle((left + 6, top + 6, right - 6, bottom - 6), 7, outline=design.accent, width=2)
    middle, width, height = (left + right) / 2, right - left - 28, bottom - top
    _emblem(draw, (middle, top + 0.36 * height), 0.14 * height, petals, design)
    for text, level, size, stroke in zip(words, (0.13, 0.66, 0.87), (26, 36, 24), (0.0, 0.6, 0.0), strict=True):
        lines, font = _fitted(text, width, size)
        where = (middle, top + level * height)
        draw.text(where, lines, design.ink, font, anchor="mm", align="center", spacing=3, stroke_width=stroke)


def _fitted(text: str, width: int, size: int) -> tuple[str, ImageFont.FreeTypeFont]:
    """Break a long text at its middle space and shrink the font, from `size` down, until each line fits `width`."""
    if " " in text and _font(size * 3 // 4).getlength(text) > width:
        space = min((i for i, letter in enumerate(text) if letter == " "), key=lambda i: abs(i - len(text) / 2))
        text, size = f"{text[:space]}\n{text[space + 1 :]}", size * 3 // 4
    while max(_font(size).getlength(line) for line in text.split("\n")) > width:
        size -= 1
    return text, _font(size)


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.load_default(size)


def _emblem(draw: ImageDraw.ImageDraw, center: tuple[float, float], radius: float, petals: int, design: Design) -> None:
    """Draw a flower: each petal is an ellipse from the center outwards, as wide as leaves its neighbours room."""
    half_width = radius / 2 * math.tan(0.85 * min(math.pi / petals, 0.5))
    turn = np.linspace(0, 2 * math.pi, 25)
    along, across = radius / 2 * (1 - np.cos(turn)), half_width * np.sin(turn)
    for angle in np.linspace(0, 2 * math.pi, petals, endpoint=False) - math.pi / 2:
        x = center[0] + along * math.cos(angle) - across * math.sin(angle)
        y = center[1] + along * math.sin(angle) + across * math.cos(angle)
        outline = list(zip(x.tolist(), y.tolist(), strict=True))
        draw.polygon(outline, fill=design.accent)
    draw.circle(center, radius * 0.16, fill=design.panel or _PAPER)
