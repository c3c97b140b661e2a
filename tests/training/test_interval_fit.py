"""Out-of-fold bounds: as many prices within as promised, calibrated on the other folds."""

import numpy as np
import pytest
from crossfit_data import features as made

from pricefuse.models.intervals import conformal_bounds
from pricefuse.training.ensemble_fit import fit_ensemble
from pricefuse.training.interval_fit import fit_intervals


@pytest.fixture
def uneven():
    """Return features, members' ln prices and their out-of-fold table; scatter grows with the first attribute."""
    rng = np.random.default_rng(0)
    matrix = rng.random((1500, 4))
    log_prices = rng.normal(3, 1, 1500)
    prices = np.exp(log_prices + rng.normal(size=1500) * (0.1 + 0.5 * matrix[:, 0]))
    rows = made(matrix, prices, np.arange(1500) % 5)
    members = {"one": log_prices, "other": log_prices + 0.05 * rng.normal(size=1500)}
    return rows, members, fit_ensemble(members, rows.index, spread=False)[1]


def test_bounds_hold_their_share_of_prices_that_did_not_calibrate_them(uneven):
    _, table = fit_intervals(*uneven, seed=0)
    for level in (80, 95):
        held = table["price"].between(table[f"low_{level}"], table[f"high_{level}"])
        assert held.mean() == pytest.approx(level / 100, abs=0.02)
    assert (table["low_95"] <= table["low_80"]).all()
    assert (table["high_80"] <= table["high_95"]).all()


def test_a_folds_difficulty_and_bounds_come_from_the_other_folds(uneven):
    rows, members, table = uneven
    held_out = (table["fold"] == 2).to_numpy()
    changed = table.assign(price=np.where(held_out, table["price"] * 7, table["price"]))
    _, before = fit_intervals(rows, members, table, seed=0)
    _, after = fit_intervals(rows, members, changed, seed=0)
    np.testing.assert_array_equal(before.loc[held_out, "difficulty"], after.loc[held_out, "difficulty"])
    assert (before.loc[~held_out, "difficulty"] != after.loc[~held_out, "difficulty"]).any()

    others, own = before[~held_out], before[held_out]
    scores = (np.log(others["price"] / others["predicted"]) / others["difficulty"]).to_numpy()
    price_range = others["price"].min(), others["price"].max()
    low, high = conformal_bounds(
        scores, own["difficulty"].to_numpy(), np.log(own["predicted"].to_numpy()), 0.8, price_range
    )
    np.testing.assert_allclose(own["low_80"], low)
    np.testing.assert_allclose(own["high_80"], high)


def test_one_fold_of_a_random_split_is_divided_by_groups(uneven):
    rows, members, _ = uneven
    index = rows.index.assign(fold=np.where(np.arange(1500) % 5 == 0, 0, -1))
    split = type(rows)(rows.matrix, rows.blocks, index)
    _, table = fit_ensemble(members, index, spread=False)
    intervals, table = fit_intervals(split, members, table, seed=0)
    assert len(table) == len(intervals.scores) == 300
    assert table["price"].between(table["low_80"], table["high_80"]).mean() == pytest.approx(0.8, abs=0.08)
