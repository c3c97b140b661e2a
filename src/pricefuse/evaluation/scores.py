"""Scores of the out-of-fold predictions: overall, by member, by price decile and by epoch."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from pricefuse.evaluation.intervals import interval_scores, surest_scores
from pricefuse.evaluation.settings import EvaluateSettings
from pricefuse.metrics import scores, smape, smape_interval, smape_terms

DECILES = 10
MEMBER_PREFIX = "predicted_"  # of the columns with each member's own predictions


def validation_scores(out_of_fold: pd.DataFrame, *, samples: int, confidence: float, seed: int) -> dict[str, Any]:
    """Return the scores of out-of-fold predictions with SMAPE's bootstrap interval by product group.

    Beside them stand the SMAPE of predicting the median price for every row, which a model has to beat, whether it does
    not, and the SMAPE of each member alone.
    """
    actual, predicted = out_of_fold["price"].to_numpy(), out_of_fold["predicted"].to_numpy()
    groups = out_of_fold["group"].to_numpy()
    low, high = smape_interval(actual, predicted, groups, samples=samples, confidence=confidence, seed=seed)
    values = scores(actual, predicted) | {
        "smape_low": low,
        "smape_high": high,
        "smape_of_median": smape(actual, np.full_like(actual, np.median(actual))),
    }
    members = {
        name.removeprefix(MEMBER_PREFIX): round(smape(actual, out_of_fold[name].to_numpy()), 4)
        for name in map(str, out_of_fold.columns)
        if name.startswith(MEMBER_PREFIX)
    }
    return {name: round(value, 4) for name, value in values.items()} | {
        "worse_than_median": bool(values["smape"] >= values["smape_of_median"]),
        "members": members,
        "n": len(out_of_fold),
        "groups": len(np.unique(groups)),
        "folds": int(out_of_fold["fold"].nunique()),
    }


def complete_scores(out_of_fold: pd.DataFrame, settings: EvaluateSettings) -> dict[str, Any]:
    """Return `validation_scores` by the settings, with `intervals` and `surest`, which say how far to trust a price."""
    found = validation_scores(
        out_of_fold, samples=settings.bootstrap_samples, confidence=settings.confidence, seed=settings.seed
    )
    return found | {"intervals": interval_scores(out_of_fold), "surest": surest_scores(out_of_fold)}


def one_line(found: Mapping[str, Any], confidence: float) -> str:
    """Return SMAPE with its interval, of `confidence`, and the median's, as they head a figure."""
    return (
        f"SMAPE {found['smape']:.2f} ({confidence:.0%} interval {found['smape_low']:.2f} to"
        f" {found['smape_high']:.2f}; the median price for every row: {found['smape_of_median']:.2f})"
    )


def verdict(found: Mapping[str, Any]) -> str:
    """Say how the scores compare with the median price for every row, and what to do; "" where they are better."""
    median = f"the median price for every row ({found['smape_of_median']:.2f})"
    if found["worse_than_median"]:
        return (
            f"worse than {median}: price these products by the median, not by this model. Add training rows, return to"
            " the default recipe (`make use PROFILE=default`), and look in metrics/plots/validation.png for where the"
            " error lies"
        )
    if found["smape_high"] >= found["smape_of_median"]:
        return f"not surely better than {median}: the interval contains it. More training rows would tell"
    return ""


def error_by_decile(out_of_fold: pd.DataFrame) -> pd.DataFrame:
    """Return decile (1 is the cheapest tenth), its range of prices, rows, SMAPE (percent), and bias.

    `bias` is the median of predicted over actual price: above 1, the tenth is priced too high.
    """
    rank = out_of_fold["price"].rank(method="first")
    rows = out_of_fold.assign(
        decile=np.ceil(rank * DECILES / len(out_of_fold)).astype(int),
        smape=smape_terms(out_of_fold["price"].to_numpy(), out_of_fold["predicted"].to_numpy()),
        bias=out_of_fold["predicted"] / out_of_fold["price"],
    )
    table = rows.groupby("decile").agg(
        price_from=("price", "min"),
        price_to=("price", "max"),
        rows=("price", "size"),
        smape=("smape", "mean"),
        bias=("bias", "median"),
    )
    return table.reset_index().round(4)


def mean_epochs(epochs: pd.DataFrame) -> pd.DataFrame:
    """Return, for each epoch of each member, the mean of the training loss and of the scores on stopping rows.

    `networks` says how many were still training: where it falls, the mean is over fewer. Only networks have epochs.
    """
    by = epochs.drop(columns=["fold", "seed"]).groupby(["member", "epoch"])
    return by.mean().assign(networks=by.size()).reset_index().round(5)
