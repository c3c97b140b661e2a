"""Preprocessing: it is scikit-learn's, on the fitted rows alone, and hostile values do no harm."""

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.preprocessing import StandardScaler

from pricefuse.features.matrix import Block
from pricefuse.features.ngrams import count_ngrams
from pricefuse.models.preprocessing import DenseBlocks, Scaler, Tfidf

TEXTS = ["Honey, raw honey", "", "rice", "Rice 5 lb", "बासमती चावल 米", "raw rice"]
FIELDS = {"name": TEXTS, "text": TEXTS}


def test_the_scaler_is_that_of_scikit_learn_and_sees_its_rows_alone(monkeypatch):
    monkeypatch.setattr("pricefuse.models.preprocessing.CHUNK_ROWS", 37)
    matrix = np.random.default_rng(0).normal(size=(400, 6)).astype(np.float32) + np.float32(
        1000
    )  # a large mean must not eat the variance
    scaler, reference = Scaler.fit(matrix, np.arange(200)), StandardScaler().fit(matrix[:200].astype(np.float64))
    np.testing.assert_allclose(scaler.mean, reference.mean_, rtol=1e-6)
    np.testing.assert_allclose(scaler.deviation, reference.scale_, rtol=1e-4)


def test_missing_values_become_the_mean_and_dead_columns_stay_small():
    matrix = np.array([[1, np.nan, 5, 0.3], [3, np.nan, 5 + 1e-6, 0.3]], dtype=np.float32)
    scaler = Scaler.fit(matrix, np.arange(2))
    np.testing.assert_allclose(scaler.transform(matrix), [[-1, 0, 0, 0], [1, 0, 0, 0]], atol=1e-5)
    hostile = np.array([[np.nan, np.inf, np.nan, -1e30]], np.float32)
    np.testing.assert_array_equal(scaler.transform(hostile), [[0, 20, 0, -20]])


def test_a_column_without_any_value_becomes_zero_and_no_warning_is_printed(recwarn):
    matrix = np.array([[np.nan, 1], [np.nan, 2]], dtype=np.float32)
    scaler = Scaler.fit(matrix, np.arange(2))
    np.testing.assert_array_equal(scaler.transform(matrix), [[0, -1], [0, 1]])
    assert not recwarn.list


def test_tfidf_is_scikit_learns_within_each_space():
    counted = count_ngrams(FIELDS, 12)
    mine = Tfidf.fit(counted)
    got = mine.transform(counted).toarray()
    table = counted.toarray()
    space = mine.columns >> 12
    for number in range(3):
        kept = mine.columns[space == number]
        reference = TfidfTransformer(sublinear_tf=True).fit(table[:, kept])
        np.testing.assert_allclose(got[:, space == number], reference.transform(table[:, kept]).toarray(), rtol=1e-5)


def test_tfidf_drops_what_one_row_alone_says_and_what_every_row_says():
    texts = ["x common one", "x common two", "x other one"]
    counted = count_ngrams({"name": [""] * 3, "text": texts}, 16)
    assert len(Tfidf.fit(counted).columns) == 3  # common, one, "x common"


@pytest.mark.parametrize(("most", "kept"), [(3, 3), (2, 1), (1, 1), (0, 0)])
def test_of_too_many_ngrams_those_of_most_rows_are_kept(monkeypatch, most, kept):
    monkeypatch.setattr("pricefuse.models.preprocessing.MAX_NGRAMS", most)
    texts = ["a b", "c a", "b", "c", "", "a"]  # a stands in three rows, b and c in two
    counted = count_ngrams({"name": [""] * 6, "text": texts}, 16)
    assert len(Tfidf.fit(counted).columns) == kept


def test_words_that_were_never_seen_count_for_nothing():
    known, new = (count_ngrams({"name": [text] * 3, "text": ["a b"] * 3}, 16) for text in ("honey jar", "quince"))
    assert Tfidf.fit(known).transform(new).nnz == 0


def test_no_rows_and_no_known_ngrams_give_an_empty_matrix():
    counted = count_ngrams(FIELDS, 12)
    fitted = Tfidf.fit(counted)
    assert fitted.transform(counted[:0]).shape == (0, len(fitted.columns))
    alone = count_ngrams({"name": ["quince"], "text": ["quince"]}, 12)
    assert Tfidf.fit(alone).transform(alone).shape == (1, 0)


def test_blocks_are_read_from_a_mapped_file_in_parts_and_only_the_fitted_rows_count(tmp_path, monkeypatch):
    matrix = np.random.default_rng(0).normal(size=(100, 9)).astype(np.float32)
    np.save(tmp_path / "matrix.npy", matrix)
    mapped = np.lib.format.open_memmap(tmp_path / "matrix.npy", mode="r")
    blocks = (Block("gemma", 0, 4, "m"), Block("clip_text", 4, 6, "c"), Block("attributes", 6, 9, "a"))
    rows = np.arange(3, 60)
    whole = DenseBlocks.fit(matrix, rows, blocks, ("attributes", "gemma"))
    expected = whole.transform(matrix, rows)
    monkeypatch.setattr("pricefuse.models.preprocessing.CHUNK_ROWS", 10)
    parts = DenseBlocks.fit(mapped, rows, blocks, ("attributes", "gemma"))
    np.testing.assert_allclose(parts.scaler.mean, matrix[3:60, [0, 1, 2, 3, 6, 7, 8]].mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(parts.transform(mapped, rows), expected, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(expected[:, :4], axis=1), 1, rtol=1e-5)
