"""Checks that no feature knows the price and that no product stands on both sides of a fold."""

import numpy as np
from scipy.stats import rankdata

from pricefuse.errors import InputError
from pricefuse.features.matrix import Features

# A stated quantity orders prices to .5 at the most; a price, its rounding or its logarithm to 1.
MOST_CORRELATION = 0.99
LEAST_ROWS = 30  # with fewer, chance alone can order a column
CHUNK_COLUMNS = 256


def check(features: Features) -> None:
    """Raise InputError where a column is ordered as the prices are, or a product group is in two folds.

    A column's rank correlation (Spearman's) with the training prices is measured on the rows where it is not missing.
    The groups are not checked under a random split, which is known to part variants: it has one fold alone.
    """
    train = np.flatnonzero(features.index["split"] == "train")
    index = features.index.iloc[train]
    held_out = index[index["fold"] >= 0]
    if held_out["fold"].nunique() > 1:
        folds = index.groupby("group")["fold"].nunique()
        if len(parted := folds[folds > 1]):
            row = index[index["group"] == parted.index[0]]
            raise InputError(
                f"{len(parted)} product groups are in more than one fold, such as that of sample_id"
                f" {', '.join(map(str, row['sample_id'].head(3)))}: the scores would flatter. Run `dvc repro fuse`"
            )
    _check_columns(features, train, index["price"].to_numpy(np.float64))


def _check_columns(features: Features, train: np.ndarray, prices: np.ndarray) -> None:
    for block in features.blocks:
        for start in range(block.start, block.stop, CHUNK_COLUMNS):
            part = np.asarray(features.matrix[train, start : min(start + CHUNK_COLUMNS, block.stop)])
            for column, values in enumerate(part.T, start - block.start):
                if abs(_rank_correlation(values, prices)) > MOST_CORRELATION:
                    raise InputError(
                        f"column {column} of block {block.name} is ordered as the prices are: it was made from them,"
                        " and would not be known of a new product. Remove it"
                    )


def _rank_correlation(values: np.ndarray, prices: np.ndarray) -> float:
    there = np.isfinite(values)
    if there.sum() < LEAST_ROWS or np.ptp(values[there]) == 0 or np.ptp(prices[there]) == 0:
        return 0.0
    return float(np.corrcoef(rankdata(values[there]), rankdata(prices[there]))[0, 1])
