"""Scores of intervals against numbers that were worked out by hand."""

import numpy as np
import pandas as pd
import pytest

from pricefuse.evaluation.intervals import coverage_by_fifth, interval_scores, risk_coverage, surest_scores


@pytest.fixture
def out_of_fold():
    """Ten products predicted 1 to 10; the two dearest lie outside: one above and one below the interval."""
    predicted = np.arange(1.0, 11)
    price = predicted.copy()
    price[8], price[9] = 9 * np.e, 10 / np.e
    bounds = {f"{side}_{level}": predicted * f for level in (80, 95) for side, f in (("low", 0.5), ("high", 2.0))}
    return pd.DataFrame({"price": price, "predicted": predicted, "difficulty": predicted / 10, "fold": 0, **bounds})


def test_coverage_width_and_interval_score(out_of_fold):
    found = interval_scores(out_of_fold)
    width, beyond = np.log(4), 1 - np.log(2)
    assert found["80"]["coverage"] == 0.8
    assert found["80"]["width"] == 4
    assert found["80"]["score"] == pytest.approx(width + 2 / 0.2 * 2 * beyond / 10, abs=1e-4)
    assert found["95"]["score"] == pytest.approx(width + 2 / 0.05 * 2 * beyond / 10, abs=1e-4)
    assert found["80"]["by_fifth"] == [1, 1, 1, 1, 0]


def test_intervals_of_one_width_are_calibrated_on_the_other_folds(out_of_fold):
    halves = out_of_fold.assign(fold=[0, 1] * 5)  # the prices outside: one of each fold
    even, odd = (np.log(halves["price"] / halves["predicted"])[halves["fold"] == fold] for fold in (0, 1))
    total = 0.0
    for own, others in ((even, odd), (odd, even)):
        low, high = np.quantile(others, [0.1, 0.9])
        total += (high - low + 10 * (np.clip(low - own, 0, None) + np.clip(own - high, 0, None))).sum()
    assert interval_scores(halves)["80"]["score_of_one_width"] == pytest.approx(total / 10, abs=1e-4)


def test_coverage_by_fifth_of_the_predicted_price(out_of_fold):
    table = coverage_by_fifth(out_of_fold.sample(frac=1, random_state=0))
    assert table["level"].tolist() == [80] * 5 + [95] * 5
    assert table["rows"].tolist() == [2] * 10
    assert table.loc[4, ["price_from", "price_to", "held"]].tolist() == [9, 10, 0]


def test_the_surest_rows_are_those_of_the_least_difficulty(out_of_fold):
    term = 200 * np.tanh(0.5)
    assert surest_scores(out_of_fold) == {"30": 0, "60": 0, "90": pytest.approx(term / 9, abs=1e-4)}
    curve = risk_coverage(out_of_fold)
    assert curve["share"].tolist() == list(range(5, 101, 5))
    assert curve["smape"].iloc[-1] == pytest.approx(2 * term / 10, abs=1e-4)


def test_few_rows_have_scores_too(out_of_fold):
    assert risk_coverage(out_of_fold[:1])["smape"].tolist() == [0] * 20
    assert len(interval_scores(out_of_fold[:2])["80"]["by_fifth"]) == 2
