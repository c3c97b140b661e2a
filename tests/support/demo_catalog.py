"""The demo catalog in tests: its arguments, and what a reader finds in its files."""

import re
from random import Random

from PIL import Image

from pricefuse.demo.assortment import UNITS
from pricefuse.demo.listing_text import write_listing
from pricefuse.demo.product import Product
from pricefuse.demo.rendering import on_background, render

ARGUMENTS = {"train_products": 60, "test_products": 15, "noise_sd": 0.2, "seed": 5}


def listing_of(product, row=0, **options):
    return write_listing(product, title_rng=Random(f"title {product.family}"), rng=Random(row), **options)


def name_of(text):
    return text.splitlines()[0].removeprefix("Item Name: ")


def files_of(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def opened(path):
    with Image.open(path) as image:
        image.load()
        return image


def can_be_seen(folder, link):
    try:
        opened(folder / link)
    except OSError:
        return False
    return True


def photo_of(product, number=0):
    camera = Random(number)
    return on_background(render(product, design_rng=Random(number), camera_rng=camera), camera)


def stated_quantity(product: Product, text: str) -> tuple[float, int]:
    """Total and pack as a reader of the text finds them."""
    scales = {unit.spelling: unit.scale for unit in UNITS[product.category.measure]}
    pack = re.search(r"Pack of (\d+)|(\d+) Pack\b|-- (\d+) per case", name_of(text))
    count = int(next(filter(None, pack.groups()))) if pack else 1
    value, unit = re.search(r"^Value: ([\d.]+)$", text, re.MULTILINE), re.search(r"^Unit: (.+)$", text, re.MULTILINE)
    if value and float(value[1]) > 0 and unit[1] in scales:
        return float(value[1]) / scales[unit[1]], count
    spelled = "|".join(sorted(map(re.escape, scales), key=len, reverse=True))
    size = re.search(rf"([\d.]+) ?({spelled})(?![A-Za-z])", name_of(text))
    return float(size[1]) / scales[size[2]] * count, count
