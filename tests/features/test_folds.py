"""Groups and folds: variants stay together, and nothing is held out twice."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricefuse.errors import InputError
from pricefuse.features.folds import (
    NEVER,
    group_folds,
    normalize_name,
    placeholders,
    product_groups,
    random_fold,
    stopping_rows,
)


def groups(links, names):
    return product_groups(pd.Series(links), pd.Series(names)).labels.tolist()


def test_rows_that_share_a_link_or_a_name_are_one_group_also_by_way_of_others():
    assert groups(["a", "b", "b", "c", "d"], ["X", "x!", "Y", "Z", "y "]) == [0, 0, 0, 1, 0]


def test_empty_links_and_names_join_nothing():
    assert groups(["", "", "", "a"], ["", "", "!?", "b"]) == [0, 1, 2, 3]


def test_groups_are_the_same_whatever_the_index_of_the_table():
    names = pd.Series(["Tea", "Jam", "tea"], index=[7, 7, 3])
    assert product_groups(pd.Series(["", "", ""], index=[7, 7, 3]), names).labels.tolist() == [0, 1, 0]


def slow_groups(links, names):
    """Give every row the group of the first row that it is joined to, row by row, until nothing changes."""
    labels = list(range(len(names)))
    changed = True
    while changed:
        changed = False
        for values in (links, [normalize_name(name) for name in names]):
            for row, value in enumerate(values):
                first = (
                    min(label for label, other in zip(labels, values, strict=True) if other == value != "")
                    if value
                    else labels[row]
                )
                changed |= labels[row] != first
                labels[row] = first
    order = list(dict.fromkeys(labels))
    return [order.index(label) for label in labels]


@given(
    st.lists(st.tuples(st.sampled_from(["", *"abcdefgh"]), st.sampled_from(["", "!", *"rstuvw", "R?"])), max_size=19)
)
def test_groups_are_those_of_a_slow_reference(rows):
    links, names = [link for link, _ in rows], [name for _, name in rows]
    assert product_groups(pd.Series(links, dtype=str), pd.Series(names, dtype=str)).labels.tolist() == slow_groups(
        links, names
    )


def test_a_large_catalog_is_grouped():
    random = np.random.default_rng(0)
    rows = 100_000
    links = pd.Series([f"http://x/{number}.jpg" for number in random.integers(0, rows, rows)])
    names = pd.Series([f"Tea no. {number}" for number in random.integers(0, 5 * rows, rows)])
    found = product_groups(links, names)
    assert found.warnings == []
    assert found.labels.dtype == np.int64
    for keys in (links, names):
        assert pd.Series(found.labels).groupby(keys).nunique().max() == 1


def test_a_placeholder_groups_nothing_and_is_named_in_a_warning():
    links = ["http://x/none.png"] * 30 + ["http://x/tea.jpg"] * 19 + [f"{row}" for row in range(951)]
    names = [f"name {row}" for row in range(len(links))]
    found = product_groups(pd.Series(links), pd.Series(names))
    assert len(set(found.labels[:30])) == 30
    assert len(set(found.labels[30:49])) == 1
    (warning,) = found.warnings
    for part in ("image link 'http://x/none.png'", "30 of 1,000 rows", "does not make them one", "empty it"):
        assert part in warning


def test_a_name_can_be_a_placeholder_too():
    found = product_groups(
        pd.Series([""] * 60), pd.Series(["To be named"] * 25 + ["to be named!"] * 5 + ["Tea"] * 19 + [""] * 11)
    )
    (warning,) = found.warnings
    assert "item name 'to be named' is shared by 30 of 60 rows" in warning
    assert len(set(found.labels)) == 30 + 1 + 11


def test_placeholders_are_more_than_a_hundredth_of_the_rows_and_at_least_twenty():
    assert placeholders(pd.Series(["a"] * 20 + ["b"] * 19 + [""] * 61)).to_dict() == {"a": 20}
    assert placeholders(pd.Series(["a"] * 30 + [f"b{row}" for row in range(2970)])).to_dict() == {}
    assert placeholders(pd.Series(["a"] * 31 + [f"b{row}" for row in range(2969)])).to_dict() == {"a": 31}


@pytest.mark.parametrize(
    ("name", "expected"), [("Tea,  Green - 12 OZ!", "tea green 12 oz"), ("STRASSE", "strasse"), ("Straße", "strasse")]
)
def test_a_name_is_normalized_to_its_letters_and_digits(name, expected):
    assert normalize_name(name) == expected


@given(st.lists(st.integers(0, 12), min_size=20, max_size=80), st.integers(2, 5), st.integers(0, 99))
def test_every_row_is_held_out_once_and_with_its_whole_group(labels, folds, seed):
    labels = np.array([*labels, *range(13)])
    found = group_folds(labels, folds, seed)
    assert set(found) == set(range(folds))
    assert all(len(set(found[labels == label])) == 1 for label in set(labels))
    np.testing.assert_array_equal(found, group_folds(labels, folds, seed))


def test_folds_differ_by_seed_and_are_of_similar_size():
    labels = np.repeat(np.arange(200), 3)
    first, second = group_folds(labels, 5, 0), group_folds(labels, 5, 1)
    assert (first != second).any()
    assert np.ptp(np.bincount(first)) <= 3


def test_too_few_groups_say_what_may_be_the_cause():
    with pytest.raises(InputError, match=r"are 1 product group, but fuse\.folds is 5.*no image"):
        group_folds(np.zeros(100), 5, 0)


def test_the_random_fold_holds_out_the_share_asked_for():
    fold = random_fold(1000, 0.2, 42)
    assert (fold == 0).sum() == 200
    assert (fold == NEVER).sum() == 800


def test_stopping_rows_are_whole_groups():
    labels = np.repeat(np.arange(50), 4)
    mask = stopping_rows(labels, 0.1, 0)
    assert mask.sum() == 20
    assert not set(labels[mask]) & set(labels[~mask])
