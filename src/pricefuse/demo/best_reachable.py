"""Compute the best SMAPE that any model can reach on the synthetic catalog, from its price formula.

SMAPE of one row is 200 * tanh(|ln p - ln a| / 2) percent: with r = ln p - ln a, |p - a| / ((p + a) / 2) equals
2 * |e**r - 1| / (e**r + 1).
"""

import math

import numpy as np
import numpy.typing as npt
from scipy.integrate import quad
from scipy.optimize import minimize_scalar

from pricefuse.demo.product import Tier

_TAIL = 10.0  # standard deviations; the normal density beyond is below 1e-22


def row_smape(log_ratio: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return the SMAPE in percent of each row, float64 of the same shape, from ln(predicted) - ln(actual)."""
    return 200 * np.tanh(np.abs(np.asarray(log_ratio, np.float64)) / 2)


def expected_smape(offset: float, noise_sd: float) -> float:
    """Return the expected SMAPE in percent when ln(predicted) - ln(actual) is Normal(offset, noise_sd)."""
    if noise_sd == 0:
        return float(row_smape(offset))
    # |.| has a kink, where it is not smooth, so each side is integrated alone.
    kink = float(np.clip(-offset / noise_sd, -_TAIL, _TAIL))

    def density(z: float) -> float:
        return 200 * math.tanh(abs(offset + noise_sd * z) / 2) * math.exp(-z * z / 2) / math.sqrt(2 * math.pi)

    return float(quad(density, -_TAIL, kink)[0] + quad(density, kink, _TAIL)[0])


def best_without_tier(noise_sd: float) -> tuple[float, float]:
    """Return the best guess of an unknown tier's effect on ln(price), and its expected SMAPE in percent."""
    effects = [tier.value for tier in Tier]

    def loss(guess: float) -> float:
        return sum(expected_smape(guess - effect, noise_sd) for effect in effects) / len(effects)

    best = minimize_scalar(loss, bounds=(min(effects), max(effects)), method="bounded")
    return float(best.x), float(best.fun)
