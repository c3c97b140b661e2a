"""Trees as arrays predict what LightGBM predicts, bit for bit, and refuse what is no tree."""

from dataclasses import replace

import lightgbm
import numpy as np
import pytest

from pricefuse.models.trees import Trees

COLUMNS = 12


def inputs(seed, rows=2000):
    """Return numbers of every kind: missing, zero, tiny, huge, few distinct ones, and one column without any."""
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(rows, COLUMNS))
    matrix[rng.random(matrix.shape) < 0.15] = np.nan
    matrix[:, 3] = rng.integers(0, 3, rows)
    matrix[:, 4] *= rng.random(rows) < 0.3
    matrix[:, 5] *= 1e-35
    matrix[:, 6] *= 1e300
    matrix[:, 7] = np.nan
    matrix[:, 8] = 1.0
    return matrix


def wild(seed):
    """Return rows unlike those that were fitted: infinity, denormal numbers, whole rows missing or 0."""
    rng = np.random.default_rng(seed)
    matrix = inputs(seed)
    for value in (np.inf, -np.inf, 1e308, -1e308, 5e-324, 1e-35, -1e-36, -0.0, 0.0, np.nan):
        matrix[rng.random(matrix.shape) < 0.02] = value
    for row, value in enumerate((np.nan, 0.0, -0.0, np.inf, -np.inf, float(np.float32(1e-35)))):
        matrix[row] = value
    return matrix


def fitted(rounds=60, rows=2000, **parameters):
    matrix = inputs(0, rows)
    target = np.nansum(matrix[:, :5], axis=1) + 3 * np.isnan(matrix[:, 0]) + 2 * (matrix[:, 4] == 0)
    target += np.sign(np.nan_to_num(matrix[:, 5])) + np.clip(np.nan_to_num(matrix[:, 6]) / 1e300, -2, 2)
    given = {"objective": "l1", "num_leaves": 15, "verbose": -1, "seed": 1, "num_threads": 1, **parameters}
    return lightgbm.train(given, lightgbm.Dataset(matrix, target, init_score=target * 0), rounds)


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"max_bin": 63, "feature_fraction": 0.4, "bagging_fraction": 0.8, "bagging_freq": 1, "lambda_l2": 1.0},
        {"zero_as_missing": True},
        {"use_missing": False},
        {"num_leaves": 2},
        {"num_leaves": 255, "min_data_in_leaf": 2},
        {"rounds": 1},
        {"rows": 10},  # too few to split: trees of a single leaf
    ],
    ids=str,
)
def test_predictions_are_lightgbms_bit_for_bit(parameters):
    booster = fitted(**parameters)
    trees = Trees.of_booster(booster)
    trees.validate(COLUMNS)
    for matrix in (inputs(1), wild(2), inputs(3, 5000)):
        np.testing.assert_array_equal(trees.predict(matrix), booster.predict(matrix))


def test_every_way_of_missing_was_met():
    kinds = set()
    for parameters in ({}, {"zero_as_missing": True}, {"use_missing": False}):
        trees = Trees.of_booster(fitted(**parameters))
        kinds |= set(zip(trees.missing.tolist(), trees.missing_left.tolist(), strict=True))
    assert {(1, 0), (1, 1), (2, 0), (2, 1)} < kinds
    assert any(missing == 0 for missing, _ in kinds)


def test_no_rows_and_no_trees():
    trees = Trees.of_booster(fitted(5))
    assert trees.predict(np.empty((0, COLUMNS))).shape == (0,)
    none = Trees(*(np.empty(0, getattr(trees, name).dtype) for name in trees.__dataclass_fields__))
    none.validate(COLUMNS)
    np.testing.assert_array_equal(none.predict(np.zeros((3, COLUMNS))), np.zeros(3))


def test_trees_on_categories_are_not_taken():
    rng = np.random.default_rng(0)
    kinds = rng.integers(0, 40, (500, 1)).astype(float)
    data = lightgbm.Dataset(kinds, rng.normal(size=40)[kinds[:, 0].astype(int)], categorical_feature=[0])
    with pytest.raises(ValueError, match="only trees on numeric columns"):
        Trees.of_booster(lightgbm.train({"verbose": -1, "min_data_per_group": 1}, data, 3))


def put(position, value):
    def change(array):
        array[position] = value

    return change


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("left", put(0, 0), "below itself"),  # a cycle of one
        ("right", put(3, 1), "below itself"),
        ("left", put(0, 99), "each once"),
        ("left", put(0, -99), "each once"),
        ("left", put(0, 13), "each once|below itself"),
        ("right", put(-1, -(2**31)), "each once"),
        ("feature", put(2, COLUMNS), "a split is on a column that is none of the 12"),
        ("feature", put(2, -1), "a split is on a column"),
        ("threshold", put(2, np.nan), "threshold has a number that is not finite"),
        ("value", put(2, np.nan), "value has a number that is not finite"),
        ("value", put(2, np.inf), "value has a number that is not finite"),
        ("missing", put(0, 3), "missing is above 2"),
        ("missing_left", put(0, 2), "missing_left is above 1"),
        ("splits", put(0, -1), "leaves"),
        ("splits", put(0, 2**31 - 1), "leaves"),
        ("splits", put(0, 13), "feature is int32"),
    ],
)
def test_what_is_no_tree_is_refused(name, change, message):
    trees = Trees.of_booster(fitted(5))
    array = getattr(trees, name).copy()
    change(array)
    with pytest.raises(ValueError, match=message):
        replace(trees, **{name: array}).validate(COLUMNS)


@pytest.mark.parametrize("name", Trees.__dataclass_fields__)
def test_another_type_or_length_is_refused(name):
    trees = Trees.of_booster(fitted(5))
    array = getattr(trees, name)
    for other in (array[:-1], array.astype(np.complex128), array[:, None], np.concatenate([array, array])):
        with pytest.raises(ValueError):
            replace(trees, **{name: other}).validate(COLUMNS)
