"""Prediction intervals: they hold the share of prices that they promise, and are wider where prices are harder."""

import numpy as np
import pytest
from priced import catalog

from pricefuse.models import storage
from pricefuse.models.intervals import MIN_DIFFICULTY, Difficulty, Intervals, conformal_bounds, difficulty_inputs

RANGE = (1e-3, 1e6)


@pytest.fixture(scope="module")
def uneven():
    """Return inputs, ln prices and residuals whose scatter grows with the first input: 0.1 to 0.9."""
    rng = np.random.default_rng(0)
    inputs = rng.random((4000, 6))
    inputs[::50, 3] = np.nan
    return inputs, rng.normal(3, 1, 4000), rng.normal(size=4000) * (0.1 + 0.8 * inputs[:, 0])


@pytest.fixture(scope="module")
def fitted(uneven):
    inputs, _, residuals = uneven
    half = len(inputs) // 2
    difficulty = Difficulty.fit(inputs[:half], residuals[:half], seed=0)
    return Intervals(difficulty, residuals[half:] / difficulty.predict(inputs[half:]))


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.95])
def test_intervals_hold_the_share_that_they_promise_wherever_prices_are_hard_or_easy(fitted, coverage):
    rng = np.random.default_rng(1)
    inputs, log_prices = rng.random((5000, 6)), rng.normal(3, 1, 5000)
    actual = np.exp(log_prices + rng.normal(size=5000) * (0.1 + 0.8 * inputs[:, 0]))
    low, high = fitted.bounds(inputs, log_prices, coverage, RANGE)
    held = (low <= actual) & (actual <= high)
    assert held.mean() == pytest.approx(coverage, abs=0.02)
    for part in np.array_split(np.argsort(inputs[:, 0]), 4):
        assert held[part].mean() == pytest.approx(coverage, abs=0.08)
    assert ((low <= np.exp(log_prices)) & (np.exp(log_prices) <= high)).all()


def test_the_harder_the_product_the_wider_its_interval(fitted):
    low, high = fitted.bounds(np.tile(np.linspace(0, 1, 9)[:, None], 6), np.full(9, 2.0), 0.8, RANGE)
    assert (high / low)[-1] > 2 * (high / low)[0]


def test_a_greater_coverage_never_gives_a_narrower_interval(fitted, uneven):
    inputs, log_prices, _ = uneven
    widths = []
    for coverage in (0.3, 0.6, 0.9, 0.99):
        low, high = fitted.bounds(inputs[:50], log_prices[:50], coverage, RANGE)
        widths.append(high / low)
    assert (np.diff(widths, axis=0) >= 0).all()


def test_too_few_residuals_for_a_coverage_give_the_range_of_the_training_prices(recwarn):
    low, high = conformal_bounds(np.array([-0.1, 0.0, 0.2]), np.ones(2), np.array([1.0, 2.0]), 0.95, (0.5, 90.0))
    np.testing.assert_allclose(low, 0.5)
    np.testing.assert_allclose(high, 90)
    assert not recwarn.list


def test_few_rows_are_all_equally_hard():
    difficulty = Difficulty.fit(np.random.default_rng(0).random((50, 3)), np.linspace(-1, 1, 50), seed=0)
    np.testing.assert_allclose(difficulty.predict(np.zeros((4, 3))), np.abs(np.linspace(-1, 1, 50)).mean())


def test_no_price_is_taken_as_known_exactly():
    difficulty = Difficulty.fit(np.zeros((50, 1)), np.zeros(50), seed=0)
    np.testing.assert_array_equal(difficulty.predict(np.zeros((2, 1))), MIN_DIFFICULTY)


def test_the_same_rows_give_the_same_bytes_and_come_back_as_they_were(uneven, tmp_path):
    inputs, _, residuals = uneven
    for name in ("one", "other"):
        storage.save(tmp_path / name, Intervals(Difficulty.fit(inputs, residuals, seed=3), residuals))
    for file in storage.FILES:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "other" / file).read_bytes()
    loaded = storage.load(tmp_path / "one", Intervals)
    loaded.validate(inputs.shape[1])
    fitted = Difficulty.fit(inputs, residuals, seed=3)
    np.testing.assert_array_equal(loaded.difficulty.predict(inputs), fitted.predict(inputs))
    with pytest.raises(ValueError, match="a split is on a column that is none of the 2"):
        loaded.validate(2)


def test_difficulty_is_told_attributes_members_their_ensemble_and_their_disagreement():
    features = catalog(rows=20)
    one, other = np.arange(4.0), np.arange(4.0) + 0.5
    inputs = difficulty_inputs(features, np.arange(4, 8), {"b": other, "a": one}, one + 0.2)
    np.testing.assert_array_equal(inputs[:, :5], features.matrix[4:8, 10:15])
    np.testing.assert_allclose(inputs[:, 5:], np.stack([one, other, one + 0.2, np.full(4, 0.5)], axis=1))
