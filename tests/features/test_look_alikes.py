"""Rows that look alike: nearest rows on another side."""

import numpy as np

from pricefuse.features import look_alikes
from pricefuse.features.look_alikes import nearest, reference_rows, rows_of, sampled_rows, unit_length


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
    assert reference_rows(folds, 0).tolist() == list(range(40))
    monkeypatch.setattr(look_alikes, "REFERENCE_ROWS", 7)
    assert sorted(set(reference_rows(folds, 0))) == reference_rows(folds, 0).tolist()
    assert len(reference_rows(folds, 0)) == 7


def test_rows_are_read_from_chunks_at_their_positions():
    chunks = [np.array([[1.0, 0]]), np.array([[2.0, 0], [0, 3]]), np.array([[5.0, 0]])]
    np.testing.assert_array_equal(rows_of(chunks, np.array([1, 2])), [[1, 0], [0, 1]])
