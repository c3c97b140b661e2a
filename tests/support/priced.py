"""A small made-up catalog whose prices follow from words, quantities and a picture's vector, for the members' tests."""

import numpy as np
import pandas as pd

from pricefuse.features.matrix import Block, Features
from pricefuse.features.ngrams import count_ngrams

NOUNS = {"honey": 2.2, "rice": 1.2, "coffee": 2.7, "soup": 0.8, "tea": 1.8}
BRANDS = {"Larkmoor": 0.5, "Zibbelo": -0.5, "Havrona": 0.0}
BLOCKS = (
    Block("gemma", 0, 6, "m@1"),
    Block("clip_image", 6, 10, "c@1"),
    Block("image_mask", 10, 11, "has_image"),
    Block("attributes", 11, 15, "a"),
)
ATTRIBUTES = ("amount", "is_mass", "is_count", "organic")


def catalog(rows=300, seed=0, folds=3, bits=12):
    """Return features of `rows` training rows; products come in pairs that are one group."""
    rng = np.random.default_rng(seed)
    nouns, brands = rng.choice(list(NOUNS), rows), rng.choice(list(BRANDS), rows)
    amount, organic = rng.normal(2, 0.7, rows), rng.integers(0, 2, rows)
    tier = rng.integers(-1, 2, rows)
    log_price = [NOUNS[noun] + BRANDS[brand] for noun, brand in zip(nouns, brands, strict=True)]
    log_price = log_price + 0.6 * amount + 0.2 * organic + 0.4 * tier + rng.normal(0, 0.15, rows)
    claims = np.where(organic == 1, "organic ", "")
    names = [f"{brands[i]} {nouns[i]} {claims[i]}no {i}" for i in range(rows)]
    image = np.stack([tier, -tier, tier**2, rng.normal(size=rows)], axis=1) + rng.normal(0, 0.1, (rows, 4))
    has_image = rng.random(rows) > 0.1
    image[~has_image] = np.nan
    stated = np.stack([amount, np.ones(rows), np.zeros(rows), organic], axis=1)
    stated[rng.random(rows) < 0.05, 0] = np.nan
    embedded = np.pad(nouns[:, None] == np.array(list(NOUNS)), ((0, 0), (0, 1))) + rng.normal(0, 0.2, (rows, 6))
    matrix = np.concatenate([embedded, image, has_image[:, None], stated], axis=1)
    groups = np.arange(rows) // 2
    index = pd.DataFrame(
        {
            "sample_id": [str(i) for i in range(rows)],
            "price": np.exp(log_price),
            "group": groups,
            "fold": groups % folds,
            "name": names,
        }
    )
    ngrams = count_ngrams({"name": names, "text": [f"{name}. A fine choice" for name in names]}, bits)
    return Features(matrix.astype(np.float32), BLOCKS, index, ngrams, ATTRIBUTES)
