"""The charts of a search for better settings: its history, which settings matter, and what each value gave."""

from collections.abc import Iterator, Mapping
from typing import Any

import altair as alt
import pandas as pd

from pricefuse.evaluation.style import ACCENT, SECOND
from pricefuse.report.contents import FoundSettings
from pricefuse.report.figure import RULE, Drawn, horizontal

SECTION = "tuning"
SLICES = 4  # of the settings that matter most


def search_charts(searches: Mapping[str, FoundSettings], confidence: float) -> Iterator[Drawn]:
    """Yield the charts of each member's search."""
    for member, found in searches.items():
        yield _history(member, found, confidence)
        if found.result["importance"]:
            yield _importance(member, found)
            for setting in list(found.result["importance"])[:SLICES]:
                yield _slice(member, setting, found)


def _history(member: str, found: FoundSettings, confidence: float) -> Drawn:
    trials, result = found.trials, found.result
    complete = trials.loc[trials["state"] == "finished", ["trial", "smape"]]
    best = pd.DataFrame(
        {"trial": trials["trial"], "best": trials["smape"].where(trials["state"] == "finished").cummin()}
    )
    best = best.ffill()
    default = pd.DataFrame({"smape": [result["default"]["smape"]["value"]]})
    x = alt.X("trial:Q", title="trial", axis=alt.Axis(tickMinStep=1, format="d"))
    y = alt.Y("smape:Q", title="SMAPE out of fold (%)", scale=alt.Scale(zero=False))
    dots = alt.Chart(complete).mark_circle(size=40, color=ACCENT, aria=False).encode(x=x, y=y)
    line = alt.Chart(best).mark_line(interpolate="step-after", color=ACCENT, aria=False).encode(x=x, y="best:Q")
    rule = alt.Chart(default).mark_rule(**RULE).encode(y=y)
    corrected, score = result["bias_corrected"]["difference"], result["best"]["smape"]["value"]
    pruned = (trials["state"] == "pruned").sum()
    chance = "more than chance" if corrected["high"] < 0 else "which may be chance"
    said = (
        f"{len(trials)} trials, of which {pruned} were stopped early and are not drawn. The default (dashed) has"
        f" {default['smape'].iloc[0]:.2f} %, the best trial {score:.2f} %. Choosing like this changes SMAPE by"
        f" {corrected['value']:+.2f} ({confidence:.0%} interval {corrected['low']:+.2f} to {corrected['high']:+.2f}) on"
        f" products that did not choose: {chance}."
    )
    return f"search_{member}", SECTION, f"A search for {member}", said, rule + line + dots


def _importance(member: str, found: FoundSettings) -> Drawn:
    shares = found.result["importance"]
    table = pd.DataFrame({"label": list(shares), "share": [round(100 * share, 1) for share in shares.values()]})
    name, share = table.iloc[0]
    said = f"{name} makes {share:.0f} % of the differences between trials on the first fold, which all of them have."
    title = f"Which settings of {member} matter"
    return f"importance_{member}", SECTION, title, said, horizontal(table, "share", "share of the variance (%)")


def _slice(member: str, setting: str, found: FoundSettings) -> Drawn:
    columns = {setting: "value", "first_fold": "smape", "state": "state"}
    table = found.trials[list(columns)].rename(columns=columns)
    space, present = found.result["space"][setting], found.result["default"]["settings"][setting]
    y = alt.Y("smape:Q", title="SMAPE of the first fold (%)", scale=alt.Scale(zero=False))
    states = alt.Scale(domain=["finished", "pruned"], range=[ACCENT, SECOND])
    color = alt.Color("state:N", title=None, scale=states, legend=alt.Legend(symbolType="circle"))
    if "choices" in space:
        table["value"] = table["value"].astype(str)
        x, rule = alt.X("value:N", title=setting, axis=alt.Axis(labelAngle=0)), None
    else:
        x = alt.X("value:Q", title=setting, scale=_scale(space), axis=alt.Axis(tickCount=5))
        rule = alt.Chart(pd.DataFrame({"value": [present]})).mark_rule(**RULE).encode(x=x)
    dots = alt.Chart(table).mark_circle(size=40, opacity=0.8, aria=False).encode(x=x, y=y, color=color)
    best = table["value"].iloc[int(table["smape"].argmin())]
    said = f"The lowest SMAPE of the first fold has {setting} {best}; the default is {present}."
    title = f"{member}: {setting}"
    return f"slice_{member}_{setting}", SECTION, title, said, dots if rule is None else rule + dots


def _scale(space: Mapping[str, Any]) -> alt.Scale:
    """Return the bounds of the space, a little wider, so that no dot lies on the frame."""
    low, high, log = space["low"], space["high"], space["log"]
    if log:
        margin = (high / low) ** 0.03
        return alt.Scale(type="log", domain=[low / margin, high * margin], nice=False)
    margin = 0.03 * (high - low)
    return alt.Scale(domain=[low - margin, high + margin], nice=False)
