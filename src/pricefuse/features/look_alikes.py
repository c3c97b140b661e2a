"""Find rows that look alike by the vectors of their text or picture, some thousand rows at a time."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from pricefuse.features.folds import NEVER

# A picture that is saved again at high quality keeps a cosine of .996 or more with itself under the packaged encoder;
# of the pictures of different products, no two among 1,185 of the demo and 79 real ones came above .990.
SAME_PICTURE = 0.995
# Texts above this say the same in other words, or are one template: of 5,000 real rows 2 % have such a neighbor.
LOOK_ALIKE = 0.97
SAMPLE_ROWS = 5000  # whose neighbors are looked for, among all rows
TILE_ROWS, TILE_COLUMNS = 1024, 8192


def unit_length(vectors: np.ndarray) -> np.ndarray:
    """Return float32 vectors (rows, dimension) scaled to length 1; a row that is missing (NaN) or zero becomes 0."""
    finite = np.nan_to_num(np.asarray(vectors, np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    length = np.linalg.norm(finite, axis=1, keepdims=True)
    return finite / np.where(length > 0, length, 1)


def same_pictures(
    sample_ids: Sequence[str], keys: np.ndarray, has_image: np.ndarray, chunks: Iterable[np.ndarray]
) -> pd.Series:
    """Say which picture each row has, "" for none: rows with the same one have the same string.

    Rows have the same picture where their `keys` are equal (the encoder and the bytes are), and where the cosine of
    their vectors is `SAME_PICTURE` or more, also by way of others. `chunks` are the vectors, float32 (some rows,
    dimension), of all rows in order. The string names the first row that has the picture. Costs the square of the
    number of different pictures, and memory for their vectors.
    """
    first = np.flatnonzero(has_image & ~pd.Series(np.where(has_image, keys, "")).duplicated().to_numpy())
    distinct, start = [], 0
    for chunk in chunks:
        low, high = np.searchsorted(first, [start, start + len(chunk)])
        distinct.append(unit_length(chunk[first[low:high] - start]))
        start += len(chunk)
    if not len(first):
        return pd.Series([""] * len(keys), dtype=object)
    pictures = _components(np.concatenate(distinct))
    _, leader = np.unique(pictures, return_index=True)
    names = dict(zip(keys[first], (f"of sample_id {sample_ids[first[leader[p]]]}" for p in pictures), strict=True))
    return pd.Series([names[key] if there else "" for key, there in zip(keys, has_image, strict=True)], dtype=object)


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
    held_out = np.flatnonzero(folds != NEVER)
    if len(held_out) <= SAMPLE_ROWS:
        return held_out
    return np.sort(np.random.default_rng(seed).choice(held_out, SAMPLE_ROWS, replace=False))


def rows_of(chunks: Iterable[np.ndarray], positions: np.ndarray) -> np.ndarray:
    """Return the rows at ascending `positions`, scaled to length 1."""
    found, start = [], 0
    for chunk in chunks:
        low, high = np.searchsorted(positions, [start, start + len(chunk)])
        found.append(unit_length(chunk[positions[low:high] - start]))
        start += len(chunk)
    return np.concatenate(found)


def _components(vectors: np.ndarray) -> np.ndarray:
    """Number the groups of vectors of length 1 that are joined by cosines of SAME_PICTURE or more."""
    count = len(vectors)
    edges = [np.empty((2, 0), np.int64)]
    for top in range(0, count, TILE_ROWS):
        rows = vectors[top : top + TILE_ROWS]
        for left in range(top, count, TILE_COLUMNS):
            alike = np.argwhere(rows @ vectors[left : left + TILE_COLUMNS].T >= SAME_PICTURE).T
            ends = alike + np.array([[top], [left]])
            edges.append(_spanning(ends[:, ends[0] < ends[1]]))
    ends = np.concatenate(edges, axis=1)
    return connected_components(coo_array((np.ones(ends.shape[1]), ends), shape=(count, count)), directed=False)[1]


def _spanning(ends: np.ndarray) -> np.ndarray:
    """Return no more edges than joined nodes, with the same components: alike vectors by the thousand cost memory."""
    if not ends.shape[1]:
        return ends
    nodes, compact = np.unique(ends, return_inverse=True)
    compact = compact.reshape(ends.shape)
    size = len(nodes)
    graph = coo_array((np.ones(ends.shape[1]), compact), shape=(size, size))
    labels = connected_components(graph, directed=False)[1]
    _, leader = np.unique(labels, return_index=True)
    return np.stack([nodes[leader[labels]], nodes])
