"""The report's charts, in the order of the page."""

from collections.abc import Iterator, Mapping

import altair as alt
import numpy as np
import pandas as pd

from pricefuse.evaluation.plots import log_ticks, price_label
from pricefuse.evaluation.style import ACCENT, SECOND, SERIES
from pricefuse.evaluation.tables import sampled
from pricefuse.metrics import smape_terms
from pricefuse.report.contents import Contents
from pricefuse.report.figure import BAR, GRAY, RULE, Drawn, Figure, finished, horizontal
from pricefuse.report.search_charts import search_charts

MAX_POINTS = 5000
BINS = 41
BLOCKS = {
    "attributes": "attributes", "ngrams": "words", "gemma": "text vectors", "clip_text": "short-text vectors",
    "clip_image": "picture vectors", "image_mask": "picture or none",
}  # fmt: skip


def figures(contents: Contents, seed: int) -> list[Figure]:
    """Return the charts of what there is, in the order of the page."""
    drawn = [
        *_predictions(contents, seed),
        *_errors(contents),
        *_training(contents),
        *_blocks(contents),
        *_intervals(contents),
        *search_charts(contents.searches, contents.confidence),
    ]
    return [Figure(name, section, title, said, finished(chart)) for name, section, title, said, chart in drawn]


def _predictions(contents: Contents, seed: int) -> Iterator[Drawn]:
    rows = sampled(contents.rows, MAX_POINTS, seed)
    points = pd.DataFrame({"a": rows["price"].map(_three), "p": rows["predicted"].map(_three)})
    low, high = points.to_numpy().min() * 0.85, points.to_numpy().max() * 1.18
    ticks = log_ticks(low, high)
    scale = alt.Scale(type="log", domain=[low, high], nice=False)
    axis = {"values": ticks, "labelExpr": _labels(ticks), "grid": True}
    diagonal = alt.Chart(pd.DataFrame({"a": [low, high], "p": [low, high]})).mark_line(**RULE)
    dots = alt.Chart(points).mark_circle(size=14, opacity=_opacity(len(points)), color=ACCENT, aria=False)
    chart = (diagonal + dots).encode(
        x=alt.X("a:Q", title="actual price", scale=scale, axis=alt.Axis(**axis)),
        y=alt.Y("p:Q", title="predicted price, out of fold", scale=scale, axis=alt.Axis(**axis)),
    )
    within = float((np.abs(np.log(contents.rows["predicted"] / contents.rows["price"])) <= np.log(1.25)).mean())
    shown = "" if len(rows) == len(contents.rows) else f" {len(rows):,} of {len(contents.rows):,} products are drawn."
    said = f"{within:.0%} of the predictions are within 25 % of the actual price, which they equal on the dashed line."
    yield "scatter", "errors", "Predicted against actual price", f"{said}{shown}", chart.properties(height=600)

    residuals = np.log(contents.rows["predicted"].to_numpy() / contents.rows["price"].to_numpy())
    edge = float(np.quantile(np.abs(residuals), 0.995))
    counts, edges = np.histogram(np.clip(residuals, -edge, edge), bins=BINS, range=(-edge, edge))
    table = pd.DataFrame({"from": edges[:-1].round(4), "to": edges[1:].round(4), "products": counts})
    bars = alt.Chart(table).mark_bar(color=ACCENT, binSpacing=1, aria=False)
    chart = bars.encode(
        x=alt.X("from:Q", bin="binned", title="ln of predicted over actual price", axis=alt.Axis(tickCount=6)),
        x2="to:Q",
        y=alt.Y("products:Q", title="products"),
    )
    middle = float(np.exp(np.median(residuals)))
    said = f"The median prediction is {abs(middle - 1):.1%} {'above' if middle >= 1 else 'below'} the actual price."
    yield "residuals", "errors", "Residuals", said, chart


def _errors(contents: Contents) -> Iterator[Drawn]:
    deciles = contents.tables["deciles"].copy()
    deciles["prices"] = [
        f"{price_label(a)} to {price_label(b)}" for a, b in zip(deciles["price_from"], deciles["price_to"], strict=True)
    ]
    deciles["off"] = (100 * (deciles["bias"] - 1)).round(1)
    order = list(deciles["prices"])
    x = alt.X("prices:O", sort=order, title="actual price, tenths of the products", axis=alt.Axis(labelAngle=-40))
    worst, *_, best = deciles.sort_values("smape", ascending=False, kind="stable").to_dict("records")
    said = (
        f"SMAPE is highest, {worst['smape']:.1f} %, for prices of {worst['prices']}, and lowest, {best['smape']:.1f} %,"
        f" for {best['prices']}."
    )
    y = alt.Y("smape:Q", title="SMAPE (%)")
    yield "decile_smape", "errors", "Error by price", said, alt.Chart(deciles).mark_bar(**BAR).encode(x=x, y=y)
    first, last = deciles["off"].iloc[0], deciles["off"].iloc[-1]
    said = f"In the median, the cheapest tenth is priced {_off(first)}, the most expensive {_off(last)}."
    y = alt.Y("off:Q", title="predicted over actual, median (%)")
    color = alt.condition("datum.off > 0", alt.value(SECOND), alt.value(ACCENT))
    bars = alt.Chart(deciles).mark_bar(cornerRadiusEnd=2, aria=False).encode(x=x, y=y, color=color)
    yield "decile_bias", "errors", "Bias by price", said, bars
    terms = smape_terms(contents.rows["price"].to_numpy(), contents.rows["predicted"].to_numpy())
    table = contents.rows.assign(smape=terms, picture=np.where(contents.rows["has_image"], "there", "missing"))
    for name, column, title in (("units", "unit", "Error by unit"), ("pictures", "picture", "Error by picture")):
        means = table.groupby(column)["smape"].agg(["mean", "size"]).reset_index().sort_values("size", ascending=False)
        means["label"] = [f"{each} ({count:,})" for each, count in zip(means[column], means["size"], strict=True)]
        means["smape"] = means["mean"].round(2)
        parts = ", ".join(f"{each} {smape:.1f} %" for each, smape in zip(means[column], means["smape"], strict=True))
        yield name, "errors", title, f"SMAPE: {parts}.", horizontal(means, "smape", "SMAPE (%)")


def _training(contents: Contents) -> Iterator[Drawn]:
    if contents.learning is not None and len(contents.learning) > 1:
        curve = contents.learning
        axis = alt.Axis(values=curve["rows"].tolist(), format=",d", labelOverlap=True)
        x = alt.X("rows:Q", title="training rows", scale=alt.Scale(type="log", nice=False), axis=axis)
        base = alt.Chart(curve).encode(x=x)
        y, low = alt.Y("smape:Q", title="SMAPE (%)", scale=alt.Scale(zero=False)), alt.Y("smape_low:Q")
        band = base.mark_area(opacity=0.18, color=ACCENT, aria=False).encode(y=low, y2="smape_high:Q")
        line = base.mark_line(color=ACCENT, point={"color": ACCENT, "size": 45}, aria=False).encode(y=y)
        fall = curve["smape"].iloc[-2] - curve["smape"].iloc[-1]
        said = f"From {curve['rows'].iloc[-2]:,} to {curve['rows'].iloc[-1]:,} training rows SMAPE falls by {fall:.2f}."
        yield "learning", "training", "Would more rows help?", said, band + line
    epochs = contents.tables["epochs"]
    if len(epochs):
        members = list(dict.fromkeys(epochs["member"]))
        color = alt.Color("member:N", title=None, scale=alt.Scale(domain=members, range=list(SERIES[: len(members)])))
        chart = alt.Chart(epochs[["member", "epoch", "smape"]]).mark_line(aria=False, point=len(epochs) < 60)
        last = epochs.groupby("member").last()["smape"]
        said = ", ".join(f"{member} {score:.1f} %" for member, score in last.items())
        said = f"SMAPE on the stopping rows after the last epoch: {said}."
        y = alt.Y("smape:Q", title="SMAPE (%), mean over networks", scale=alt.Scale(zero=False))
        x = alt.X("epoch:Q", axis=alt.Axis(tickMinStep=1))
        yield "epochs", "training", "Training by epoch", said, chart.encode(x=x, y=y, color=color)


def _blocks(contents: Contents) -> Iterator[Drawn]:
    table = contents.blocks.assign(label=[BLOCKS.get(name, name) for name in contents.blocks["block"]])
    if not len(table):
        return
    bars = horizontal(table, "rise", "rise of SMAPE (points)")
    y = alt.Y("label:N", sort=None, title=None)
    whiskers = alt.Chart(table).mark_rule(strokeWidth=1.5, color=GRAY, aria=False)
    whiskers = whiskers.encode(y=y, x=alt.X("rise_low:Q"), x2="rise_high:Q")
    name, rise = table["label"].iloc[0], table["rise"].iloc[0]
    said = (
        f"Without what the {name} say of a product, SMAPE rises by {rise:.1f} points; whiskers are the"
        f" {contents.confidence:.0%} interval."
    )
    yield "blocks", "blocks", "What each feature block is worth", said, bars + whiskers


def _intervals(contents: Contents) -> Iterator[Drawn]:
    table = contents.tables["coverage"].copy()
    table["promised"] = [f"{level} %" for level in table["level"]]
    color = alt.Color("promised:N", title=None, scale=alt.Scale(range=[ACCENT, SECOND]))
    x = alt.X("fifth:O", title="fifth by predicted price, from the cheapest", axis=alt.Axis(labelAngle=0))
    y = alt.Y("held:Q", title="prices within the interval (%)", scale=alt.Scale(domain=[60, 100], clamp=True))
    dots = alt.Chart(table).mark_line(point={"size": 60}, aria=False).encode(x=x, y=y, color=color)
    rules = alt.Chart(table).mark_rule(**RULE).encode(y=alt.Y("level:Q", scale=alt.Scale(domain=[60, 100])))
    found = contents.scores["intervals"]
    said = ", ".join(f"the {level} % intervals hold {each['coverage']:.1%}" for level, each in found.items())
    said = f"Of the prices, {said}; dashed is what they promise."
    yield "coverage", "intervals", "Do the intervals hold what they promise?", said, rules + dots
    curve, surest = contents.tables["risk_coverage"], contents.scores["surest"]
    area = alt.Chart(curve).mark_area(color=ACCENT, opacity=0.2, line={"color": ACCENT, "strokeWidth": 2}, aria=False)
    chart = area.encode(
        x=alt.X("share:Q", title="share of the products, the surest first (%)"), y=alt.Y("smape:Q", title="SMAPE (%)")
    )
    said = (
        f"SMAPE of the surest 30 %: {surest['30']:.1f}, of the surest 60 %: {surest['60']:.1f}, of all:"
        f" {contents.scores['smape']:.1f}."
    )
    yield "risk", "intervals", "How much better are the surest predictions?", said, chart


def _labels(ticks: list[float]) -> str:
    """Return a Vega expression that writes these ticks as short prices."""
    names: Mapping[float, str] = {tick: price_label(tick) for tick in ticks}
    cases = "".join(f"abs(datum.value - {tick!r}) < {tick * 1e-6!r} ? '{name}' : " for tick, name in names.items())
    return f"{cases}''"


def _off(percent: float) -> str:
    return f"{abs(percent):.0f} % too {'high' if percent > 0 else 'low'}"


def _opacity(points: int) -> float:
    return float(np.clip(60 / np.sqrt(points), 0.25, 0.7)) if points else 1.0


def _three(value: float) -> float:
    return float(f"{value:.3g}")
