"""The gallery: products whose price was predicted best, typically and worst, with picture, text and prices."""

import base64
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from PIL import Image

from pricefuse.metrics import smape_terms
from pricefuse.tables.parquet import iter_parts

KINDS = ("worst", "typical", "best")
SIDE, QUALITY = 150, 70  # of a thumbnail: pixels of the longer side, and JPEG's quality
MAX_TEXT = 320  # characters
MAX_ERROR = 200.0  # SMAPE's


@dataclass(frozen=True)
class Item:
    """A product of the gallery; `picture` is a data URI, or "" where there is none; `error` is its share of SMAPE."""

    sample_id: str
    kind: str
    name: str
    text: str
    unit: str
    price: float
    predicted: float
    low: float
    high: float
    error: float
    picture: str

    @property
    def inside(self) -> bool:
        return self.low <= self.price <= self.high


def gallery(rows: pd.DataFrame, images: Path, each: int) -> list[Item]:
    """Return `each` products of the least error, around the median and of the greatest, one of a group of variants.

    `rows` has the out-of-fold predictions with name, text and unit; `images` is the folder of stage download's rows.
    """
    errors = smape_terms(rows["price"].to_numpy(), rows["predicted"].to_numpy())
    left = rows.assign(error=errors)
    count = min(each, max(1, left["group"].nunique() // len(KINDS)))
    parts = {}
    for kind, target in (("worst", MAX_ERROR), ("best", 0.0), ("typical", float(left["error"].median()))):
        ordered = left.assign(off=(left["error"] - target).abs()).sort_values(["off", "sample_id"], kind="stable")
        parts[kind] = ordered.drop_duplicates("group")[:count].assign(kind=kind)
        left = left[~left["group"].isin(parts[kind]["group"])]
    chosen = pd.concat([parts[kind] for kind in KINDS])
    pictures = dict(thumbnails(images, set(chosen["sample_id"])))
    return [
        Item(
            sample_id=str(row["sample_id"]),
            kind=str(row["kind"]),
            name=_short(str(row["name"] or row["text"]), 140),
            text=_short(str(row["text"]), MAX_TEXT),
            unit=str(row["unit"]),
            price=float(row["price"]),
            predicted=float(row["predicted"]),
            low=float(row["low_80"]),
            high=float(row["high_80"]),
            error=float(row["error"]),
            picture=pictures.get(str(row["sample_id"]), ""),
        )
        for row in chosen.to_dict("records")
    ]


def thumbnails(images: Path, sample_ids: set[str]) -> Iterator[tuple[str, str]]:
    """Yield sample_id and a small picture as a data URI, for the products that have one."""
    for part in iter_parts(images, ["sample_id", "jpeg"]):
        ids = part["sample_id"].to_pylist()
        for at in [n for n, sample_id in enumerate(ids) if sample_id in sample_ids]:
            if (jpeg := part["jpeg"][at].as_py()) is not None:
                yield ids[at], _data_uri(jpeg)


def _data_uri(jpeg: bytes) -> str:
    with Image.open(io.BytesIO(jpeg), formats=["JPEG"]) as image:  # written by stage download
        image.thumbnail((SIDE, SIDE))
        written = io.BytesIO()
        image.convert("RGB").save(written, "JPEG", quality=QUALITY, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(written.getvalue()).decode()}"


def _short(text: str, most: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"
