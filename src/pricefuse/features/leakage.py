"""Leak checks: no feature knows the price, and no product stands on both sides of a fold."""

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from pricefuse.errors import InputError
from pricefuse.features.folds import NEVER
from pricefuse.features.matrix import Features
from pricefuse.features.stored import gather

# Ordering by a stated quantity agrees with ordering by price up to .5; a copy of the price, rounded or logged, to 1.
MAX_CORRELATION = 0.99
MIN_ROWS = 30  # with fewer, chance alone can order a column
SAMPLE_ROWS = 5000  # of blocks wider than MAX_WHOLE_COLUMNS: chance orders no column of so many as the prices are
MAX_WHOLE_COLUMNS = 256


def check_leakage(features: Features) -> None:
    """Check training rows; raise InputError where a column is ordered as the prices are, or a group is in two folds.

    A column's rank correlation (Spearman's) with the prices is measured on the rows where it is not missing, of a wide
    block on a sample of them. Groups are not checked under a random split, which is known to part variants: it has one
    fold alone.
    """
    _check_groups(features.index)
    _check_columns(features, features.index["price"].to_numpy(np.float64))


def _check_groups(index: pd.DataFrame) -> None:
    if index.loc[index["fold"] != NEVER, "fold"].nunique() < 2:
        return
    folds = index.groupby("group")["fold"].nunique()
    if len(parted := folds[folds > 1]):
        row = index[index["group"] == parted.index[0]]
        raise InputError(
            f"{len(parted)} product groups are in more than one fold, such as that of sample_id"
            f" {', '.join(map(str, row['sample_id'].head(3)))}: the scores would flatter. Run `dvc repro fuse`"
        )


def _check_columns(features: Features, prices: np.ndarray) -> None:
    everyone = np.arange(len(features))
    for block in features.blocks:
        rows = everyone
        if block.width > MAX_WHOLE_COLUMNS:
            # Vectors are there or not as a whole; a sample of those that are there is as good as all.
            first = gather(features.matrix, everyone, slice(block.start, block.start + 1))[:, 0]
            rows = _sample(everyone[np.isfinite(first)])
        values = gather(features.matrix, rows, slice(block.start, block.stop))
        own_prices = prices[rows]
        for column, each in enumerate(values.T):
            if abs(_rank_correlation(each, own_prices)) > MAX_CORRELATION:
                raise InputError(
                    f"column {column} of block {block.name} is ordered as the prices are: it was made from them,"
                    " and would not be known of a new product. Remove it"
                )


def _sample(rows: np.ndarray) -> np.ndarray:
    if len(rows) <= SAMPLE_ROWS:
        return rows
    return np.sort(np.random.default_rng(0).choice(rows, SAMPLE_ROWS, replace=False))


def _rank_correlation(values: np.ndarray, prices: np.ndarray) -> float:
    present = np.isfinite(values)
    if present.sum() < MIN_ROWS or np.ptp(values[present]) == 0 or np.ptp(prices[present]) == 0:
        return 0.0
    return float(np.corrcoef(rankdata(values[present]), rankdata(prices[present]))[0, 1])
