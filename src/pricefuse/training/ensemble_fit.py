"""Weigh the members by their out-of-fold predictions, and score the ensemble on rows that did not weigh it."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from pricefuse.features.folds import NEVER, group_folds
from pricefuse.models.ensemble import Ensemble

ENSEMBLE_FOLDS = 5  # where there is one fold, the weights are cross-fitted within it


def fit_ensemble(
    log_prices: Mapping[str, np.ndarray], index: pd.DataFrame, *, spread: bool
) -> tuple[Ensemble, pd.DataFrame]:
    """Return the ensemble, fitted to all held-out rows, and the out-of-fold predictions.

    `log_prices` are each member's out-of-fold ln prices, float64 (rows of `index`,). Each fold is predicted with
    weights that are fitted on the other folds, and within the range of the prices of the other folds. The table has
    sample_id, group, fold, price, predicted, and each member's own prediction as predicted_<member>, for each held-out
    row.
    """
    held_out = (index["fold"] != NEVER).to_numpy()
    table = index.loc[held_out, ["sample_id", "group", "fold", "price"]].reset_index(drop=True)
    own = {member: values[held_out] for member, values in log_prices.items()}
    prices, groups, folds = (table[name].to_numpy() for name in ("price", "group", "fold"))
    combined = cross_weigh(own, prices, folds, groups, spread=spread)
    for fold in np.unique(folds):
        others = index.loc[index["fold"] != fold, "price"]
        rows = folds == fold
        combined[rows] = np.clip(combined[rows], *np.log([others.min(), others.max()]))
    table["predicted"] = np.exp(combined)
    for member, values in own.items():
        table[f"predicted_{member}"] = np.exp(values)
    return Ensemble.fit(own, prices, spread=spread), table


def cross_weigh(
    log_prices: Mapping[str, np.ndarray], prices: np.ndarray, folds: np.ndarray, groups: np.ndarray, *, spread: bool
) -> np.ndarray:
    """Return the ensemble's ln prices, float64 (rows,), each row's weights fitted on the other folds' predictions."""
    folds = evaluation_folds(folds, groups)
    combined = np.zeros(len(prices))
    for fold in np.unique(folds):
        others, rows = folds != fold, folds == fold
        ensemble = Ensemble.fit(
            {name: values[others] for name, values in log_prices.items()}, prices[others], spread=spread
        )
        combined[rows] = ensemble.combine({name: values[rows] for name, values in log_prices.items()})
    return combined


def evaluation_folds(folds: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return the folds by which weights and intervals are cross-fitted, int64 (rows,).

    These are `folds`; where that is one, as of a random split, its groups are divided into ENSEMBLE_FOLDS.
    """
    parts = min(ENSEMBLE_FOLDS, len(np.unique(groups)))
    return group_folds(groups, parts, 0) if len(np.unique(folds)) == 1 and parts > 1 else folds
