"""The ensemble: a weighted mean of the members' ln prices, its weights fitted on out-of-fold predictions."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from pricefuse.metrics import smape

MAX_EVALUATIONS = 4000
MIN_ROWS = 20  # with fewer, there is nothing to weigh members by
MAX_DEVIATION = 1e-6  # of the sum of the weights from 1
_LEFT_OUT = -8.0  # exp(-8): next to nothing for a member


@dataclass(frozen=True)
class Ensemble:
    """ln price = center + spread * (weighted mean of the members' ln prices - center) + shift.

    `weights` are non-negative and add up to 1. `spread` above 1 undoes some of the shrinking that averaging causes;
    `shift` below 0 serves SMAPE, whose best guess lies below the median where prices scatter.
    """

    weights: dict[str, float]
    center: float
    spread: float
    shift: float

    def validate(self, members: Iterable[str]) -> None:
        """Raise ValueError unless this combines `members`, by finite weights that are non-negative and add up to 1."""
        if set(self.weights) != set(members):
            raise ValueError("the ensemble's weights are not those of its members")
        weights = np.array(list(self.weights.values()))
        if not (np.isfinite(weights).all() and (weights >= 0).all() and abs(weights.sum() - 1) <= MAX_DEVIATION):
            raise ValueError("the ensemble's weights are not non-negative numbers that add up to 1")
        if not np.isfinite([self.center, self.spread, self.shift]).all() or self.spread < 0:
            raise ValueError("the ensemble's center, spread or shift is not finite, or the spread negative")

    @classmethod
    def mean(cls, members: list[str]) -> "Ensemble":
        """Return the plain mean of the members, with nothing fitted."""
        return cls(dict.fromkeys(members, 1 / len(members)), 0.0, 1.0, 0.0)

    @classmethod
    def fit(cls, log_prices: Mapping[str, np.ndarray], prices: np.ndarray, *, spread: bool) -> "Ensemble":
        """Minimize SMAPE of `prices` (rows,) over the weights and, if asked for, spread and shift.

        `log_prices` has each member's out-of-fold ln prices (rows,). The simplex method of Nelder and Mead, since SMAPE
        is not smooth; it starts from the plain mean, and from every member alone, so that the fit is never worse than
        the best of them on these rows. With fewer than MIN_ROWS rows, or one member and no spread, it is the mean.
        """
        members = list(log_prices)
        if (len(members) == 1 and not spread) or len(prices) < MIN_ROWS:
            return cls.mean(members)
        columns = np.stack([log_prices[name] for name in members], axis=1)
        center = float(np.median(np.log(prices)))

        def unpack(at: np.ndarray) -> tuple[np.ndarray, float, float]:
            weights = np.exp(at[: len(members)] - at[: len(members)].max())
            slope, shift = (float(np.exp(at[-2])), float(at[-1])) if spread else (1.0, 0.0)
            return weights / weights.sum(), slope, shift

        def loss(at: np.ndarray) -> float:
            weights, slope, shift = unpack(at)
            return smape(prices, np.exp(center + slope * (columns @ weights - center) + shift))

        alone = np.where(np.eye(len(members), dtype=bool), 0.0, _LEFT_OUT)
        starts = np.pad([np.zeros(len(members)), *alone], ((0, 0), (0, 2 if spread else 0)))
        options = {"maxfev": MAX_EVALUATIONS, "xatol": 1e-3, "fatol": 1e-4}
        found = [minimize(loss, start, method="Nelder-Mead", options=options) for start in starts]
        weights, slope, shift = unpack(min(found, key=lambda result: result.fun).x)
        rounded = {name: round(float(weight), 4) for name, weight in zip(members, weights, strict=True)}
        total = sum(rounded.values())
        weighed = {name: weight / total for name, weight in rounded.items()}
        return cls(weighed, round(center, 6), round(slope, 4), round(shift, 4))

    def combine(self, log_prices: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the ensemble's ln prices, float64 (rows,), for each member's (rows,)."""
        mean = np.sum([weight * log_prices[name] for name, weight in self.weights.items()], axis=0)
        return self.center + self.spread * (mean - self.center) + self.shift
