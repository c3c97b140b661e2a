"""Write the report: one HTML page with everything in it, which asks no server for anything."""

import base64
import hashlib
import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import vl_convert
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from pricefuse.evaluation.plots import price_label
from pricefuse.evaluation.scores import verdict
from pricefuse.report.contents import Contents
from pricefuse.report.figure import Figure
from pricefuse.report.gallery import KINDS, Item

TEMPLATE = "report.html.jinja"
SECTIONS = {
    "errors": "Where the error lies",
    "blocks": "What the features are worth",
    "intervals": "How far to trust a price",
    "training": "How it was trained",
    "tuning": "Searches for better settings",
}


def render(contents: Contents, figures: Sequence[Figure], items: Sequence[Item]) -> str:
    """Return the page. Texts from the catalog are escaped wherever they stand.

    Scripts run only if their digest is in the page's Content-Security-Policy, which also forbids every request.
    """
    environment = Environment(
        loader=PackageLoader("pricefuse.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"price": price_label, "json": _json}
    scripts = [charts_script(), _asset("report.js")]
    return environment.get_template(TEMPLATE).render(
        contents=contents,
        scores=contents.scores,
        warning=verdict(contents.scores),
        sections=[
            (name, title, own)
            for name, title in SECTIONS.items()
            if (own := [figure for figure in figures if figure.section == name])
        ],
        items=items,
        kinds=KINDS,
        style=Markup(_asset("report.css")),  # noqa: S704 - this package's own files
        scripts=[Markup(script) for script in scripts],  # noqa: S704
        digests=[_digest(script) for script in scripts],
    )


@cache
def charts_script() -> str:
    """Return Vega, Vega-Lite and Vega-Embed as one script."""
    return str(vl_convert.javascript_bundle())  # type: ignore[call-arg]  # its stub has no default


def _asset(name: str) -> str:
    return files("pricefuse.report").joinpath(name).read_text(encoding="utf-8")


def _digest(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def _json(value: Any) -> Markup:
    """Return JSON that no text in it can end the script element that it stands in."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704 - escaped above
