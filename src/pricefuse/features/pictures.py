"""Say which products show the same picture, by its bytes and by its perceptual hash."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

# Bits of 256 that the hashes of one picture may differ in. Copies of 117 product photographs and 100 pictures of the
# demo, saved again at quality 75 and 50, at half the size, and both: 99 % are within 12. Of different pictures of the
# demo no two are, of those photographs 3 pairs of 6,786, one brand's bags that differ in a line of the label. A copy
# that lacks 5 % at each side differs in 40 to 120 bits, like another picture, and is not found.
MAX_BITS = 12
# Pictures that agree in one of the bands are compared with so many others at most, next to them in order of their
# hashes: a template that thousands of pictures follow must not cost the square of their number.
MAX_COMPARED = 100
MAX_EDGES = 2**20  # beyond which edges are reduced to those that the groups need


def same_pictures(
    sample_ids: pa.StringArray | Sequence[str], sha256: pa.StringArray, phashes: pa.FixedSizeBinaryArray
) -> pd.Series:
    """Say which picture each row has, "" for none: rows with the same one have the same string.

    Rows have the same picture where their `sha256` are equal, and where their `phashes` differ in at most MAX_BITS
    bits, also by way of others; null is no picture, and no hash. The string names the first row that has the picture.
    """
    codes, distinct = pd.factorize(np.asarray(sha256.to_numpy(zero_copy_only=False)))
    if not len(distinct):
        return pd.Series([""] * len(codes), dtype=str)
    there = np.flatnonzero(codes >= 0)
    first = there[np.unique(codes[there], return_index=True)[1]]  # of each distinct picture, its first row
    hashed = np.flatnonzero(phashes.is_valid().to_numpy(zero_copy_only=False)[first])
    bits = b"".join(phashes.take(pa.array(first[hashed])).to_pylist())
    pairs = near_pairs(np.frombuffer(bits, np.uint8).reshape(len(hashed), phashes.type.byte_width), MAX_BITS)
    labels = _components(len(first), (hashed[pair] for pair in pairs))
    _, leader = np.unique(labels, return_index=True)
    names = np.array([f"of sample_id {sample_ids[row]}" for row in first[leader].tolist()] + [""], object)
    return pd.Series(names[np.append(labels, len(leader))[codes]], dtype=str)


def near_pairs(hashes: np.ndarray, distance: int) -> Iterator[np.ndarray]:
    """Yield pairs of rows of `hashes`, uint8 (rows, bytes), that differ in at most `distance` bits, int64 (2, some).

    Of distance + 1 bands of bits one at least is equal in such a pair (pigeonhole principle), so that rows are compared
    only where a band is equal, and there with MAX_COMPARED others. A pair may come several times. Memory is a few
    numbers a row.
    """
    rows, width = hashes.shape
    words = np.ascontiguousarray(np.pad(hashes, ((0, 0), (0, -width % 8)))).view(np.uint64)
    for number in range(distance + 1 if rows else 0):
        # Bits that are far from each other: neighboring frequencies of a picture are alike.
        places = np.arange(number, 8 * width, distance + 1)
        band = np.packbits(hashes[:, places // 8] >> (7 - places % 8) & 1, axis=1)
        order = np.lexsort([*words.T[::-1], *band.T[::-1]])
        # A run of equal bands gets a number.
        runs = np.cumsum((band[order[1:]] != band[order[:-1]]).any(axis=1))
        runs = np.concatenate([[0], runs])
        near = np.arange(rows)
        for step in range(1, min(MAX_COMPARED, rows - 1) + 1):
            near = near[near < rows - step]
            near = near[runs[near] == runs[near + step]]
            if not len(near):
                break
            one, other = order[near], order[near + step]
            alike = np.bitwise_count(words[one] ^ words[other]).sum(axis=1) <= distance
            yield np.stack([one[alike], other[alike]])


def _components(count: int, pairs: Iterable[np.ndarray]) -> np.ndarray:
    """Number the groups of `count` nodes that are joined by `pairs`, in order of their first nodes."""
    edges = [np.empty((2, 0), np.int64)]
    for pair in pairs:
        edges.append(pair)
        if sum(each.shape[1] for each in edges) > MAX_EDGES:
            labels = _labels(count, edges)
            _, leader = np.unique(labels, return_index=True)
            edges = [np.stack([leader[labels], np.arange(count)])]
    return pd.factorize(_labels(count, edges))[0]


def _labels(count: int, edges: Sequence[np.ndarray]) -> np.ndarray:
    ends = np.concatenate(edges, axis=1)
    return connected_components(coo_array((np.ones(ends.shape[1]), ends), shape=(count, count)), directed=False)[1]
