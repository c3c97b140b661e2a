"""Figures, drawn with Matplotlib into PNG files: the same numbers give the same bytes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from pricefuse.files import replacing

COLOR = "tab:blue"


@contextmanager
def figure(path: Path, title: str, *, columns: int, size: tuple[float, float]) -> Iterator[list[Axes]]:
    """Yield `columns` axes side by side, `size` in inches, and write the figure to `path` atomically."""
    drawn = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(drawn)
    if title:
        drawn.suptitle(title)
    yield list(drawn.subplots(1, columns, squeeze=False)[0])
    with replacing(path) as temporary:
        # Matplotlib puts its version into the file unless told not to.
        drawn.savefig(temporary, format="png", dpi=110, metadata={"Software": None})


def draw_validation(
    path: Path, out_of_fold: pd.DataFrame, deciles: pd.DataFrame, epochs: pd.DataFrame, title: str
) -> None:
    """Draw predicted against actual price, SMAPE by price decile, and SMAPE by epoch, each from its table."""
    with figure(path, title, columns=3, size=(13, 4.2)) as (scatter, bars, curve):
        prices = out_of_fold[["price", "predicted"]].to_numpy()
        limits = (prices.min() * 0.8, prices.max() * 1.25)
        scatter.scatter(prices[:, 0], prices[:, 1], s=6, alpha=0.35, linewidths=0, color=COLOR)
        scatter.plot(limits, limits, color="black", linewidth=0.8)
        scatter.set(xscale="log", yscale="log", xlim=limits, ylim=limits, aspect="equal")
        scatter.set(xlabel="actual price", ylabel="predicted, out of fold", title="Each product")

        bars.bar(deciles["decile"], deciles["smape"], color=COLOR)
        bars.set_xticks(deciles["decile"], [f"{price:.3g}" for price in deciles["price_to"]])
        bars.set(xlabel="price decile, up to", ylabel="SMAPE (%)", title="Where the error lies")

        for member, own in epochs.groupby("member"):
            curve.plot(own["epoch"], own["smape"], label=member)
        if len(epochs):
            curve.legend()
        curve.set(xlabel="epoch", ylabel="SMAPE (%)", title="Training, mean over networks")


def draw_learning_curve(path: Path, curve: pd.DataFrame, title: str) -> None:
    """Draw SMAPE with its interval against the number of training rows, from the table of `learning_curve`."""
    with figure(path, title, columns=1, size=(5.5, 4)) as (axes,):
        below, above = curve["smape"] - curve["smape_low"], curve["smape_high"] - curve["smape"]
        axes.errorbar(curve["rows"], curve["smape"], yerr=[below, above], marker="o", capsize=3, color=COLOR)
        axes.set(xscale="log", xlabel="training rows", ylabel="SMAPE (%)")
        axes.set_xticks(curve["rows"], [f"{count:,}" for count in curve["rows"]])
        axes.minorticks_off()
