"""Several members' log prices as one: weights, spread and shift, fitted on predictions of rows that no member saw."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from pricefuse.metrics import smape

MOST_EVALUATIONS = 4000


@dataclass(frozen=True)
class Blend:
    """ln price = centre + spread * (weighted mean of the members' ln prices - centre) + shift.

    `weights` are non-negative and add up to 1. `spread` above 1 undoes some of what averaging shrinks; `shift` below 0
    serves SMAPE, whose best guess lies below the median where prices scatter.
    """

    weights: dict[str, float]
    centre: float
    spread: float
    shift: float

    @classmethod
    def even(cls, members: list[str]) -> "Blend":
        """Return the plain mean of the members, with nothing fitted."""
        return cls(dict.fromkeys(members, 1 / len(members)), 0.0, 1.0, 0.0)

    @classmethod
    def fit(cls, log_prices: dict[str, np.ndarray], prices: np.ndarray, *, spread: bool) -> "Blend":
        """Minimise SMAPE of `prices` (rows,) over the weights and, if asked for, spread and shift.

        `log_prices` has each member's out-of-fold ln prices (rows,). Nelder and Mead's simplex, since SMAPE is not
        smooth; the start is the plain mean, and every member alone is tried too, so that the fit is never worse than
        the best of them on these rows.
        """
        members = list(log_prices)
        if len(members) == 1 and not spread:
            return cls.even(members)
        columns = np.stack([log_prices[name] for name in members], axis=1)
        centre = float(np.median(np.log(prices)))

        def unpack(at: np.ndarray) -> tuple[np.ndarray, float, float]:
            weights = np.exp(at[: len(members)] - at[: len(members)].max())
            slope, shift = (float(np.exp(at[-2])), float(at[-1])) if spread else (1.0, 0.0)
            return weights / weights.sum(), slope, shift

        def loss(at: np.ndarray) -> float:
            weights, slope, shift = unpack(at)
            return smape(prices, np.exp(centre + slope * (columns @ weights - centre) + shift))

        # exp(-8): next to nothing for a member that is left out.
        starts = [np.zeros(len(members)), *(np.where(alone, 0.0, -8.0) for alone in np.eye(len(members), dtype=bool))]
        free = 2 if spread else 0
        found = [
            minimize(
                loss,
                np.concatenate([start, np.zeros(free)]),
                method="Nelder-Mead",
                options={"maxfev": MOST_EVALUATIONS, "xatol": 1e-3, "fatol": 1e-4, "initial_simplex": None},
            )
            for start in starts
        ]
        weights, slope, shift = unpack(min(found, key=lambda result: result.fun).x)
        rounded = {name: round(float(weight), 4) for name, weight in zip(members, weights, strict=True)}
        total = sum(rounded.values())
        even = {name: weight / total for name, weight in rounded.items()}
        return cls(even, round(centre, 6), round(slope, 4), round(shift, 4))

    def apply(self, log_prices: dict[str, np.ndarray]) -> np.ndarray:
        """Return the blended ln prices, float64 (rows,), for each member's (rows,)."""
        mixed = np.sum([weight * log_prices[name] for name, weight in self.weights.items()], axis=0)
        return self.centre + self.spread * (mixed - self.centre) + self.shift
