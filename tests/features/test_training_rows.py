"""The training rows' groups and folds, what escaped them, and products to be priced that resemble nothing."""

import numpy as np
import pandas as pd
import pytest
from made_embeddings import DIMENSION, write_image_hashes, write_table

from pricefuse.errors import InputError
from pricefuse.features import look_alikes
from pricefuse.features.groups import MAX_SHARED, shared_by_variants
from pricefuse.features.settings import FuseSettings
from pricefuse.features.training_rows import (
    assign_folds,
    describe_groups,
    far_from_training,
    find_look_alikes,
    read_pictures,
    read_shared,
)

SETTINGS = FuseSettings(
    blocks=("gemma",), ngrams=True, ngram_bits=10, split="group", folds=2, validation_share=0.2, seed=0
)
PRODUCTS = pd.DataFrame(
    {
        "sample_id": list("abcd"),
        "price": [1.0, 2, 3, 4],
        "image_link": ["x", "x", "y", ""],
        "name": ["tea", "rice", "", "soup"],
        "variant_of": ["tea", "rice", "", "soup"],
        "text": ["tea", "rice", "", "soup"],
    },
    index=[3, 5, 7, 9],
)


def shared(*pictures):
    return shared_by_variants(PRODUCTS, pd.Series(list(pictures or [""] * 4)))


def test_groups_and_folds_follow_from_the_training_rows():
    index, groups = assign_folds(PRODUCTS, shared(), SETTINGS)
    assert groups.warnings == []
    assert index["group"].tolist() == [0, 0, 1, 2]
    assert index["fold"].iloc[0] == index["fold"].iloc[1]
    assert set(index["fold"]) == {0, 1}
    random, _ = assign_folds(
        PRODUCTS, shared(), SETTINGS.model_copy(update={"split": "random", "validation_share": 0.5})
    )
    assert sorted(random["fold"]) == [-1, -1, 0, 0]


def test_rows_of_one_picture_are_in_one_fold():
    index, groups = assign_folds(PRODUCTS, shared("", "", "of sample_id c", "of sample_id c"), SETTINGS)
    assert index["group"].tolist() == [0, 0, 1, 1]
    assert groups.rows_by_reason["picture"] == 2


def unit(*places):
    vector = np.zeros(DIMENSION, np.float32)
    vector[list(places)] = 1
    return vector / np.linalg.norm(vector)


@pytest.fixture
def table(tmp_path):
    """Return a function that writes vectors, and the folder and ids of their table."""

    def write(vectors, keys=None):
        ids = [f"p{row}" for row in range(len(vectors))]
        write_table(tmp_path / "table", ids, keys or ids, vectors)
        return tmp_path / "table", ids

    return write


def test_a_picture_of_a_row_to_be_priced_joins_nothing(tmp_path):
    ids, path = [f"p{row}" for row in range(5)], tmp_path / "hashes.parquet"
    write_image_hashes(path, ids, [b"k", None, b"k", b"m", b"m"])
    for rows in (3, 4):
        expected = ["of sample_id p0", "", "of sample_id p0", "of sample_id p3"][:rows]
        assert read_pictures(path, ids, rows).tolist() == expected
    assert read_pictures(path, ids, 5).tolist()[3:] == ["of sample_id p3"] * 2
    for others in (ids[:4], [*ids, "p5"], ids[::-1]):
        with pytest.raises(InputError, match="not those of today's products"):
            read_pictures(path, others, 3)


def test_what_rows_share_is_read_some_at_a_time(tmp_path):
    table = PRODUCTS.reset_index(drop=True).assign(text=["long " * 100] * 4)
    table.to_parquet(tmp_path / "p.parquet", row_group_size=1)
    for rows in (1, 3, 4):
        pictures = pd.Series(["of p0", "", "of p0", ""][:rows])
        whole = shared_by_variants(table[:rows], pictures)
        found = read_shared(tmp_path / "p.parquet", pictures)
        assert {reason: values.tolist() for reason, values in found.items()} == {
            reason: values.tolist() for reason, values in whole.items()
        }
        assert max(values.str.len().max() for values in found.values()) <= MAX_SHARED


def index_of(folds):
    return pd.DataFrame({"sample_id": [f"p{row}" for row in range(len(folds))], "fold": folds})


def test_look_alikes_across_folds_are_counted_and_named(table):
    vectors = [unit(0), unit(0), unit(1), unit(1), unit(2, 3), unit(2), unit(0)]
    found = find_look_alikes(*table(vectors), index_of([0, 1, 0, 0, 1, 0]), seed=0)
    assert (found.rows, found.sampled) == (2, 6)
    (warning,) = found.warnings
    assert "2 of 6 held-out rows have a text that is nearly that of a row in another fold" in warning
    assert "such as sample_id p0 and p1" in warning


def test_few_look_alikes_are_no_warning(table):
    found = find_look_alikes(*table([unit(0), unit(1)]), index_of([0, 1]), seed=0)
    assert found.rows == 0
    assert found.warnings == []


def test_a_product_that_resembles_no_training_product_is_far(table):
    training = [unit(0, 1, 2), unit(0, 1, 3), unit(0, 1, 4), unit(0, 1)]
    folder, ids = table([*training, unit(0, 1, 5), unit(7), None])
    assert far_from_training(folder, ids, index_of([0, 1, 0, 1]), seed=0).tolist() == [False, True, True]


def test_products_are_compared_with_a_sample_of_the_training_rows(table, monkeypatch):
    rng = np.random.default_rng(0)
    like = [unit(0, 1) + rng.normal(0, 0.05, DIMENSION).astype(np.float32) for _ in range(60)]
    folder, ids = table([*like, unit(5)])
    monkeypatch.setattr(look_alikes, "REFERENCE_ROWS", 20)
    asked = []
    nearest = look_alikes.nearest
    monkeypatch.setattr(look_alikes, "nearest", lambda q, c, *sides: asked.append(len(c[0])) or nearest(q, c, *sides))
    mask = far_from_training(folder, ids, index_of([row % 2 for row in range(40)]), seed=0)
    assert mask.tolist() == [False] * 20 + [True]
    assert set(asked) == {20}


def test_equal_vectors_are_not_far(table):
    folder, ids = table([unit(0, 1)] * 5)
    assert far_from_training(folder, ids, index_of([0, 1, 0]), seed=0).tolist() == [False, False]


def test_the_card_says_why_rows_are_grouped(table):
    index, groups = assign_folds(PRODUCTS, shared(), SETTINGS)
    described = describe_groups(groups, find_look_alikes(*table([unit(row) for row in range(4)]), index, seed=0))
    assert (described["rows"], described["groups"], described["largest_group"]) == (4, 3, 2)
    assert described["rows_by_reason"]["image link"] == 2
    assert described["look_alikes_across_folds"] == 0
