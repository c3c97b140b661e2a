"""Equal and nearly equal pictures: found by their hashes, whatever their number, and never by a plain one."""

import numpy as np
import pyarrow as pa
import pytest

from pricefuse.features import pictures
from pricefuse.features.pictures import MAX_BITS, near_pairs, same_pictures

WIDTH = 256


def hashes(rows, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (rows, WIDTH // 8), dtype=np.uint8)


def flipped(value, count, seed=0):
    bits = np.unpackbits(value)
    bits[np.random.default_rng(seed).choice(WIDTH, count, replace=False)] ^= 1
    return np.packbits(bits)


def same(values, sha256=None):
    ids = [f"p{row}" for row in range(len(values))]
    encoded = [None if value is None else value.tobytes() for value in values]
    digests = sha256 or ids
    return same_pictures(ids, pa.array(digests, pa.string()), pa.array(encoded, pa.binary(WIDTH // 8))).tolist()


def test_equal_bytes_are_one_picture_and_a_missing_image_is_none():
    a, b = hashes(2)
    assert same([a, None, a, b, None], ["a", None, "a", "b", None]) == [
        "of sample_id p0", "", "of sample_id p0", "of sample_id p3", "",
    ]  # fmt: skip
    assert same([None, None], [None, None]) == ["", ""]


def test_hashes_that_differ_in_few_bits_are_one_picture_also_by_way_of_others():
    first, foreign = hashes(2)
    second = flipped(first, MAX_BITS)
    third = flipped(second, MAX_BITS, seed=1)
    assert (np.unpackbits(first) != np.unpackbits(third)).sum() > MAX_BITS
    assert same([first, foreign, third, second, flipped(foreign, MAX_BITS + 1)]) == [
        "of sample_id p0", "of sample_id p1", "of sample_id p0", "of sample_id p0", "of sample_id p4",
    ]  # fmt: skip


def test_plain_pictures_are_one_only_where_their_bytes_are():
    assert same([None, None, None], ["a", "b", "a"]) == ["of sample_id p0", "of sample_id p1", "of sample_id p0"]


def slow_pairs(values, distance):
    bits = np.unpackbits(values, axis=1).astype(bool)
    apart = (bits[:, None] != bits[None]).sum(axis=2)
    return {(i, j) for i, j in zip(*np.nonzero(apart <= distance), strict=True) if i < j}


@pytest.mark.parametrize("distance", [0, 1, 5, 12])
def test_every_near_pair_is_found_and_no_other(distance):
    values = hashes(60)
    copies = [flipped(values[row % 60], row % (distance + 3), seed=row) for row in range(200)]
    values = np.concatenate([values, copies])
    found = {tuple(sorted(pair)) for part in near_pairs(values, distance) for pair in part.T.tolist()}
    assert found == slow_pairs(values, distance)
    assert len(found) > 50


def test_a_picture_that_thousands_resemble_is_one_group_within_bounds(monkeypatch):
    monkeypatch.setattr(pictures, "MAX_EDGES", 5000)
    template = hashes(1)[0]
    values = np.stack([flipped(template, 3, seed=row) for row in range(3000)])
    largest = max(part.shape[1] for part in near_pairs(values, MAX_BITS))
    assert largest <= len(values)
    assert set(same(values)) == {"of sample_id p0"}


def test_no_hashes_have_no_pairs():
    assert list(near_pairs(np.empty((0, 32), np.uint8), MAX_BITS)) == []
