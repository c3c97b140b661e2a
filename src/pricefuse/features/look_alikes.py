"""Find rows that look alike by the vectors of their text, some thousand rows at a time."""

from collections.abc import Iterable

import numpy as np

from pricefuse.features.folds import NEVER

# Texts above this say the same in other words, or are one template: of 5,000 real rows 2 % have such a neighbor.
LOOK_ALIKE = 0.97
SAMPLE_ROWS = 2500  # whose neighbors are looked for, among all rows
REFERENCE_ROWS = 2500  # of the training rows, with which products to be priced are compared
TILE_ROWS = 1024
# All but this share of the training rows have a cosine of `usual` or more with a row in another fold; a product to be
# priced is far from all training rows where its distance (1 - cosine) is so many times the usual one. Both are measured
# against the same sample of training rows, so that the cost is that of the rows and not of their square.
FAR_SHARE, FAR_FACTOR = 0.001, 1.2
_ROUNDING = 1e-4


def unit_length(vectors: np.ndarray) -> np.ndarray:
    """Return float32 vectors (rows, dimension) scaled to length 1; a row that is missing (NaN) or zero becomes 0."""
    finite = np.asarray(vectors, np.float32)
    if not np.isfinite(finite).all():
        finite = np.nan_to_num(finite, nan=0.0, posinf=0.0, neginf=0.0)
    length = np.linalg.norm(finite, axis=1, keepdims=True)
    return finite / np.where(length > 0, length, 1)


def nearest(
    queries: np.ndarray, chunks: Iterable[np.ndarray], query_sides: np.ndarray, sides: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the cosine, float32, and the position, int64 (queries,), of each query's nearest row on another side.

    `queries` have length 1 (`unit_length`), `chunks` are all rows as they are stored. Without a row on another side
    the cosine is -1 and the position is -1.
    """
    best, position = np.full(len(queries), -1, np.float32), np.full(len(queries), -1)
    start = 0
    for stored in chunks:
        chunk = unit_length(stored)
        for low in range(0, len(queries), TILE_ROWS):
            part = slice(low, low + TILE_ROWS)
            cosines = queries[part] @ chunk.T
            cosines[query_sides[part, None] == sides[None, start : start + len(chunk)]] = -1
            column = cosines.argmax(axis=1)
            found = cosines[np.arange(len(column)), column]
            better = found > best[part]
            best[part][better], position[part][better] = found[better], start + column[better]
        start += len(chunk)
    return best, position


def sampled_rows(folds: np.ndarray, seed: int) -> np.ndarray:
    """Return the ascending positions of at most `SAMPLE_ROWS` rows that are held out by `folds`."""
    return _sample(np.flatnonzero(folds != NEVER), SAMPLE_ROWS, seed)


def reference_rows(folds: np.ndarray, seed: int) -> np.ndarray:
    """Return the ascending positions of at most `REFERENCE_ROWS` rows."""
    return _sample(np.arange(len(folds)), REFERENCE_ROWS, seed + 1)


def far_cosine(chunks: Iterable[np.ndarray], folds: np.ndarray, seed: int) -> float:
    """Return the cosine with the nearest of the reference rows below which a product resembles no training product.

    `chunks` are the vectors of all training rows as they are stored, `folds` int (rows,).
    """
    reference, sample = reference_rows(folds, seed), sampled_rows(folds, seed)
    needed = np.union1d(reference, sample)
    vectors = rows_of(chunks, needed)
    known, queries = (vectors[np.searchsorted(needed, rows)] for rows in (reference, sample))
    cosines, _ = nearest(queries, [known], folds[sample], folds[reference])
    return float(1 - FAR_FACTOR * (1 - np.quantile(cosines, FAR_SHARE)) - _ROUNDING)


def _sample(rows: np.ndarray, count: int, seed: int) -> np.ndarray:
    if len(rows) <= count:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, count, replace=False))


def rows_of(chunks: Iterable[np.ndarray], positions: np.ndarray) -> np.ndarray:
    """Return the rows at ascending `positions`, scaled to length 1."""
    found, start = [], 0
    for chunk in chunks:
        low, high = np.searchsorted(positions, [start, start + len(chunk)])
        found.append(unit_length(chunk[positions[low:high] - start]))
        start += len(chunk)
    return np.concatenate(found)
