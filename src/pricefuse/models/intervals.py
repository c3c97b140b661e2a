"""Prediction intervals: a normalized conformal predictive system on the out-of-fold residuals of ln price.

Algorithm:
1. Trees predict from a product's attributes, the members' predictions and their disagreement how far ln price will be
   off: its difficulty.
2. Each out-of-fold residual is divided by the difficulty that trees of the other folds gave it.
3. The quantiles of these, times a new product's difficulty, are the bounds around its ln price.

Vovk et al., "Nonparametric predictive distributions based on conformal prediction" (Machine Learning, 2019), normalized
as in Bostrom's crepes, which computes the third step.
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import lightgbm
import numpy as np
from crepes import ConformalPredictiveSystem

from pricefuse.features.matrix import Features
from pricefuse.models.boosted import attribute_columns
from pricefuse.models.storage import Array, require_array
from pricefuse.models.trees import Trees

MIN_ROWS = 100  # with fewer, every product is as difficult as the others
MIN_DIFFICULTY = 0.05  # of ln price: no price is known better
ROUNDS = 150
PARAMETERS = {
    "objective": "l2",
    "learning_rate": 0.03,
    "num_leaves": 8,
    "min_data_in_leaf": 40,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "verbose": -1,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,  # sums, and with them the trees, differ in their last bits with the threads
}


@dataclass(frozen=True)
class Difficulty:
    """A model of |residual of ln price|: `center`, its mean over the fitted rows, and `trees` that correct it."""

    center: float
    trees: Trees

    @classmethod
    def fit(cls, inputs: np.ndarray, residuals: np.ndarray, seed: int) -> "Difficulty":
        """Fit to `inputs` (`difficulty_inputs`) and out-of-fold residuals of ln price, float64 (rows,).

        With fewer than MIN_ROWS rows it is the mean alone.
        """
        size = np.abs(residuals)
        center = float(size.mean())
        if len(size) < MIN_ROWS:
            return cls(center, Trees.none())
        data = lightgbm.Dataset(inputs, size - center)
        booster = lightgbm.train(PARAMETERS | {"seed": seed, "boost_from_average": False}, data, ROUNDS)
        return cls(center, Trees.of_booster(booster))

    def predict(self, inputs: np.ndarray) -> np.ndarray:
        """Return how far ln price may be off, float64 (rows,), at least MIN_DIFFICULTY."""
        return np.maximum(self.center + self.trees.predict(inputs), MIN_DIFFICULTY)


@dataclass(frozen=True)
class Intervals:
    """The difficulty of new products, and the out-of-fold residuals over their own difficulty, float64 (rows,)."""

    difficulty: Difficulty
    scores: Array

    def validate(self, columns: int) -> None:
        """Raise ValueError unless this is a model of `columns` inputs with finite residuals."""
        if not (np.isfinite(self.difficulty.center) and self.difficulty.center >= 0):
            raise ValueError("the center of the difficulty is not a non-negative number")
        self.difficulty.trees.validate(columns)
        require_array("scores", self.scores, np.float64, (None,))
        if not len(self.scores):
            raise ValueError("scores is empty")

    def bounds(
        self, inputs: np.ndarray, log_prices: np.ndarray, coverage: float, price_range: tuple[float, float]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the lower and upper price, float64 (rows,), of intervals that hold `coverage` (0 to 1) of the prices.

        `log_prices`, float64 (rows,), are the ensemble's; `price_range` bounds the bounds.
        """
        return conformal_bounds(self.scores, self.difficulty.predict(inputs), log_prices, coverage, price_range)


def conformal_bounds(
    scores: np.ndarray,
    difficulty: np.ndarray,
    log_prices: np.ndarray,
    coverage: float,
    price_range: tuple[float, float],
) -> tuple[np.ndarray, np.ndarray]:
    """Return lower and upper prices, float64 (rows,), within `price_range` and around the predicted price.

    `scores`, float64 (calibration rows,), are residuals over their difficulty, `difficulty` and `log_prices`, float64
    (rows,), those of the rows that are asked for. Too few scores for the coverage give the range of the prices.
    """
    system = ConformalPredictiveSystem().fit(scores, sigmas=np.ones(len(scores)))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="the no. of calibration")
        # The bounds of one product of difficulty 1 at 0 are those of all others, scaled and shifted.
        ((low_score, high_score),) = system.predict_int(np.zeros(1), sigmas=np.ones(1), confidence=coverage)
    low = log_prices + difficulty * min(low_score, 0.0)
    high = log_prices + difficulty * max(high_score, 0.0)
    lowest, highest = np.log(price_range)
    return np.exp(np.clip(low, lowest, highest)), np.exp(np.clip(high, lowest, highest))


def difficulty_inputs(
    features: Features, rows: np.ndarray, log_prices: Mapping[str, np.ndarray], combined: np.ndarray
) -> np.ndarray:
    """Return what difficulty is predicted from, float64 (rows, columns): see `input_columns`.

    `rows` are positions into `features`; `log_prices` are each member's and `combined` the ensemble's, (rows,).
    """
    members = np.stack([log_prices[name] for name in sorted(log_prices)], axis=1)
    return np.concatenate(
        [attribute_columns(features, rows), members, combined[:, None], np.ptp(members, axis=1)[:, None]], axis=1
    )


def input_columns(attributes: int, members: int) -> int:
    """Return the number of inputs: attributes, the members' ln prices, the ensemble's, and the members' range."""
    return attributes + members + 2
