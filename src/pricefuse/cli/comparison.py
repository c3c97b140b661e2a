"""Compare the out-of-fold predictions of two versions of the pipeline on the rows that both have."""

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pricefuse.errors import InputError
from pricefuse.files import read_parquet
from pricefuse.metrics import difference_interval, smape

TABLE = Path("data/validation/out_of_fold.parquet")
WORKSPACE = "workspace"
COLUMNS = ("sample_id", "group", "price", "predicted")


def compare_versions(first: str, second: str, *, confidence: float, samples: int, seed: int) -> list[str]:
    """Return the SMAPE of both versions, their difference with its interval, and a verdict, a line each.

    A version is a git revision or a DVC experiment of this repository, "workspace", or the path of an out-of-fold table
    or of a folder that holds one. The interval is that of the paired bootstrap by product group: both versions are
    scored on the same resampled groups. Raises InputError where a version has no such table, or they share no rows.
    """
    tables = [read_version(version) for version in (first, second)]
    both = tables[0].merge(tables[1], on="sample_id", suffixes=("", "_second"), validate="one_to_one")
    if both.empty:
        raise InputError(f"{first} and {second} have no products in common: nothing can be compared")
    if other := int((~np.isclose(both["price"], both["price_second"])).sum()):
        raise InputError(f"{other:,} products have another price in {second} than in {first}: not the same catalog")
    actual, one, two = (both[name].to_numpy() for name in ("price", "predicted", "predicted_second"))
    scores = smape(actual, one), smape(actual, two)
    low, high = difference_interval(
        actual, two, one, both["group"].to_numpy(), samples=samples, confidence=confidence, seed=seed
    )
    lines = [f"{name}: SMAPE {score:.2f}" for name, score in zip((first, second), scores, strict=True)]
    left_out = [len(table) - len(both) for table in tables]
    if any(left_out):
        lines.append(f"left out, not in both: {left_out[0]:,} products of {first}, {left_out[1]:,} of {second}")
    if not np.array_equal(both["fold"], both["fold_second"]):
        lines.append("the folds differ: each product was predicted by models of other training rows")
    difference = scores[1] - scores[0]
    lines.append(
        f"difference {difference:+.2f} ({confidence:.0%} interval {low:+.2f} to {high:+.2f}), {len(both):,} products in"
        f" {both['group'].nunique():,} groups"
    )
    return [*lines, verdict(first, second, low, high)]


def verdict(first: str, second: str, low: float, high: float) -> str:
    """Say in one sentence what the interval of the second SMAPE less the first means."""
    if low == high == 0:
        return f"{first} and {second} predict the same prices."
    if high < 0:
        return f"{second} is better than {first}: the whole interval is below zero."
    if low > 0:
        return f"{second} is worse than {first}: the whole interval is above zero."
    return f"No difference between {first} and {second} can be told from chance: the interval holds zero."


def read_version(version: str) -> pd.DataFrame:
    """Return sample_id, group, fold, price and predicted of a version. Raises InputError where it has none."""
    path = TABLE if version == WORKSPACE else Path(version)
    if version == WORKSPACE or path.exists():
        path = path / TABLE.name if path.is_dir() else path
        table = read_parquet(path, "Name a table of out-of-fold predictions, or run `dvc repro ensemble`")
    else:
        table = _of_revision(version)
    if missing := [name for name in (*COLUMNS, "fold") if name not in table]:
        raise InputError(f"{version}: its out-of-fold table has no column {', '.join(missing)}")
    prices = table[["price", "predicted"]].to_numpy(np.float64)
    if not len(table) or not (np.isfinite(prices) & (prices > 0)).all():
        raise InputError(f"{version}: no rows, or a price that is not a positive number")
    return table[[*COLUMNS, "fold"]].assign(sample_id=table["sample_id"].astype(str))


def _of_revision(version: str) -> pd.DataFrame:
    from dvc.api import DVCFileSystem  # noqa: PLC0415 - takes seconds, and tables need none of it
    from dvc.exceptions import DvcException  # noqa: PLC0415
    from dvc_data.index import DataIndexDirError  # noqa: PLC0415
    from scmrepo.exceptions import SCMError  # noqa: PLC0415

    logging.getLogger("dvc").setLevel(logging.CRITICAL)
    try:
        with DVCFileSystem(repo=".", rev=version).open(TABLE.as_posix(), "rb") as file:
            return pq.read_table(file).to_pandas()
    except (FileNotFoundError, DataIndexDirError):
        raise InputError(
            f"{version}: its {TABLE} is not in DVC's cache here. Get it with `dvc pull` at that revision (of an"
            " experiment: `dvc exp pull`)"
        ) from None
    except (DvcException, SCMError, pa.ArrowException, OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"{version}: no table of out-of-fold predictions, and no revision or experiment here ({reason:.160})"
        ) from None
