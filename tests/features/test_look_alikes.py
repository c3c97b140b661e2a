"""Rows that look alike: equal and nearly equal pictures, and nearest rows on another side."""

import numpy as np
import pytest

from pricefuse.features import look_alikes
from pricefuse.features.look_alikes import SAME_PICTURE, nearest, rows_of, same_pictures, sampled_rows, unit_length


def at_angle(cosine):
    return [cosine, np.sqrt(1 - cosine**2)]


def pictures(vectors, keys=None, has_image=None, chunk=2):
    vectors = np.array(vectors, np.float32)
    keys = np.array([str(row) for row in range(len(vectors))] if keys is None else keys, object)
    there = np.ones(len(vectors), bool) if has_image is None else np.array(has_image)
    vectors[~there] = np.nan
    ids = [f"p{row}" for row in range(len(vectors))]
    chunks = [vectors[start : start + chunk] for start in range(0, len(vectors), chunk)]
    return same_pictures(ids, keys, there, chunks).tolist()


def test_equal_keys_are_one_picture_and_a_missing_image_is_none():
    found = pictures([[1, 0], [0, 1], [1, 0], [0, 1]], keys=["a", "b", "a", "b"], has_image=[True, False, True, False])
    assert found == ["of sample_id p0", "", "of sample_id p0", ""]
    assert pictures([[1, 0]], has_image=[False]) == [""]


@pytest.mark.parametrize("chunk", [1, 2, 5])
def test_nearly_equal_vectors_are_one_picture_also_by_way_of_others(chunk):
    near = SAME_PICTURE + 0.001
    turn = np.arccos(near)
    chain = [[np.cos(turn * step), np.sin(turn * step)] for step in range(3)]
    found = pictures([*chain, [-1, 0], np.array(at_angle(SAME_PICTURE - 0.001)) * [1, -1]], chunk=chunk)
    assert found == ["of sample_id p0"] * 3 + ["of sample_id p3", "of sample_id p4"]


def test_pictures_are_the_same_in_tiles_as_in_one_piece(monkeypatch):
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(15, 4))[rng.integers(0, 15, 90)] + rng.normal(0, 0.01, (90, 4))
    whole = pictures(vectors)
    assert 1 < len(set(whole)) < 90
    monkeypatch.setattr(look_alikes, "TILE_ROWS", 7)
    monkeypatch.setattr(look_alikes, "TILE_COLUMNS", 11)
    assert pictures(vectors, chunk=13) == whole


def test_the_nearest_row_is_sought_on_another_side():
    vectors = np.array([[1, 0], [1, 0.01], [0, 1], [np.nan, np.nan]], np.float32)
    sides = np.array([0, 0, 1, 1])
    for chunk in (1, 3, 4):
        chunks = [vectors[start : start + chunk] for start in range(0, 4, chunk)]
        cosines, positions = nearest(unit_length(vectors), chunks, sides, sides)
        np.testing.assert_allclose(cosines, [0, 0.01, 0.01, 0], atol=1e-4)
        assert positions.tolist()[1:3] == [2, 1]


def test_without_another_side_there_is_no_nearest_row():
    cosines, positions = nearest(np.eye(2, dtype=np.float32), [np.eye(2)], np.zeros(2), np.zeros(2))
    assert cosines.tolist() == positions.tolist() == [-1, -1]


def test_a_sample_is_of_rows_that_are_held_out(monkeypatch):
    monkeypatch.setattr(look_alikes, "SAMPLE_ROWS", 5)
    folds = np.where(np.arange(40) % 2, -1, 0)
    sample = sampled_rows(folds, 0)
    assert len(set(sample)) == 5
    assert (folds[sample] == 0).all()
    assert sampled_rows(folds[:8], 0).tolist() == [0, 2, 4, 6]


def test_rows_are_read_from_chunks_at_their_positions():
    chunks = [np.array([[1.0, 0]]), np.array([[2.0, 0], [0, 3]]), np.array([[5.0, 0]])]
    np.testing.assert_array_equal(rows_of(chunks, np.array([1, 2])), [[1, 0], [0, 1]])
