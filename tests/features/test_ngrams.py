"""Hashed n-grams: what is counted, that rows do not touch each other, and that they come back from disk."""

import numpy as np
from sklearn.feature_extraction.text import TfidfTransformer

from pricefuse.features import ngrams
from pricefuse.models.tfidf import Tfidf

TEXTS = ["Honey, raw honey", "", "rice", "Rice 5 lb", "बासमती चावल 米", "raw rice"]
FIELDS = {"name": TEXTS, "text": TEXTS}


def dense(counted):
    table = np.zeros((len(counted), counted.width), np.int64)
    for row in range(len(counted)):
        part = slice(counted.starts[row], counted.starts[row + 1])
        np.add.at(table[row], counted.columns[part], counted.counts[part])
    return table


def test_words_and_characters_are_counted_in_spaces_of_their_own():
    table = dense(ngrams.count(FIELDS, 16))
    words, characters, all_words = np.split(table, 3, axis=1)
    assert words[0].sum() == 5  # honey raw honey; honey raw, raw honey
    assert sorted(words[0][words[0] > 0]) == [1, 1, 1, 2]
    np.testing.assert_array_equal(words, all_words)
    assert characters[2].sum() == 4 + 3 + 2  # " rice "
    assert table[1].sum() == 0
    assert words[4].sum() > 0


def test_a_row_is_counted_the_same_whatever_stands_beside_it(monkeypatch):
    whole = dense(ngrams.count(FIELDS, 14))
    monkeypatch.setattr(ngrams, "CHUNK_ROWS", 2)
    np.testing.assert_array_equal(dense(ngrams.count(FIELDS, 14)), whole)
    alone = {field: texts[3:4] for field, texts in FIELDS.items()}
    np.testing.assert_array_equal(dense(ngrams.count(alone, 14))[0], whole[3])


def test_a_word_said_a_thousand_times_is_counted_as_255():
    assert dense(ngrams.count({"name": [""], "text": ["so " * 1000]}, 10)).max() == 255


def test_rows_are_gathered_in_any_order_and_come_back_from_disk(tmp_path):
    counted = ngrams.count(FIELDS, 12)
    counted.write(tmp_path)
    loaded = ngrams.Ngrams.load(tmp_path, 12)
    assert isinstance(loaded.columns, np.memmap)
    rows = np.array([5, 0, 0, 1])
    np.testing.assert_array_equal(dense(loaded.at(rows)), dense(counted)[rows])
    assert len(loaded.at(np.empty(0, np.int64))) == 0


def test_tfidf_is_scikit_learns_within_each_space():
    counted = ngrams.count(FIELDS, 12)
    mine = Tfidf.fit(counted)
    got = mine.transform(counted).toarray()
    table = dense(counted)
    space = mine.columns >> 12
    for number in range(3):
        kept = mine.columns[space == number]
        reference = TfidfTransformer(sublinear_tf=True).fit(table[:, kept])
        np.testing.assert_allclose(got[:, space == number], reference.transform(table[:, kept]).toarray(), rtol=1e-5)


def test_tfidf_drops_what_one_row_alone_says_and_what_every_row_says():
    texts = ["x common one", "x common two", "x other one"]
    counted = ngrams.count({"name": [""] * 3, "text": texts}, 16)
    assert len(Tfidf.fit(counted).columns) == 3  # common, one, "x common"


def test_words_that_were_never_seen_count_for_nothing():
    known, new = (ngrams.count({"name": [text] * 3, "text": ["a b"] * 3}, 16) for text in ("honey jar", "quince"))
    assert Tfidf.fit(known).transform(new).nnz == 0
