"""Read what the report shows from what the stages left; a part that is missing is left out."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from pricefuse.catalog import iter_products
from pricefuse.errors import InputError
from pricefuse.evaluation.validation_folder import Validation, read_validation
from pricefuse.files import digests, read_json
from pricefuse.text.listing import MAX_CHARACTERS
from pricefuse.timings import recorded_seconds

TABLES = ("train.csv", "test.csv")
REMEDY = "Run `dvc repro`, or `dvc pull`"
PACKAGES = (
    "pricefuse",
    "torch",
    "sentence-transformers",
    "open_clip_torch",
    "scikit-learn",
    "lightgbm",
    "dvc",
    "pandas",
)
UNITS = {
    "is_mass": "weight", "is_volume": "volume", "is_count": "count", "is_length": "length", "is_area": "area",
    "is_none": "no unit",
}  # fmt: skip


@dataclass(frozen=True)
class Quality:
    """What the catalog lacks: rows of each split, texts that are empty or were cut, and images that are missing."""

    rows: Mapping[str, int]
    empty: int
    cut: int
    images: Mapping[str, Any]
    groups: Mapping[str, Any]


@dataclass(frozen=True)
class FoundSettings:
    """A member's search: `result` is metrics/tuning/<member>.json, `trials` the table beside it, a row a trial."""

    result: Mapping[str, Any]
    trials: pd.DataFrame


@dataclass(frozen=True)
class Contents:
    """All that the report shows.

    `rows` has the out-of-fold predictions with name, text, unit and has_image; `blocks` is the table of
    `block_importance`, `tables` those of metrics/plots by name, `learning` the catalog's learning curve if there is
    one, `searches` its searches for better settings by member, `digests` the SHA-256 of the catalog's tables.
    """

    catalog: str
    confidence: float
    scores: Mapping[str, Any]
    weights: Mapping[str, float]
    rows: pd.DataFrame
    tables: Mapping[str, pd.DataFrame]
    blocks: pd.DataFrame
    learning: pd.DataFrame | None
    searches: Mapping[str, FoundSettings]
    quality: Quality
    best_reachable: float | None
    digests: Mapping[str, str]
    encoders: Mapping[str, Mapping[str, Any]]
    machines: Mapping[str, Mapping[str, Any]]
    parameters: str
    versions: Mapping[str, str]
    seconds: Mapping[str, float]


@dataclass(frozen=True)
class Places:
    """Where the stages left what the report shows."""

    catalog: Path
    validation: Path
    clean: Path
    hashes: Path
    folds: Path
    metrics: Path
    timings: Path
    params: Path = Path("params.yaml")
    learning: Path = Path("metrics/learning/learning_curve.csv")
    searches: Path = Path("metrics/tuning")
    facts: Path = Path("demo/best_reachable.json")


def read_contents(
    places: Places, catalog: str, confidence: float, provenance: Mapping[str, Any], blocks: pd.DataFrame
) -> Contents:
    """Read everything; `provenance` is the price model's, `blocks` the table of `block_importance`.

    Raises InputError where what a stage must have left is missing or damaged.
    """
    validation = read_validation(places.validation)
    plots = places.metrics / "plots"
    return Contents(
        catalog=catalog,
        confidence=confidence,
        scores=read_json(places.metrics / "validation.json", REMEDY),
        weights=validation.weights,
        rows=_rows(validation, places),
        tables={name: _table(plots / f"{name}.csv") for name in ("deciles", "epochs", "coverage", "risk_coverage")},
        blocks=blocks,
        learning=_learning_curve(places.learning, catalog),
        searches=_searches(places.searches, catalog),
        quality=_quality(places),
        best_reachable=_best_reachable(places.facts) if catalog == "demo" else None,
        digests={name: file.sha256 for name, file in digests(places.catalog, TABLES).items()},
        encoders=provenance["encoders"],
        machines=provenance["machine"],
        parameters=places.params.read_text(encoding="utf-8"),
        versions={name: version(name) for name in PACKAGES},
        seconds=recorded_seconds(places.timings, catalog),
    )


def _rows(validation: Validation, places: Places) -> pd.DataFrame:
    products = pq.read_table(places.clean / "products.parquet", columns=["sample_id", "name", "text"]).to_pandas()
    columns = [name for name in UNITS if name in pq.read_schema(places.clean / "attributes.parquet").names]
    stated = pq.read_table(places.clean / "attributes.parquet", columns=columns).to_pandas()
    hashes = pq.read_table(places.hashes, columns=["sample_id", "sha256"]).to_pandas()
    if not (len(products) == len(stated) == len(hashes)) or not products["sample_id"].equals(hashes["sample_id"]):
        raise InputError(f"{places.clean} and {places.hashes} have different products. {REMEDY}")
    unit = np.array([*UNITS.values()])[stated.to_numpy().argmax(axis=1)] if columns else "unknown"
    about = products.assign(unit=unit, has_image=hashes["sha256"].notna())
    about["sample_id"] = about["sample_id"].astype(str)
    rows = validation.out_of_fold.assign(sample_id=validation.out_of_fold["sample_id"].astype(str))
    return rows.merge(about, on="sample_id", how="left", validate="one_to_one")


def _quality(places: Places) -> Quality:
    rows: dict[str, int] = {}
    empty = cut = 0
    for product in iter_products(places.catalog):
        rows[product.split] = rows.get(product.split, 0) + 1
        empty += not product.catalog_content.strip()
        cut += len(product.catalog_content) > MAX_CHARACTERS
    images = read_json(places.metrics / "images.json", REMEDY)
    return Quality(rows, empty, cut, images, read_json(places.folds, REMEDY))


def _table(path: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(path)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file. {REMEDY}") from None
    except (ValueError, OSError) as error:
        raise InputError(f"{path}: not a table ({' '.join(str(error).split()):.100}). {REMEDY}") from None


def _learning_curve(path: Path, catalog: str) -> pd.DataFrame | None:
    """Return the learning curve of this catalog; None where it was not drawn, or last for another catalog."""
    curve = _table(path) if path.is_file() else pd.DataFrame()
    return curve if "catalog" in curve and (curve["catalog"] == catalog).all() else None


def _searches(folder: Path, catalog: str) -> dict[str, FoundSettings]:
    """Return the searches on this catalog, those of others left out."""
    found = {path.stem: read_json(path, REMEDY) for path in sorted(folder.glob("*.json"))}
    return {
        member: FoundSettings(result, _table(folder / f"{member}.csv"))
        for member, result in found.items()
        if result.get("catalog") == catalog
    }


def _best_reachable(path: Path) -> float | None:
    found = read_json(path, REMEDY) if path.is_file() else {}
    best = found.get("best_smape_realized")
    return float(best) if isinstance(best, int | float) else None
