"""A figure of the report: a Vega-Lite chart beside its title and the sentence that sums it up.

Colors that must differ between a light and a dark page (ink, grid, background) are left to the page's configuration.
"""

from dataclasses import dataclass
from typing import Any

import altair as alt
import pandas as pd

from pricefuse.evaluation.style import ACCENT

HEIGHT = 260  # pixels
BAR = {"color": ACCENT, "cornerRadiusEnd": 2, "aria": False}
GRAY = "#8795a1"
RULE = {"strokeDash": [4, 3], "opacity": 0.7, "aria": False, "color": GRAY}

Drawn = tuple[str, str, str, str, alt.Chart | alt.LayerChart]


@dataclass(frozen=True)
class Figure:
    """A chart: `name` is unique in the page, `summary` says in a sentence what is to be seen."""

    name: str
    section: str
    title: str
    summary: str
    spec: dict[str, Any]


def finished(chart: alt.Chart | alt.LayerChart) -> dict[str, Any]:
    """Return the spec, as wide as its place in the page; HEIGHT high unless the chart says otherwise."""
    if chart.height is alt.Undefined:
        chart = chart.properties(height=HEIGHT)
    with alt.data_transformers.enable("default", max_rows=None):
        spec: dict[str, Any] = chart.properties(width="container").to_dict()
    spec.pop("config", None)
    return spec


def horizontal(table: pd.DataFrame, value: str, title: str) -> alt.Chart:
    """Return bars of the column `value`, named by the column `label`, in the order of the table."""
    return (
        alt.Chart(table[["label", value]])
        .mark_bar(**BAR, height={"band": 0.62})
        .encode(
            y=alt.Y("label:N", sort=None, title=None, axis=alt.Axis(labelLimit=150, grid=False)),
            x=alt.X(f"{value}:Q", title=title),
        )
        .properties(height=max(90, 34 * len(table)))
    )
