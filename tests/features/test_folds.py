"""Folds: groups stay together, and nothing is held out twice."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricefuse.errors import InputError
from pricefuse.features.folds import NEVER, group_folds, random_fold, stopping_rows


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
