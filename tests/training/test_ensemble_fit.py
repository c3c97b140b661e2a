"""The ensemble is scored on rows that did not weigh it, and is not worse than its best member beyond noise."""

import numpy as np
import pytest
from priced import catalog

from pricefuse.metrics import difference_interval, smape
from pricefuse.training.ensemble_fit import cross_weigh, fit_ensemble


@pytest.fixture
def index():
    return catalog(rows=240).index


def members(index, errors=(0.3, 0.5)):
    rng = np.random.default_rng(0)
    prices = np.log(index["price"].to_numpy())
    return {f"m{i}": prices + rng.normal(0, error, len(prices)) for i, error in enumerate(errors)}


def test_a_folds_own_prices_do_not_weigh_its_ensemble(index):
    prices, folds, groups = (index[name].to_numpy() for name in ("price", "fold", "group"))
    scrambled = np.where(folds == 1, np.random.default_rng(0).permutation(prices) * 7, prices)
    one, other = (cross_weigh(members(index), given, folds, groups, spread=True) for given in (prices, scrambled))
    np.testing.assert_array_equal(one[folds == 1], other[folds == 1])
    assert (one[folds != 1] != other[folds != 1]).any()


def test_the_ensemble_is_not_worse_than_its_best_member_beyond_noise(index):
    ensemble, rows = fit_ensemble(members(index), index, spread=True)
    prices = rows["price"].to_numpy()
    best = min((rows[f"predicted_{name}"].to_numpy() for name in ("m0", "m1")), key=lambda given: smape(prices, given))
    options = {"samples": 400, "confidence": 0.95, "seed": 0}
    low, _ = difference_interval(prices, rows["predicted"].to_numpy(), best, rows["group"].to_numpy(), **options)
    assert low <= 0
    assert ensemble.weights["m0"] > ensemble.weights["m1"]


def test_one_member_is_its_own_ensemble_within_the_other_folds_prices(index):
    alone = {"m": members(index)["m0"]}
    _, rows = fit_ensemble(alone, index, spread=False)
    low, high = index["price"].nlargest(9).min(), index["price"].nsmallest(9).max()
    inside = rows["predicted_m"].between(high, low)  # of the prices of any other folds
    np.testing.assert_allclose(rows.loc[inside, "predicted"], rows.loc[inside, "predicted_m"])
    assert inside.sum() > 200


def test_a_price_beyond_those_of_the_other_folds_is_never_predicted(index):
    wild = {"m": np.where(np.arange(240) % 2 == 0, 50.0, -50.0)}
    _, rows = fit_ensemble(wild, index, spread=False)
    for fold in range(3):
        others = index.loc[index["fold"] != fold, "price"]
        own = rows.loc[rows["fold"] == fold, "predicted"]
        assert own.min() == pytest.approx(others.min())
        assert own.max() == pytest.approx(others.max())


def test_rows_that_are_never_held_out_are_not_reported(index):
    index = index.assign(fold=np.where(index["group"] % 4 == 0, 0, -1))
    logs = {name: np.where(index["fold"] == 0, values, np.nan) for name, values in members(index).items()}
    _, rows = fit_ensemble(logs, index, spread=True)
    assert len(rows) == (index["fold"] == 0).sum()
    assert np.isfinite(rows["predicted"]).all()
