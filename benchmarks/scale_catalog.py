"""A catalog of any size for benchmarks/scale.py: the demo's listings, with as many different words as real ones have.

The demo's few brands and phrases would give 30 times fewer n-grams than real listings. Here brands and most other words
are made-up ones, drawn so that new ones keep coming: 5,000 listings have as many hashed n-grams as 5,000 of the
challenge (247,000; 246,000), half of them in more than one. A median listing has 670 characters (643).
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
from tqdm import tqdm

from pricefuse.demo.assortment import UNITS, Brand
from pricefuse.demo.listing_text import write_listing
from pricefuse.demo.product import draw_products

HEADER = ("sample_id", "catalog_content", "image_link", "price")
DRAWN_AT_ONCE = 2000  # products: about as many as the demo's assortment makes
LINK_AGAIN = 0.021  # of the listings: 3.6 % of all then share their link
MADE_UP = 0.9  # of the words
LONG = 0.15  # of the listings
VOCABULARY, OFFSET, EXPONENT = 100_000, 10, 1.0  # of the made-up words: rank r has frequency (r + offset)**-exponent
NOISE_SD = 0.45  # of ln price
_SYLLABLES = [a + b for a in "bcdfghklmnprstvw" for b in ("a", "e", "i", "o", "u", "ar", "en", "il", "on", "us")]
_WORD = re.compile(r"\b[a-z]{4,}\b")
_UNITS = {word for units in UNITS.values() for unit in units for word in unit.spelling.lower().split()} | {
    "pack",
    "case",
}


def write_catalog(folder: Path, train_rows: int, test_rows: int, seed: int = 0) -> None:
    """Write train.csv and test.csv to `folder`, one listing after the other: memory does not grow with the rows."""
    folder.mkdir(parents=True, exist_ok=True)
    total = train_rows + test_rows
    rows = iter(tqdm(_rows(total, seed), total=total, desc="catalog", unit="row", disable=None))
    for name, count in (("train", train_rows), ("test", test_rows)):
        columns = HEADER if name == "train" else HEADER[:-1]
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            for _ in range(count):
                writer.writerow(next(rows)[: len(columns)])


def _rows(count: int, seed: int) -> Iterator[tuple[int, str, str, float]]:
    rng = Random(seed)  # noqa: S311 - a catalog, not a secret
    words = _Words(seed)
    links: list[str] = []
    for start in range(0, count, DRAWN_AT_ONCE):
        for row, product in enumerate(draw_products(min(DRAWN_AT_ONCE, count - start), singles=0, rng=rng), start):
            # A brand of its own makes a family's name another, each time the assortment is gone through.
            own = replace(product, brand=Brand(words.draw().title(), product.brand.quality), line=words.draw().title())
            listing = write_listing(own, title_rng=rng, rng=rng)
            if rng.random() < LONG:
                more = " ".join(words.draw() for _ in range(rng.randint(80, 300)))
                listing = listing.replace("\nValue:", f"\nProduct Description: {more}.\nValue:", 1)
            text = _WORD.sub(lambda match: _other(match[0], words, rng), listing)
            price = round(float(np.exp(product.log_price + rng.gauss(0, NOISE_SD))), 2)
            shares = bool(links) and rng.random() < LINK_AGAIN
            link = rng.choice(links) if shares else f"https://images.invalid/{row}.jpg"
            if not shares and len(links) < count // 20:
                links.append(link)
            yield row, text, link, max(price, 0.01)


def _other(word: str, words: "_Words", rng: Random) -> str:
    return word if word in _UNITS or rng.random() >= MADE_UP else words.draw()


class _Words:
    """Made-up words, with the frequencies of a language: by Zipf's and Mandelbrot's law."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._cumulative = np.cumsum((np.arange(VOCABULARY) + OFFSET) ** -EXPONENT)
        self._numbers: Iterator[int] = iter(())

    def draw(self) -> str:
        number = next(self._numbers, None)
        if number is None:
            drawn = self._rng.uniform(0, self._cumulative[-1], 10_000)
            self._numbers = iter(np.searchsorted(self._cumulative, drawn).tolist())
            number = next(self._numbers)
        word = ""
        while number > 0 or len(word) < 4:
            number, syllable = divmod(number, len(_SYLLABLES))
            word += _SYLLABLES[syllable]
        return word
