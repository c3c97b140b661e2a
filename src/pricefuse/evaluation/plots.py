"""Figures, drawn with Matplotlib into PNG files: the same numbers give the same bytes."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import NullLocator

from pricefuse.evaluation.style import ACCENT, MATPLOTLIB, MUTED, SECOND, SERIES
from pricefuse.files import replacing

MAX_TICKS = 8  # of a log axis


@contextmanager
def figure(path: Path, title: str, *, columns: int, size: tuple[float, float], rows: int = 1) -> Iterator[list[Axes]]:
    """Yield `rows` times `columns` axes, row by row, `size` in inches, and write the figure to `path` atomically."""
    with mpl.rc_context(MATPLOTLIB):
        drawn = Figure(figsize=size, layout=ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.12))
        FigureCanvasAgg(drawn)
        if title:
            drawn.suptitle(title, x=0.012, ha="left")
        yield list(drawn.subplots(rows, columns, squeeze=False).flat)
        with replacing(path) as temporary:
            # Matplotlib puts its version into the file unless told not to.
            drawn.savefig(temporary, format="png", dpi=110, metadata={"Software": None})


def draw_validation(
    path: Path,
    out_of_fold: pd.DataFrame,
    tables: Mapping[str, pd.DataFrame],
    weights: Mapping[str, float],
    title: str,
) -> None:
    """Draw predictions, error and bias by price decile, coverage, the surest predictions, and training, a panel each.

    `tables` are those of metrics/plots by name; `weights` are the members' shares in the ensemble: the curves by epoch
    say what they weigh, and who has none.
    """
    with figure(path, title, rows=2, columns=3, size=(15, 9)) as (scatter, errors, bias, coverage, surest, curve):
        _draw_predictions(scatter, out_of_fold)
        _draw_deciles(errors, bias, tables["deciles"])
        _draw_coverage(coverage, tables["coverage"])
        _draw_surest(surest, tables["risk_coverage"])
        _draw_epochs(curve, tables["epochs"], weights)


def _draw_predictions(axes: Axes, out_of_fold: pd.DataFrame) -> None:
    prices = out_of_fold[["price", "predicted"]].to_numpy()
    limits = (prices.min() * 0.8, prices.max() * 1.25)
    axes.scatter(prices[:, 0], prices[:, 1], s=7, alpha=0.35, linewidths=0, color=ACCENT)
    axes.plot(limits, limits, color=MUTED, linewidth=0.9, linestyle=(0, (4, 3)))
    axes.set(xscale="log", yscale="log", xlim=limits, ylim=limits)
    axes.set(xlabel="actual price", ylabel="predicted, out of fold", title="Each product")
    ticks = log_ticks(*limits)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_locator(NullLocator())
        axis.set_ticks(ticks, [price_label(tick) for tick in ticks])


def _draw_deciles(errors: Axes, bias: Axes, deciles: pd.DataFrame) -> None:
    errors.bar(deciles["decile"], deciles["smape"], color=ACCENT)
    errors.set(ylabel="SMAPE (%)", title="Where the error lies")
    off = 100 * (deciles["bias"] - 1)
    bias.bar(deciles["decile"], off, color=np.where(off > 0, SECOND, ACCENT))
    bias.axhline(0, color=MUTED, linewidth=0.8)
    bias.set(ylabel="predicted over actual price, median (%)", title="Priced too high (+) or too low (-)")
    bias.yaxis.set_major_formatter(lambda value, _: f"{value:+.0f}" if value else "0")
    for axes in (errors, bias):
        axes.grid(visible=False, axis="x")
        axes.set_xticks(deciles["decile"], [price_label(price) for price in deciles["price_to"]], rotation=45)
        axes.set(xlabel="price decile, up to")


def _draw_coverage(axes: Axes, coverage: pd.DataFrame) -> None:
    for (level, own), color in zip(coverage.groupby("level"), SERIES, strict=False):
        axes.axhline(float(str(level)), color=MUTED, linewidth=0.9, linestyle=(0, (4, 3)))
        axes.plot(own["fifth"], own["held"], marker="o", color=color, label=f"{level} % intervals")
    axes.set(ylim=(min(60.0, coverage["held"].min() - 5), 101), ylabel="prices within the interval (%)")
    axes.set(xlabel="fifth by predicted price, from the cheapest", title="Do the intervals hold what they promise?")
    axes.set_xticks(sorted(set(coverage["fifth"])))
    axes.legend(loc="lower right", ncols=2)


def _draw_surest(axes: Axes, curve: pd.DataFrame) -> None:
    axes.fill_between(curve["share"], curve["smape"], color=ACCENT, alpha=0.18, linewidth=0)
    axes.plot(curve["share"], curve["smape"], color=ACCENT)
    axes.set(ylim=(0, None), xlabel="share of the products, the surest first (%)", ylabel="SMAPE (%)")
    axes.set(title="The surest predictions")


def _draw_epochs(axes: Axes, epochs: pd.DataFrame, weights: Mapping[str, float]) -> None:
    for (member, own), color in zip(epochs.groupby("member"), SERIES, strict=False):
        axes.plot(own["epoch"], own["smape"], color=color, label=f"{member}, weight {weights[str(member)]:.2f}")
    without = [f"{name}, weight {weight:.2f}" for name, weight in weights.items() if name not in set(epochs["member"])]
    for label in without:
        axes.plot([], [], " ", label=f"{label}: has no epochs")
    axes.legend()
    axes.set(xlabel="epoch", ylabel="SMAPE (%)", title="Training, mean over networks")


def draw_learning_curve(path: Path, curve: pd.DataFrame, title: str, left_out: Sequence[float] = ()) -> None:
    """Draw SMAPE with its interval against the number of training rows, from the table of `learning_curve`.

    `left_out` are the shares that were asked for and have too few product groups: the figure names them.
    """
    with figure(path, title, columns=1, size=(5.5, 4)) as (axes,):
        below, above = curve["smape"] - curve["smape_low"], curve["smape_high"] - curve["smape"]
        axes.errorbar(curve["rows"], curve["smape"], yerr=[below, above], marker="o", capsize=3, color=ACCENT)
        axes.set(xscale="log", xlabel="training rows", ylabel="SMAPE (%)")
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xticks(curve["rows"], [f"{count:,}" for count in curve["rows"]], rotation=45)
        if left_out:
            shares = ", ".join(f"{share:g}" for share in left_out)
            axes.set_title(f"left out, too few product groups: share {shares}", fontsize="small", color=MUTED)


def price_label(price: float) -> str:
    """Return a price in three digits without an exponent, as short as a tick's label has to be."""
    for least, unit, name in ((1e9, 1e9, "G"), (1e6, 1e6, "M"), (1e4, 1e3, "k")):
        if price >= least:
            return f"{_three_digits(price / unit)}{name}"
    return _three_digits(price)


def _three_digits(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return np.format_float_positional(float(f"{value:.3g}"), trim="-")


def log_ticks(low: float, high: float) -> list[float]:
    """Return up to MAX_TICKS round numbers between `low` and `high`, the finest steps that this allows."""
    exponents = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    for digits in ((1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9), (1, 2, 5), (1, 3), (1,)):
        ticks = [digit * 10.0**exponent for exponent in exponents for digit in digits]
        ticks = [tick for tick in ticks if low <= tick <= high]
        if len(ticks) <= MAX_TICKS:
            return ticks
    return ticks[:: -(-len(ticks) // MAX_TICKS)]
