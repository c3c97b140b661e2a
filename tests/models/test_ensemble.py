"""The ensemble: never worse than its best member beyond noise, and weighed by rows that it is not scored on."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricefuse.metrics import smape
from pricefuse.models.ensemble import Ensemble


def drawn(seed, errors, rows=600):
    rng = np.random.default_rng(seed)
    actual = rng.normal(2.5, 0.9, rows)
    return np.exp(actual), {f"m{i}": actual + rng.normal(0, error, rows) for i, error in enumerate(errors)}


@given(st.integers(0, 50), st.lists(st.floats(0.2, 2.0), min_size=1, max_size=4), st.booleans())
@settings(max_examples=25)
def test_on_its_own_rows_an_ensemble_is_no_worse_than_any_member(seed, errors, spread):
    prices, members = drawn(seed, errors)
    ensemble = Ensemble.fit(members, prices, spread=spread)
    assert sum(ensemble.weights.values()) == pytest.approx(1)
    assert min(ensemble.weights.values()) >= 0
    best = min(smape(prices, np.exp(member)) for member in members.values())
    assert smape(prices, np.exp(ensemble.combine(members))) <= best + 0.1


def test_on_other_rows_an_ensemble_beats_members_that_err_apart():
    (prices, members), (others, theirs) = drawn(0, [0.5, 0.5, 0.7]), drawn(1, [0.5, 0.5, 0.7])
    ensemble = Ensemble.fit(members, prices, spread=True)
    best = min(smape(others, np.exp(member)) for member in theirs.values())
    assert smape(others, np.exp(ensemble.combine(theirs))) < best - 3


def test_a_member_that_only_guesses_gets_next_to_no_weight():
    prices, members = drawn(0, [0.3, 3.0])
    assert Ensemble.fit(members, prices, spread=False).weights["m1"] < 0.05


def test_the_spread_undoes_what_shrank_the_predictions():
    prices, _ = drawn(0, [])
    shrunk = {"m": 2.5 + 0.5 * (np.log(prices) - 2.5)}
    ensemble = Ensemble.fit(shrunk, prices, spread=True)
    assert ensemble.spread == pytest.approx(2, abs=0.05)
    assert smape(prices, np.exp(ensemble.combine(shrunk))) < 2


def test_one_member_without_a_spread_is_left_as_it_is():
    prices, members = drawn(0, [0.5])
    np.testing.assert_array_equal(Ensemble.fit(members, prices, spread=False).combine(members), members["m0"])
