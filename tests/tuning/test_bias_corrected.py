"""BBC-CV: choosing among equals is worth nothing, choosing a better one is worth what it gains."""

import numpy as np
import pytest

from pricefuse.metrics import smape, smape_terms
from pricefuse.tuning.bias_corrected import bias_corrected


def trials(count, rows=600, seed=0, noise=0.5):
    """Return prices, `count` trials that err alike, and groups of two rows."""
    rng = np.random.default_rng(seed)
    prices = rng.lognormal(3, 1, rows)
    return prices, prices * rng.lognormal(0, noise, (count, rows)), np.arange(rows) // 2


def judge(prices, predicted, groups, samples=1000):
    return bias_corrected(prices, predicted, groups, samples=samples, confidence=0.95, seed=0)


def test_the_best_of_equals_flatters_and_the_corrected_score_does_not():
    """Over catalogs: the best of 60 equal trials looks better than it is; its corrected score does not."""
    flattered, corrected, covered = [], [], 0
    truth = smape(*(part.ravel() for part in _many_rows()))
    for seed in range(20):
        prices, predicted, groups = trials(60, rows=400, seed=seed)
        found = judge(prices, predicted, groups, samples=300)
        flattered.append(min(smape(prices, row) for row in predicted) - truth)
        corrected.append(found.score.value - truth)
        covered += found.difference.low < 0 < found.difference.high
    assert np.mean(flattered) < -2
    assert abs(np.mean(corrected)) < 0.6
    assert covered >= 18  # no gain is shown where there is none


def _many_rows():
    prices, predicted, _ = trials(1, rows=400_000, seed=99)
    return prices, predicted[0]


def test_a_trial_that_is_better_is_chosen_and_its_gain_shown():
    prices, predicted, groups = trials(10)
    predicted[7] = prices * (predicted[7] / prices) ** 0.5
    found = judge(prices, predicted, groups)
    assert found.chosen[7] > 0.99
    assert found.chosen.sum() == pytest.approx(1)
    assert found.difference.high < 0
    gain = smape(prices, predicted[7]) - smape(prices, predicted[0])
    assert found.difference.value == pytest.approx(gain, abs=0.3)


def test_it_is_what_its_description_says():
    """The same figures, drawn and chosen one sample at a time."""
    prices, predicted, groups = trials(4, rows=30)
    groups[:7] = 0  # of different sizes
    names, codes = np.unique(groups, return_inverse=True)
    rng = np.random.default_rng(0)
    scores, differences = [], []
    for drawn in rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=200):
        rows = np.repeat(np.arange(30), drawn[codes])
        means = [smape_terms(prices[rows], row[rows]).mean() for row in predicted]
        out = drawn[codes] == 0
        scores.append(smape(prices[out], predicted[np.argmin(means)][out]))
        differences.append(scores[-1] - smape(prices[out], predicted[0][out]))
    found = judge(prices, predicted, groups, samples=200)
    assert found.score.value == pytest.approx(np.mean(scores))
    assert (found.score.low, found.score.high) == pytest.approx(tuple(np.quantile(scores, [0.025, 0.975])))
    assert found.difference.value == pytest.approx(np.mean(differences))


def test_a_single_group_cannot_both_choose_and_score():
    prices, predicted, _ = trials(3, rows=10)
    with pytest.raises(ValueError, match="one group"):
        judge(prices, predicted, np.zeros(10))
