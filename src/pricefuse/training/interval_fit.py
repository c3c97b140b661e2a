"""Fit prediction intervals to the out-of-fold predictions, and bound each row by intervals that never saw it."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from pricefuse.features.folds import NEVER
from pricefuse.features.matrix import Features
from pricefuse.models.intervals import Difficulty, Intervals, conformal_bounds, difficulty_inputs
from pricefuse.training.ensemble_fit import evaluation_folds

COVERAGES = (0.80, 0.95)


def fit_intervals(
    features: Features, log_prices: Mapping[str, np.ndarray], out_of_fold: pd.DataFrame, seed: int
) -> tuple[Intervals, pd.DataFrame]:
    """Return the intervals, fitted to all held-out rows, and `out_of_fold` with bounds.

    `log_prices` are each member's out-of-fold ln prices, float64 (rows of `features`,); `out_of_fold` is the table of
    `fit_ensemble`. New columns are difficulty, and low_80, high_80, low_95, high_95: the difficulty of a fold's rows is
    predicted, and their bounds are calibrated, by the rows of the other folds.
    """
    rows = np.flatnonzero(features.index["fold"].to_numpy() != NEVER)
    combined = np.log(out_of_fold["predicted"].to_numpy())
    own = {member: values[rows] for member, values in log_prices.items()}
    inputs = difficulty_inputs(features, rows, own, combined)
    prices = out_of_fold["price"].to_numpy()
    residuals = np.log(prices) - combined
    folds = evaluation_folds(out_of_fold["fold"].to_numpy(), out_of_fold["group"].to_numpy())

    difficulty = np.empty(len(rows))
    for fold in np.unique(folds):
        others, held_out = _sides(folds, fold)
        difficulty[held_out] = Difficulty.fit(inputs[others], residuals[others], seed).predict(inputs[held_out])
    scores = residuals / difficulty

    table = out_of_fold.assign(difficulty=difficulty)
    for coverage in COVERAGES:
        low, high = np.empty(len(rows)), np.empty(len(rows))
        for fold in np.unique(folds):
            others, held_out = _sides(folds, fold)
            price_range = (prices[others].min(), prices[others].max())
            low[held_out], high[held_out] = conformal_bounds(
                scores[others], difficulty[held_out], combined[held_out], coverage, price_range
            )
        table = table.assign(**{f"low_{coverage:.0%}"[:-1]: low, f"high_{coverage:.0%}"[:-1]: high})
    return Intervals(Difficulty.fit(inputs, residuals, seed), np.sort(scores)), table


def _sides(folds: np.ndarray, fold: int) -> tuple[np.ndarray, np.ndarray]:
    """Return masks of the rows of the other folds and of those of `fold`; one fold alone is both."""
    held_out = folds == fold
    return (held_out if held_out.all() else ~held_out), held_out
