"""Hashed n-grams: what is counted, that rows do not touch each other, and that they come back from disk."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import HashingVectorizer

from pricefuse.errors import InputError
from pricefuse.features import ngrams

TEXTS = ["Honey, raw honey", "", "rice", "Rice 5 lb", "बासमती चावल 米", "raw rice"]
FIELDS = {"name": TEXTS, "text": TEXTS}


def test_words_and_characters_are_counted_in_spaces_of_their_own():
    table = ngrams.count_ngrams(FIELDS, 16).toarray()
    words, characters, all_words = np.split(table, 3, axis=1)
    assert words[0].sum() == 5  # honey raw honey; honey raw, raw honey
    assert sorted(words[0][words[0] > 0]) == [1, 1, 1, 2]
    np.testing.assert_array_equal(words, all_words)
    assert characters[2].sum() == 4 + 3 + 2  # " rice "
    assert table[1].sum() == 0
    assert words[4].sum() > 0


def test_a_row_is_counted_the_same_whatever_stands_beside_it():
    whole = ngrams.count_ngrams(FIELDS, 14).toarray()
    for row in range(len(TEXTS)):
        alone = {field: texts[row : row + 1] for field, texts in FIELDS.items()}
        np.testing.assert_array_equal(ngrams.count_ngrams(alone, 14).toarray()[0], whole[row])


def by_scikit_learn(fields, bits):
    """Count as scikit-learn does, row by row and n-gram by n-gram."""
    tables = []
    for space in ngrams.SPACES:
        pattern = {"token_pattern": r"(?u)\b\w+\b"} if space.analyzer == "word" else {}
        vectorizer = HashingVectorizer(
            analyzer=space.analyzer, ngram_range=(space.low, space.high), n_features=2**bits, alternate_sign=False,
            norm=None, **pattern,
        )  # fmt: skip
        tables.append(np.minimum(vectorizer.transform(fields[space.field]).toarray(), 255))
    return np.hstack(tables)


@given(st.lists(st.tuples(st.text(max_size=40), st.text("ab \n-é", max_size=40)), min_size=1, max_size=5))
def test_counts_are_those_of_scikit_learn(rows):
    fields = {"name": [name for name, _ in rows], "text": [text for _, text in rows]}
    counted = ngrams.count_ngrams(fields, 10)
    assert counted.dtype == np.uint8
    assert counted.has_sorted_indices
    np.testing.assert_array_equal(counted.toarray(), by_scikit_learn(fields, 10))


def test_counts_of_demo_like_listings_are_those_of_scikit_learn():
    fields = {"name": [f"İstanbul Tea {row % 3} x{row}" for row in range(40)], "text": ["a b a b c " * 9] * 40}
    np.testing.assert_array_equal(ngrams.count_ngrams(fields, 12).toarray(), by_scikit_learn(fields, 12))


def test_a_word_said_a_thousand_times_is_counted_as_255():
    assert ngrams.count_ngrams({"name": [""], "text": ["so " * 1000]}, 10).toarray().max() == 255


def test_counts_come_back_from_disk_and_rows_are_gathered_in_any_order(tmp_path):
    counted = ngrams.count_ngrams(FIELDS, 12)
    assert ngrams.write_ngrams(tmp_path, [counted[:4], counted[4:]])[0] == counted.shape[1]
    loaded = ngrams.read_ngrams(tmp_path, counted.shape[1])
    np.testing.assert_array_equal(loaded.toarray(), counted.toarray())
    assert not loaded.indices.flags.writeable  # the file's own bytes, mapped
    assert loaded.dtype == np.uint8
    rows = np.array([5, 0, 0, 1])
    np.testing.assert_array_equal(loaded[rows].toarray(), counted.toarray()[rows])
    assert loaded[np.empty(0, np.int64)].shape[0] == 0


@pytest.mark.parametrize(
    ("name", "position", "value", "message"),
    [
        ("data", 0, 0, "data.npy: a count is 0"),
        ("indices", 1, 3 << 10, "indices.npy: a column is none of the 3,072"),
        ("indices", 1, -1, "indices.npy: a column is none of the 3,072"),
        ("indptr", 0, 1, "indptr.npy does not divide"),
        ("indptr", 1, 10**6, "indptr.npy does not divide"),
        ("indptr", -1, 1, "indptr.npy does not divide"),
    ],
)
def test_arrays_that_are_no_counts_are_refused(tmp_path, name, position, value, message):
    counted = ngrams.count_ngrams({"name": ["honey jar", "rice"], "text": ["a b", "c"]}, 10)
    ngrams.write_ngrams(tmp_path, [counted])
    array = np.load(tmp_path / f"{name}.npy")
    array[position] = value
    np.save(tmp_path / f"{name}.npy", array)
    with pytest.raises(InputError, match=message):
        ngrams.read_ngrams(tmp_path, 3 << 10)
