"""SMAPE and its companions, against examples worked out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricefuse.metrics import difference_interval, scores, smape, smape_interval, smape_terms

PRICES = st.floats(0.01, 1e6)


@pytest.mark.parametrize(
    ("actual", "predicted", "expected"),
    [
        ([10], [10], 0.0),
        ([10], [20], 66.6667),  # 10 / 15
        ([20], [10], 66.6667),  # symmetric
        ([10], [30], 100.0),  # 20 / 20
        ([1], [0], 200.0),  # the most that a row can have
        ([0], [0], 0.0),
        ([100, 50], [110, 50], 4.7619),  # (10 / 105 + 0) / 2
        ([4, 5, 10], [5, 5, 5], 29.6296),  # (1 / 4.5 + 0 + 5 / 7.5) / 3
        ([2.5, 2.5], [7.5, 7.5], 100.0),  # 5 / 5
    ],
)
def test_smape_of_hand_worked_examples(actual, predicted, expected):
    assert smape(np.array(actual), np.array(predicted)) == pytest.approx(expected, abs=1e-4)


@given(st.lists(st.tuples(PRICES, PRICES), min_size=1, max_size=20))
def test_a_rows_smape_is_the_tanh_of_half_its_log_ratio(pairs):
    actual, predicted = np.array(pairs).T
    expected = 200 * np.tanh(np.abs(np.log(predicted / actual)) / 2)
    np.testing.assert_allclose(smape_terms(actual, predicted), expected, rtol=1e-6, atol=1e-9)


def test_scores_of_a_hand_worked_example():
    found = scores(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 5.0]))
    assert found == pytest.approx({"smape": 50 / 3, "r2": -1.0, "mae": 2 / 3, "rmse": (4 / 3) ** 0.5})


def test_r2_of_equal_prices_is_zero():
    assert scores(np.array([2.0, 2.0]), np.array([2.0, 3.0]))["r2"] == 0


@pytest.mark.parametrize(
    ("actual", "predicted"), [([1.0], [1.0, 2.0]), ([np.nan], [1.0]), ([1.0], [np.inf]), ([[1.0]], [[1.0]])]
)
def test_prices_that_cannot_be_compared_are_refused(actual, predicted):
    with pytest.raises(ValueError, match="must be vectors|must be finite"):
        smape_terms(np.array(actual), np.array(predicted))


def test_the_interval_covers_the_score_and_is_repeatable():
    rng = np.random.default_rng(0)
    actual = rng.lognormal(size=300)
    predicted = actual * rng.lognormal(sigma=0.3, size=300)
    options = {"samples": 500, "confidence": 0.95, "seed": 1}
    low, high = smape_interval(actual, predicted, np.arange(300), **options)
    assert low < smape(actual, predicted) < high
    assert (low, high) == smape_interval(actual, predicted, np.arange(300), **options)


def test_the_interval_is_as_wide_as_groups_make_it():
    """Each row repeated nine times in its group says no more than the row alone."""
    rng = np.random.default_rng(0)
    actual = rng.lognormal(size=100)
    predicted = actual * rng.lognormal(sigma=0.3, size=100)
    options = {"samples": 400, "confidence": 0.9, "seed": 2}
    alone = smape_interval(actual, predicted, np.arange(100), **options)
    repeated = smape_interval(np.repeat(actual, 9), np.repeat(predicted, 9), np.repeat(np.arange(100), 9), **options)
    assert repeated == pytest.approx(alone)


def test_the_interval_has_its_coverage():
    rng = np.random.default_rng(3)
    truth = 200 * np.tanh(np.abs(rng.normal(scale=0.5, size=400_000)) / 2).mean()
    covered = 0
    for seed in range(100):
        predicted = np.exp(rng.normal(scale=0.5, size=150))
        low, high = smape_interval(np.ones(150), predicted, np.arange(150), samples=200, confidence=0.9, seed=seed)
        covered += low <= truth <= high
    assert 80 <= covered <= 98


def test_a_paired_difference_is_told_far_more_sharply_than_either_score():
    rng = np.random.default_rng(4)
    actual = rng.lognormal(size=400)
    one = actual * rng.lognormal(sigma=0.5, size=400)
    worse = actual * (one / actual) ** 1.1
    options = {"samples": 400, "confidence": 0.95, "seed": 0}
    low, high = difference_interval(actual, worse, one, np.arange(400), **options)
    alone = smape_interval(actual, one, np.arange(400), **options)
    assert 0 < low < smape(actual, worse) - smape(actual, one) < high
    assert high - low < (alone[1] - alone[0]) / 3
