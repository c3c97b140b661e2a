"""Cross-fitting is honest: no model predicts a row that it was fitted to, or that decided when it stops."""

import numpy as np
import pytest
from crossfit_data import QUICK, TRAIN, features, linear_prices
from member_settings import SETTINGS
from priced import catalog

from pricefuse.errors import InputError
from pricefuse.features.folds import NEVER, group_folds, random_fold
from pricefuse.metrics import smape
from pricefuse.training.cross_fit import cross_fit


def fit(*arguments, seeds=(0,), **named):
    return cross_fit(features(*arguments, **named), "simple_nn", QUICK.model_copy(update={"seeds": seeds}), TRAIN)


@pytest.fixture(scope="module")
def data():
    return linear_prices()


def test_every_row_is_predicted_out_of_fold_and_each_fold_by_each_seed(data):
    done = fit(*data, group_folds(np.arange(240), 3, 0), seeds=(0, 1))
    assert np.isfinite(done.log_prices).all()
    assert smape(data[1], np.exp(done.log_prices)) < 40
    assert sorted(done.models) == [f"fold{fold}-seed{seed}" for fold in range(3) for seed in (0, 1)]
    assert done.epochs.groupby(["fold", "seed"]).size().tolist() == [30] * 6


def test_a_random_split_predicts_its_held_out_rows_alone(data):
    fold = random_fold(240, 0.25, 0)
    done = fit(*data, fold)
    assert len(done.models) == 1
    np.testing.assert_array_equal(np.isfinite(done.log_prices), fold == 0)


def test_a_folds_own_prices_do_not_touch_its_predictions(data):
    matrix, prices = data
    fold = group_folds(np.arange(240), 3, 0)
    held_out = fold == 1
    scrambled = prices.copy()
    scrambled[held_out] = 50 * np.random.default_rng(2).permutation(prices[held_out])  # beyond the others' range, too
    one, other = (fit(matrix, given, fold).log_prices for given in (prices, scrambled))
    np.testing.assert_array_equal(one[held_out], other[held_out])
    assert (one[~held_out] != other[~held_out]).any()


def test_variants_across_folds_would_flatter_and_groups_prevent_it():
    """Thirty products with eight variants each, and features that name the product but say nothing of its price."""
    rng = np.random.default_rng(3)
    groups = np.repeat(np.arange(30), 8)
    matrix = rng.normal(size=(30, 12))[groups] + rng.normal(scale=0.01, size=(240, 12))
    prices = np.exp(2 + rng.normal(size=30)[groups])
    leaking, honest = (
        smape(prices, np.exp(fit(matrix, prices, fold, groups=groups).log_prices))
        for fold in (group_folds(np.arange(240), 3, 0), group_folds(groups, 3, 0))
    )
    assert leaking < honest - 15


def test_rows_that_are_never_held_out_are_fitted_but_not_predicted(data):
    matrix, prices = data
    fold = np.where(np.arange(240) < 60, 0, NEVER)
    done = fit(matrix, prices, fold)
    assert np.isnan(done.log_prices[60:]).all()
    assert smape(prices[:60], np.exp(done.log_prices[:60])) < 40


def test_too_few_rows_to_fit_are_named():
    with pytest.raises(InputError, match="Add rows"):
        fit(np.zeros((4, 1)), np.ones(4), np.array([0, 0, 1, 1]))


@pytest.mark.parametrize("member", SETTINGS)
def test_every_member_can_be_cross_fitted(member):
    rows = catalog(rows=480, folds=2)
    done = cross_fit(rows, member, SETTINGS[member], TRAIN)
    prices = rows.index["price"].to_numpy()
    assert smape(prices, np.exp(done.log_prices)) < smape(prices, np.full(480, np.median(prices)))
    assert bool(len(done.epochs)) == (member != "boosted")
