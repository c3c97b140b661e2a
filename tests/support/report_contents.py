"""What a report shows, of made-up products: with every part there, and with all that may be missing left out."""

import numpy as np
import pandas as pd
import pyarrow as pa
from image_bytes import jpeg

from pricefuse.evaluation.scores import complete_scores
from pricefuse.evaluation.settings import EvaluateSettings
from pricefuse.evaluation.tables import plot_tables
from pricefuse.report.contents import Contents, FoundSettings, Quality
from pricefuse.tables.parquet import part_path, write_part

SCRIPT = "<script>alert(1)</script>"
HOSTILE = [
    SCRIPT,
    "</script><script>alert(2)</script>",
    "<img src=x onerror=alert(3)>",
    "{{ 7 * 7 }}",
    '" onload="alert(4)',
]
SETTINGS = EvaluateSettings(bootstrap_samples=100, confidence=0.95, seed=0)
ENCODER = {
    "model": "some/model", "revision": None, "identity": "sha256:0123456789abcdef0123", "license": "MIT",
    "parameters": 23_000_000,
}  # fmt: skip


def predictions(rows=200):
    rng = np.random.default_rng(0)
    price = rng.lognormal(3, 1, rows)
    predicted = price * rng.lognormal(0, 0.4, rows)
    bounds = {f"{side}_{level}": predicted * f for level in (80, 95) for side, f in (("low", 0.6), ("high", 1.7))}
    names = [f"{SCRIPT} tea {n}" if n % 5 == 0 else f"{HOSTILE[n % 5]} coffee {n}" for n in range(rows)]
    return pd.DataFrame(
        {
            "sample_id": [f"id-{n}" for n in range(rows)], "group": np.arange(rows) // 2, "fold": np.arange(rows) % 4,
            "price": price, "predicted": predicted, "predicted_lexical": predicted, **bounds,
            "difficulty": rng.uniform(0.1, 0.5, rows), "name": names, "text": [f"{name}. A choice" for name in names],
            "unit": np.where(np.arange(rows) % 3, "weight", "volume"), "has_image": np.arange(rows) % 7 > 0,
        }
    )  # fmt: skip


def write_images(folder, rows):
    """Write rows of stage download, in two parts: a picture for every product that has one."""
    folder.mkdir(parents=True)
    picture = jpeg(size=(300, 200))
    half = len(rows) // 2
    for number, part in enumerate((rows[:half], rows[half:])):
        pictures = [picture if there else None for there in part["has_image"]]
        write_part(pa.table({"sample_id": part["sample_id"].tolist(), "jpeg": pictures}), part_path(folder, number))
    return folder


def contents(rows, *, complete=True):
    scores = complete_scores(rows, SETTINGS) | {"look_alikes_across_folds": 0}
    epochs = pd.DataFrame(
        {"member": "lexical", "fold": 0, "seed": 0, "epoch": [1, 2, 3], "train_loss": 1.0, "smape": 50.0}
    )
    curve = pd.DataFrame(
        {"share": [0.5, 1], "rows": [100, 200], "smape": [60.0, 50], "smape_low": 45.0, "smape_high": 65.0}
    )
    blocks = pd.DataFrame(
        {"block": ["attributes", "ngrams"], "rise": [9.0, 4], "rise_low": [8.0, 3], "rise_high": [10.0, 5]}
    )
    grouped = {
        "groups": 100, "largest_group": 2, "rows_by_reason": {"item name": 200}, "look_alikes_across_folds": 0,
        "look_alikes_sampled": 200,
    }  # fmt: skip
    images = {"ok": 171, "truncated": 1, "reasons": {f"no {SCRIPT}": 29}} if complete else {}
    return Contents(
        catalog="mine",
        confidence=0.95,
        scores=scores,
        weights={"lexical": 1.0},
        rows=rows,
        tables=plot_tables(rows, epochs if complete else epochs[:0]),
        blocks=blocks if complete else blocks[:0],
        learning=curve if complete else None,
        searches={"boosted": found_settings()} if complete else {},
        quality=Quality({"train": 200, "test": 20}, 1, 2, images, grouped),
        best_reachable=19.8 if complete else None,
        digests={"train.csv": "0" * 64, "test.csv": "1" * 64},
        encoders={"gemma": ENCODER | {"model": SCRIPT}, "clip": ENCODER},
        machines={"lexical": {"device": "cpu", "threads": 2}},
        parameters=f"catalog: mine  # {SCRIPT}\n",
        versions={"torch": "2"},
        seconds={"clean": 1.5} if complete else {},
    )


def found_settings():
    """Return a search of one number and one choice, with trials that were stopped early."""
    trials = pd.DataFrame(
        {
            "trial": range(12), "state": ["finished", "finished", *["pruned"] * 9, "finished"], "folds": 4,
            "smape": 50.0, "first_fold": np.linspace(49, 52, 12), "rate": np.geomspace(0.001, 0.1, 12),
            "loss": ["l1", "huber"] * 6,
        }
    )  # fmt: skip
    estimate = {"value": 50.0, "low": 48.0, "high": 52.0}
    settings = {"rate": 0.01, "loss": "l1"}
    result = {
        "space": {"rate": {"low": 0.001, "high": 0.1, "log": True}, "loss": {"choices": ["l1", "huber"]}},
        "default": {"smape": estimate, "settings": settings},
        "best": {"trial": 1, "smape": estimate, "settings": settings},
        "bias_corrected": {"smape": estimate, "difference": {"value": -0.1, "low": -0.3, "high": 0.1}},
        "importance": {"rate": 0.8, "loss": 0.2},
    }
    return FoundSettings(result, trials)
