"""Say what the pipeline found, where its results lie, and what to do next: python -m pricefuse.pipeline.summary.

`make repro` ends with it, also when every stage was up to date and printed nothing.
"""

import json
from pathlib import Path
from typing import Any

from pricefuse.pipeline import stage
from pricefuse.pipeline.expectations import has_remote
from pricefuse.pipeline.params import Params, read_params

PRICES = "data/predictions/test_out.csv"
REPORT = "reports/report.html"
FIGURE = "metrics/plots/validation.png"
REASONS = "metrics/images.json"


def summary(params: Params, root: Path) -> list[str]:
    """Return the lines of the summary, from the files that are there: what is missing is left out."""
    scores = _numbers(root / "metrics/validation.json")
    lines = _score(params, scores) or ["No score yet: `dvc repro` has not run to its end."]
    best = _numbers(root / "demo/best_reachable.json").get("best_smape_realized")
    if params.catalog == "demo" and best is not None and "smape" in scores:
        lines.append(f"The demo's noise leaves {best:.2f} reachable.")

    images = _numbers(root / "metrics/images.json")
    fetched = f" ({images['ok']:,} of {images['products']:,})" if {"ok", "products"} <= images.keys() else ""
    missing = fetched and images["ok"] < images["products"]
    results = {
        "report": (REPORT, ""),
        "prices": (PRICES, ""),
        "figure": (FIGURE, ""),
        "images": ("data/images", fetched + (f"; why others are missing: {REASONS}" if missing else "")),
        "model": ("models/price_model", "; try `pricefuse predict --text '...'`"),
    }
    there = {name: (path, note) for name, (path, note) in results.items() if (root / path).exists()}
    lines += [f"  {name:<8}{path}{note}" for name, (path, note) in there.items()]

    lines.append("Next:")
    if scores:
        share = " and `dvc push`" if has_remote(root) else ""
        lines.append(f"  keep it           `git commit -am '...'`{share}")
        lines.append("  try something     `dvc exp run -S boosted.leaves=31`, then `dvc metrics diff`")
    lines.append("  your own catalog  `make catalog NAME=<folder of data/raw>`, then `make repro`")
    return lines


def _score(params: Params, scores: dict[str, Any]) -> list[str]:
    if "smape" not in scores:
        return []
    smape, median = scores["smape"], scores.get("smape_of_median")
    line = f"Catalog {params.catalog}: SMAPE {smape:.2f}"
    if {"smape_low", "smape_high"} <= scores.keys():
        interval = f"{scores['smape_low']:.2f} to {scores['smape_high']:.2f}"
        line += f" ({params.evaluate.confidence:.0%} interval {interval})"
    if "n" in scores:
        line += f", out of fold on {scores['n']:,} products"
    if median is None:
        return [f"{line}."]
    line += f"; the median price for every product has {median:.2f}."
    return [line, *(["WARNING: this is no better than the median price."] if smape >= median else [])]


def _numbers(path: Path) -> dict[str, Any]:
    """Return the numbers of a JSON file; none if it is missing or not readable."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(content, dict):
        return {}
    return {name: value for name, value in content.items() if isinstance(value, int | float)}


def main() -> None:
    print("\n".join(["", *summary(read_params(Path("params.yaml")), Path())]))


if __name__ == "__main__":
    stage.run(main)
