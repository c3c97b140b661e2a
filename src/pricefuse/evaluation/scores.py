"""What the out-of-fold predictions say: the scores, where the error lies, and a picture of both."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from pricefuse.files import replacing
from pricefuse.metrics import scores, smape, smape_interval, smape_terms

DECILES = 10
MEMBER = "predicted_"  # and a kind of member: a column of its own predictions


def validation_scores(out_of_fold: pd.DataFrame, *, samples: int, confidence: float, seed: int) -> dict[str, Any]:
    """Return the scores of out-of-fold predictions with SMAPE's bootstrap interval by product group.

    Beside them stand the SMAPE of predicting the median price for every row, what a model has to beat, and of each kind
    of member alone.
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
        name.removeprefix(MEMBER): round(smape(actual, out_of_fold[name].to_numpy()), 4)
        for name in map(str, out_of_fold.columns)
        if name.startswith(MEMBER)
    }
    return {name: round(value, 4) for name, value in values.items()} | {
        "members": members,
        "n": len(out_of_fold),
        "groups": len(np.unique(groups)),
        "folds": int(out_of_fold["fold"].nunique()),
    }


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
    """Return, for each epoch of each kind of member, the mean of the training loss and of the scores on stopping rows.

    `networks` says how many were still training: where it falls, the mean is over fewer. Only networks have epochs.
    """
    by = epochs.drop(columns=["fold", "seed"]).groupby(["member", "epoch"])
    return by.mean().assign(networks=by.size()).reset_index().round(5)


def draw(path: Path, out_of_fold: pd.DataFrame, deciles: pd.DataFrame, epochs: pd.DataFrame, title: str) -> None:
    """Draw predicted against actual price, SMAPE by price decile, and SMAPE by epoch as one PNG, atomically."""
    figure = Figure(figsize=(13, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title)
    scatter, bars, curve = figure.subplots(1, 3)

    prices = out_of_fold[["price", "predicted"]].to_numpy()
    limits = [prices.min() * 0.8, prices.max() * 1.25]
    scatter.scatter(prices[:, 0], prices[:, 1], s=6, alpha=0.35, linewidths=0, color="tab:blue")
    scatter.plot(limits, limits, color="black", linewidth=0.8)
    scatter.set(xscale="log", yscale="log", xlim=limits, ylim=limits, aspect="equal")
    scatter.set(xlabel="actual price", ylabel="predicted, out of fold", title="Each product")

    bars.bar(deciles["decile"], deciles["smape"], color="tab:blue")
    bars.set_xticks(deciles["decile"], [f"{price:.3g}" for price in deciles["price_to"]])
    bars.set(xlabel="price decile, up to", ylabel="SMAPE (%)", title="Where the error lies")

    for member, own in epochs.groupby("member"):
        curve.plot(own["epoch"], own["smape"], label=member)
    if len(epochs):
        curve.legend()
    curve.set(xlabel="epoch", ylabel="SMAPE (%)", title="Training, mean over networks")
    with replacing(path) as temporary:
        # Matplotlib puts its version into the file unless told not to.
        figure.savefig(temporary, format="png", dpi=110, metadata={"Software": None})
