"""Say what will take long, and about how long: embeddings and training, for products that have no embedding yet."""

from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

EMBEDDINGS = {"embed_gemma": "data/embeddings/gemma", "embed_clip": "data/embeddings/clip_text"}
# Measured: 18 minutes for 5,000 products on two CPU cores, with the packaged encoders and the default members.
_MINUTES_PER_PRODUCT = 18 / 5000
_WORTH_SAYING_MINUTES = 2


def minutes(products: int) -> str:
    """Return how long two CPU cores take from the images to the price model: "about 20 minutes"."""
    estimate = products * _MINUTES_PER_PRODUCT
    if estimate < 10:
        return "some minutes"
    return f"about {estimate:.0f} minutes" if estimate < 120 else f"about {estimate / 60:.0f} hours"


def what_comes_next(products: Path, root: Path) -> str | None:
    """Return a line about the products of stage clean's table that no embedding has the id of; None for a few.

    A product whose text alone has changed is not counted: that takes the stages' own keys.
    """
    ids = _ids(products)
    missing = max(
        pc.sum(pc.invert(pc.is_in(ids, value_set=_ids(root / folder)))).as_py() or 0 for folder in EMBEDDINGS.values()
    )
    if missing * _MINUTES_PER_PRODUCT < _WORTH_SAYING_MINUTES:
        return None
    return (
        f"Next: images and embeddings of {missing:,} products, then training; on two CPU cores {minutes(missing)} in"
        " all with the packaged encoders"
    )


def _ids(path: Path) -> pa.ChunkedArray:
    """Return column sample_id of a table or a folder of tables, without those that are missing or damaged."""
    chunks: list[pa.Array] = []
    for part in sorted(path.glob("part-*.parquet")) if path.is_dir() else [path]:
        with suppress(pa.ArrowException, OSError):
            chunks += pq.read_table(part, columns=["sample_id"])["sample_id"].cast(pa.large_string()).chunks
    return pa.chunked_array(chunks, pa.large_string())
