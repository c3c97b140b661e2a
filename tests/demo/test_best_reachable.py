"""The best reachable SMAPE, against simulation and the challenge's formula."""

import numpy as np
import pytest

from pricefuse.demo.best_reachable import best_without_tier, expected_smape, row_smape
from pricefuse.demo.product import Tier


def test_row_smape_is_the_challenge_formula():
    predicted, actual = np.array([3.0, 20.0, 7.0]), np.array([4.0, 5.0, 7.0])
    challenge = 100 * np.abs(predicted - actual) / ((predicted + actual) / 2)
    assert row_smape(np.log(predicted / actual)) == pytest.approx(challenge)


@pytest.mark.parametrize(("offset", "noise_sd"), [(0.0, 0.2), (0.45, 0.2), (-0.3, 1.5), (0.4, 0.01), (0.0, 0.0)])
def test_expected_smape_agrees_with_simulation(offset, noise_sd):
    noise = np.random.default_rng(0).normal(0, noise_sd, 400_000)
    assert expected_smape(offset, noise_sd) == pytest.approx(row_smape(offset + noise).mean(), rel=0.005)


def test_no_guess_of_the_tier_beats_the_best(products):
    guess, best = best_without_tier(0.2)
    assert Tier.KRAFT.value <= guess <= Tier.GOLD.value
    losses = [np.mean([expected_smape(g - tier.value, 0.2) for tier in Tier]) for g in np.linspace(-1, 1, 41)]
    assert best <= min(losses) + 1e-9
