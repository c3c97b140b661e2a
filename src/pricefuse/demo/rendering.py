"""Render a product's photo: a package on a light background; of the price it shows the design tier alone."""

import math
import unicodedata
from random import Random

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from pricefuse.demo.assortment import CATEGORIES
from pricefuse.demo.package_design import draw_design
from pricefuse.demo.package_drawing import draw_package
from pricefuse.demo.product import Product

SIDE = 256  # pixels


def render(product: Product, *, design_rng: Random, camera_rng: Random) -> Image.Image:
    """Return the package as an RGBA image, SIDE pixels square, on a transparent background.

    Pictures of one product from two angles share the state of `design_rng` and differ in that of `camera_rng`.
    """
    category = product.category
    words = (ascii_text(product.brand.name), ascii_text(product.variety), category.noun.upper())
    petals = 3 + CATEGORIES.index(category) % 6
    package = draw_package(category.package, draw_design(product.tier, design_rng), category.content, words, petals)
    return _framed(package.reduce(package.width // SIDE), camera_rng)


def _framed(package: Image.Image, camera_rng: Random) -> Image.Image:
    """Zoom, tilt and shift a little, as no two photos are framed alike."""
    zoom, tilt = camera_rng.uniform(0.88, 1.04), math.radians(camera_rng.uniform(-2.5, 2.5))
    right, down = camera_rng.uniform(-12, 12), camera_rng.uniform(-5, 5)
    cosine, sine, middle = math.cos(tilt) / zoom, math.sin(tilt) / zoom, SIDE / 2
    # Pillow wants the inverse map: x in the source = a*x + b*y + c, y = d*x + e*y + f.
    c = middle - cosine * (middle + right) - sine * (middle + down)
    f = middle + sine * (middle + right) - cosine * (middle + down)
    inverse = (cosine, sine, c, -sine, cosine, f)
    return package.transform((SIDE, SIDE), Image.Transform.AFFINE, inverse, Image.Resampling.BICUBIC)


def on_background(package: Image.Image, camera_rng: Random) -> Image.Image:
    """Put a rendered package (RGBA) on a softly lit light background; returns RGB of the same size."""
    width, height = package.size
    tint = np.asarray([camera_rng.uniform(244, 254) for _ in range(3)], np.float32)
    light = np.linspace(1.0, camera_rng.uniform(0.90, 0.97), height, dtype=np.float32)
    rows = (light[:, None, None] * tint).clip(0, 255).astype(np.uint8)
    photo = Image.fromarray(np.repeat(rows, width, axis=1))
    left, _, right, bottom = package.getbbox()
    shadow = Image.new("L", package.size)
    ImageDraw.Draw(shadow).ellipse((left - 6, bottom - 14, right + 10, bottom + 8), fill=120)
    photo.paste((70, 66, 64), (0, 0), shadow.filter(ImageFilter.GaussianBlur(6)))
    photo.paste(package, (0, 0), package)
    return photo


def ascii_text(text: str) -> str:
    """Return `text` without accents: Pillow's bundled font has no glyph beyond ASCII."""
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
