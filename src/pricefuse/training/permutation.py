"""What each feature block is worth: how far SMAPE rises when its values are shuffled among products.

Permutation importance (Breiman, "Random forests", 2001), on held-out rows: each is predicted by the fits of its own
fold, with its own value of a block and with that of another product.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from pricefuse.features.folds import NEVER
from pricefuse.features.matrix import NGRAMS, Features
from pricefuse.metrics import difference_interval, smape
from pricefuse.models.price_model import Model, PriceModel
from pricefuse.training.fold_fit import fit_name

COLUMNS = ["block", "rise", "rise_low", "rise_high"]


def block_importance(
    model: PriceModel, features: Features, *, rows: int, samples: int, confidence: float, seed: int
) -> pd.DataFrame:
    """Return block, rise, rise_low and rise_high, a row for each feature block, the one that is worth most first.

    `rise` is how far SMAPE rises (percent) without what the block says of a product; its interval, of `confidence`, is
    the paired bootstrap's by product group. At most `rows` held-out rows of `features`, the training rows, are used.
    Blocks that say the same stand in for each other: the rises do not add up.
    """
    rng = np.random.default_rng(seed)
    held_out = np.flatnonzero(features.index["fold"].to_numpy() != NEVER)
    chosen = np.sort(rng.choice(held_out, min(rows, len(held_out)), replace=False))
    given = features.at(chosen)
    prices, groups = given.index["price"].to_numpy(np.float64), given.index["group"].to_numpy()
    known = _predict(model, given)
    found = []
    for name in (block.name for block in given.layout):
        order = rng.permutation(len(given))
        shuffled = _predict(model, _shuffled(given, name, order))
        low, high = difference_interval(
            prices, shuffled, known, groups, samples=samples, confidence=confidence, seed=seed
        )
        found.append((name, smape(prices, shuffled) - smape(prices, known), low, high))
    table = pd.DataFrame(found, columns=COLUMNS).round(4)
    return table.sort_values("rise", ascending=False, kind="stable", ignore_index=True)


def _shuffled(features: Features, name: str, order: np.ndarray) -> Features:
    if name == NGRAMS and features.ngrams is not None:
        return replace(features, ngrams=features.ngrams[order])
    block = next(block for block in features.blocks if block.name == name)
    matrix = features.matrix.copy()
    matrix[:, block.start : block.stop] = features.matrix[order, block.start : block.stop]
    return replace(features, matrix=matrix)


def _predict(model: PriceModel, features: Features) -> np.ndarray:
    """Return prices, float64 (rows,), each by the fits that did not see the row's fold."""
    folds, prices = features.index["fold"].to_numpy(), np.empty(len(features))
    for fold in np.unique(folds).tolist():
        own = np.flatnonzero(folds == fold)
        members = {member: _of_fold(fits, fold) for member, fits in model.members.items()}
        prices[own] = replace(model, members=members).predict(features.at(own))
    return prices


def _of_fold(fits: Mapping[str, Model], fold: int) -> dict[str, Model]:
    prefix = fit_name(fold, 0).removesuffix("0")
    return {name: fits[name] for name in fits if name.startswith(prefix)}
