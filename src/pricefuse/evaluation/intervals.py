"""How good the prediction intervals are, and how much better the surest predictions: out of fold, like the scores."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from pricefuse.metrics import smape_terms

LEVELS = (80, 95)  # percent: out_of_fold has low_<level> and high_<level> for each
FIFTHS = 5
SUREST = (30, 60, 90)  # percent of the rows
CURVE = range(5, 101, 5)


def interval_scores(out_of_fold: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Return coverage (0 to 1), width, score, score_of_one_width and by_fifth, the coverage in each fifth, by level.

    `width` is the median of upper over lower price. `score` is the mean interval score of ln price (Gneiting and
    Raftery, "Strictly proper scoring rules, prediction, and estimation", 2007, eq. 43), which rewards narrow intervals
    and penalizes prices outside: smaller is better. `score_of_one_width` is that of intervals of one width for all
    products, calibrated on the other folds. Fifths are by predicted price.
    """
    fifths = _fifths(out_of_fold["predicted"])
    found = {}
    for level in LEVELS:
        low, high, price = (np.log(out_of_fold[name]) for name in (f"low_{level}", f"high_{level}", "price"))
        inside = (low <= price) & (price <= high)
        found[str(level)] = {
            "coverage": round(float(inside.mean()), 4),
            "width": round(float(np.exp((high - low).median())), 4),
            "score": _interval_score(low, high, price, level),
            "score_of_one_width": _interval_score(*_of_one_width(out_of_fold, level), price, level),
            "by_fifth": inside.groupby(fifths).mean().round(4).tolist(),
        }
    return found


def _interval_score(low: pd.Series, high: pd.Series, price: pd.Series, level: int) -> float:
    outside = (low - price).clip(lower=0) + (price - high).clip(lower=0)
    return round(float((high - low + 2 / (1 - level / 100) * outside).mean()), 4)


def _of_one_width(out_of_fold: pd.DataFrame, level: int) -> tuple[pd.Series, pd.Series]:
    """Return the bounds of ln price by the quantiles of the other folds' residuals; one fold alone is its own."""
    predicted = np.log(out_of_fold["predicted"])
    residuals, folds = np.log(out_of_fold["price"]) - predicted, out_of_fold["fold"]
    shares = [(1 - level / 100) / 2, (1 + level / 100) / 2]
    several = len(folds.unique()) > 1
    bounds = {fold: residuals[folds != fold] if several else residuals for fold in folds.unique()}
    quantiles = {fold: own.quantile(shares).tolist() for fold, own in bounds.items()}
    low, high = (folds.map({fold: own[side] for fold, own in quantiles.items()}) for side in (0, 1))
    return predicted + low, predicted + high


def coverage_by_fifth(out_of_fold: pd.DataFrame) -> pd.DataFrame:
    """Return level and held (percent), fifth (1 has the lowest predicted prices), price_from, price_to and rows."""
    fifths = _fifths(out_of_fold["predicted"])
    parts = []
    for level in LEVELS:
        inside = out_of_fold["price"].between(out_of_fold[f"low_{level}"], out_of_fold[f"high_{level}"])
        by = out_of_fold.assign(level=level, fifth=fifths, inside=inside).groupby(["level", "fifth"])
        parts.append(
            by.agg(
                price_from=("predicted", "min"),
                price_to=("predicted", "max"),
                rows=("predicted", "size"),
                held=("inside", "mean"),
            )
        )
    table = pd.concat(parts).reset_index()
    return table.assign(held=100 * table["held"]).round(4)


def risk_coverage(out_of_fold: pd.DataFrame, shares: Sequence[int] = CURVE) -> pd.DataFrame:
    """Return share (percent) and smape (percent) of so many rows, those of the least difficulty.

    The risk-coverage curve of selective prediction (El-Yaniv and Wiener, 2010), with SMAPE as the risk.
    """
    terms = smape_terms(out_of_fold["price"].to_numpy(), out_of_fold["predicted"].to_numpy())
    surest = np.argsort(out_of_fold["difficulty"].to_numpy(), kind="stable")
    means = np.cumsum(terms[surest]) / np.arange(1, len(terms) + 1)
    smape = [round(float(means[max(1, round(share / 100 * len(terms))) - 1]), 4) for share in shares]
    return pd.DataFrame({"share": list(shares), "smape": smape})


def surest_scores(out_of_fold: pd.DataFrame) -> dict[str, float]:
    """Return the SMAPE (percent) of the SUREST percent of the rows."""
    table = risk_coverage(out_of_fold, SUREST)
    return {str(share): smape for share, smape in zip(table["share"], table["smape"], strict=True)}


def _fifths(predicted: pd.Series) -> pd.Series:
    """Return 1 to 5, from the fifth of the lowest predicted prices to that of the highest."""
    rank = predicted.rank(method="first")
    return (rank * FIFTHS / len(predicted)).apply(np.ceil).astype(int)
