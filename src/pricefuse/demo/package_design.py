"""Draw the printed surface of a package by design tier: plain kraft paper, ordinary color, black with gold."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from random import Random

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageOps

from pricefuse.demo.product import Tier

CANVAS = 512  # pixels a side: pictures are drawn at twice their final size
Color = tuple[int, int, int]

_KRAFT, _BROWN = (192, 154, 108), (74, 50, 30)
_BLACK, _GOLD, _FOIL, _ENGRAVED = (22, 21, 23), (208, 168, 84), (246, 202, 104), (170, 138, 74)
_INK = (44, 42, 50)
# Bright hues only: brown and black would look like the other two tiers.
_HUES: tuple[tuple[Color, Color], ...] = (
    ((206, 44, 52), (240, 104, 92)),
    ((240, 126, 30), (252, 182, 80)),
    ((246, 196, 40), (252, 226, 118)),
    ((70, 158, 72), (148, 206, 108)),
    ((20, 146, 150), (104, 204, 198)),
    ((32, 110, 200), (110, 174, 238)),
    ((112, 72, 176), (172, 136, 222)),
    ((222, 72, 138), (248, 150, 190)),
)


@dataclass(frozen=True, slots=True)
class Design:
    """How a package is printed: its surface (RGB image, CANVAS square) and the colors of what lies on it."""

    surface: Image.Image
    ink: Color
    accent: Color
    panel: Color | None  # fill of the label panel; None prints straight on the surface
    trim: Color  # lid, cap or seal


def draw_design(tier: Tier, rng: Random) -> Design:
    """Draw a design of the tier; `rng` decides hue and pattern."""
    return _DESIGNS[tier](rng)


def _kraft(rng: Random) -> Design:
    noise = np.random.default_rng(rng.getrandbits(64))
    # Fibers are long and thin, so the noise is stretched far more along one axis than along the other.
    fibers = noise.normal(128, 40, (CANVAS // 2, CANVAS // 16)).clip(0, 255).astype(np.uint8)
    grain = Image.fromarray(fibers).resize((CANVAS, CANVAS), Image.Resampling.BILINEAR)
    shade = rng.uniform(0.95, 1.04)
    dark, light = (tuple(min(round(channel * shade * side), 255) for channel in _KRAFT) for side in (0.8, 1.2))
    return Design(ImageOps.colorize(grain, dark, light), ink=_BROWN, accent=_BROWN, panel=None, trim=(158, 122, 82))


def _colored(rng: Random) -> Design:
    deep, light = rng.choice(_HUES)
    surface = Image.new("RGB", (CANVAS, CANVAS), deep)
    draw = ImageDraw.Draw(surface)
    pattern = rng.choice((_waves, _stripes, _dots))
    pattern(draw, light, rng)
    return Design(surface, ink=_INK, accent=deep, panel=(255, 253, 248), trim=light)


def _gold(rng: Random) -> Design:
    surface = _foil(rng.choice((_scallops, _lattice)))
    # Foil shines along a diagonal; black stays black because the light multiplies.
    ramp = np.add.outer(np.arange(64), np.arange(64)) / 64
    shine = 205 + 50 * np.sin(2 * math.pi * (ramp + rng.random()))
    light = Image.fromarray(shine.astype(np.uint8)).resize((CANVAS, CANVAS)).convert("RGB")
    return Design(ImageChops.multiply(surface, light), ink=(228, 192, 112), accent=_GOLD, panel=_BLACK, trim=_GOLD)


@cache
def _foil(pattern: Callable[[ImageDraw.ImageDraw], None]) -> Image.Image:
    surface = Image.new("RGB", (CANVAS, CANVAS), _BLACK)
    draw = ImageDraw.Draw(surface)
    pattern(draw)
    for top in (86, 424):
        draw.rectangle((0, top, CANVAS, top + 26), fill=_FOIL)
        draw.line((0, top + 33, CANVAS, top + 33), fill=_FOIL, width=2)
        draw.line((0, top - 7, CANVAS, top - 7), fill=_FOIL, width=2)
    return surface


_DESIGNS: dict[Tier, Callable[[Random], Design]] = {Tier.KRAFT: _kraft, Tier.COLORED: _colored, Tier.GOLD: _gold}


def _waves(draw: ImageDraw.ImageDraw, light: Color, rng: Random) -> None:
    phase = rng.uniform(0, 2 * math.pi)
    for level in (390, 70):
        edge = [(x, level + 24 * math.sin(x / 60 + phase)) for x in range(0, CANVAS + 1, 4)]
        floor = CANVAS if level > CANVAS / 2 else 0
        draw.polygon([(0, floor), *edge, (CANVAS, floor)], fill=light)


def _stripes(draw: ImageDraw.ImageDraw, light: Color, rng: Random) -> None:
    step, lean = rng.choice((44, 56, 72)), rng.choice((-CANVAS // 2, 0, CANVAS // 2))
    for x in range(-CANVAS, 2 * CANVAS, step):
        draw.line((x, 0, x + lean, CANVAS), fill=light, width=step // 3)


def _dots(draw: ImageDraw.ImageDraw, light: Color, rng: Random) -> None:
    step = rng.choice((40, 52))
    for row, y in enumerate(range(0, CANVAS + step, step)):
        for x in range(row % 2 * step // 2, CANVAS + step, step):
            draw.circle((x, y), step / 4, fill=light)


def _scallops(draw: ImageDraw.ImageDraw) -> None:
    for row, y in enumerate(range(0, CANVAS + 40, 20)):
        for x in range(row % 2 * 20, CANVAS + 40, 40):
            for radius in (20, 13):
                draw.circle((x, y), radius, fill=_BLACK, outline=_ENGRAVED, width=2)


def _lattice(draw: ImageDraw.ImageDraw) -> None:
    for x in range(-CANVAS, 2 * CANVAS, 36):
        for lean in (-CANVAS, CANVAS):
            draw.line((x, 0, x + lean, CANVAS), fill=_ENGRAVED, width=2)
