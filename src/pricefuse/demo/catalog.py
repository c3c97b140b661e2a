"""Write the synthetic catalog in the challenge's layout: a folder of two tables and their images."""

import math
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random

import numpy as np
import pandas as pd

from pricefuse.demo.best_reachable import best_without_tier, expected_smape, row_smape
from pricefuse.demo.image_files import Condition, encode_photo, image_link, odd_conditions
from pricefuse.demo.listing_text import write_listing
from pricefuse.demo.product import Product, draw_products
from pricefuse.demo.rendering import ascii_text, render
from pricefuse.errors import InputError
from pricefuse.progress import progress

MIN_TRAIN_PRODUCTS = 20  # room for one image of each odd condition, and for sound ones beside them
SECOND_VIEW_RATE = 0.15
_CONTENT = {"train.csv", "test.csv", "images"}


def write_demo(
    folder: Path, *, train_products: int, test_products: int, noise_sd: float, seed: int
) -> dict[str, float | int | str]:
    """Write a synthetic catalog to `folder`, replacing a demo catalog there, and return its best reachable scores.

    ln(price in dollars) is an effect of the text + an effect of the image + Normal(0, `noise_sd`), so the best
    reachable SMAPE is known. The same arguments give the same bytes.

    Returns `note`; `products`, rows of both tables; `noise_sd`; and SMAPE in percent on the rows of train.csv:
    `best_smape_expected` of the best predictor, `best_smape_realized` by that predictor on the written prices,
    `best_smape_without_images` expected if no image could be seen, `median_smape` of the median price.

    Raises InputError if an argument is out of range or `folder` holds anything but a demo catalog.
    """
    folder = folder.resolve()
    _check(folder, train_products, test_products, noise_sd)
    total = train_products + test_products
    odd = odd_conditions(total)
    products = draw_products(total, singles=len(odd), rng=_stream(seed, "products"))
    _stream(seed, "rows").shuffle(products)
    conditions = [odd[product.family] if product.family < len(odd) else Condition.SOUND for product in products]
    slugs = [_slug(product, _stream(seed, "view", row)) for row, product in enumerate(products)]
    table = pd.DataFrame(
        {
            "sample_id": _stream(seed, "ids").sample(range(4 * total + 100_000), total),
            "catalog_content": _texts(products, seed),
            "image_link": [image_link(*image) for image in zip(slugs, conditions, strict=True)],
            "price": _prices(products, noise_sd, _stream(seed, "noise")),
        }
    )
    with _replacing(folder) as building:
        table[:train_products].to_csv(building / "train.csv", index=False, lineterminator="\n")
        test = table[train_products:].drop(columns="price")
        test.to_csv(building / "test.csv", index=False, lineterminator="\n")
        _write_images(building, products, slugs, conditions, seed)
    train = slice(train_products)
    usable = [condition.usable for condition in conditions[train]]
    smape = _smape_facts(products[train], table["price"].to_numpy()[train], usable, noise_sd)
    return {"note": "synthetic", "products": total, "noise_sd": noise_sd, **smape}


def _check(folder: Path, train_products: int, test_products: int, noise_sd: float) -> None:
    if train_products < MIN_TRAIN_PRODUCTS:
        raise InputError(f"train_products is {train_products}: ask for {MIN_TRAIN_PRODUCTS} or more.")
    if test_products < 1:
        raise InputError(f"test_products is {test_products}: ask for 1 or more.")
    if not 0 <= noise_sd < math.inf:
        raise InputError(f"noise_sd is {noise_sd}: it must be a finite number, 0 or more.")
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file: name a folder for the demo catalog.")
    foreign = sorted({path.name for path in folder.iterdir()} - _CONTENT) if folder.exists() else []
    if foreign:
        raise InputError(f"{folder} holds {foreign[0]}, which is no part of a demo catalog: name another folder.")


def _stream(seed: int, *purpose: object) -> Random:
    """Return a random stream of its own for each purpose, so that a change to one leaves the others as they are."""
    return Random(" ".join(map(str, (seed, *purpose))))  # noqa: S311 - a catalog, not a secret


def _slug(product: Product, rng: Random) -> str:
    name = f"{product.brand.name} {product.line} {product.variety} {product.category.noun}"
    # Variants without a size in their name share the name, so a second photo still leaves them one group.
    view = "" if product.sized_name or rng.random() >= SECOND_VIEW_RATE else " 2"
    return re.sub("[^a-z0-9]+", "-", ascii_text(name + view).lower())


def _texts(products: Sequence[Product], seed: int) -> list[str]:
    long = set(_stream(seed, "long").sample(range(len(products)), 1 if len(products) < 500 else 2))
    return [
        write_listing(
            product,
            title_rng=_stream(seed, "title", product.family),
            rng=_stream(seed, "listing", row),
            long=row in long,
        )
        for row, product in enumerate(products)
    ]


def _prices(products: Sequence[Product], noise_sd: float, rng: Random) -> list[float]:
    return [max(round(math.exp(product.log_price + rng.gauss(0, noise_sd)), 2), 0.01) for product in products]


def _write_images(
    folder: Path, products: Sequence[Product], slugs: Sequence[str], conditions: Sequence[Condition], seed: int
) -> None:
    (folder / "images").mkdir()
    photos = {slug: (product, condition) for slug, product, condition in zip(slugs, products, conditions, strict=True)}
    for slug, (product, condition) in progress(photos.items(), total=len(photos), title="demo images", unit="image"):
        camera = _stream(seed, "camera", slug)
        package = render(product, design_rng=_stream(seed, "design", product.family), camera_rng=camera)
        content = encode_photo(package, condition, camera)
        if content is not None:
            (folder / image_link(slug, condition)).write_bytes(content)


@contextmanager
def _replacing(folder: Path) -> Iterator[Path]:
    """Yield an empty sibling folder that takes the place of `folder` if the body succeeds."""
    new, old = (folder.with_name(f".{folder.name}.{age}") for age in ("new", "old"))
    for remains in (new, old):  # of a run that was killed
        shutil.rmtree(remains, ignore_errors=True)
    new.mkdir(parents=True)
    try:
        yield new
        if folder.exists():
            folder.replace(old)
        new.replace(folder)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _smape_facts(
    products: Sequence[Product], prices: np.ndarray, usable: Sequence[bool], noise_sd: float
) -> dict[str, float]:
    guess, unseen = best_without_tier(noise_sd)
    best = [
        product.log_price if seen else product.log_price_from_text + guess
        for product, seen in zip(products, usable, strict=True)
    ]
    actual = np.log(prices)
    facts = {
        "best_smape_expected": np.where(usable, expected_smape(0, noise_sd), unseen).mean(),
        "best_smape_realized": row_smape(best - actual).mean(),
        "best_smape_without_images": unseen,
        "median_smape": row_smape(math.log(np.median(prices)) - actual).mean(),
    }
    return {name: round(float(value), 4) for name, value in facts.items()}
