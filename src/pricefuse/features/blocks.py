"""Read the feature blocks that stage fuse puts side by side: embeddings, the image mask, and attributes."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from scipy.sparse import csr_array

from pricefuse.features.fuse import BlockData
from pricefuse.features.matrix import Block
from pricefuse.features.ngrams import count_ngrams
from pricefuse.files import read_json
from pricefuse.keys import row_key
from pricefuse.tables.parquet import iter_batches, iter_matching, vectors

REMEDY = "Run `dvc repro`, or `dvc pull`"
Ids: TypeAlias = pa.StringArray | Sequence[str]


def read_blocks(
    names: Sequence[str], embeddings: Path, attributes: tuple[Path, Sequence[str]], sample_ids: Ids, rows: range
) -> list[BlockData]:
    """Return the blocks of `names`, in that order, for some rows of the products of `sample_ids`.

    `embeddings` is the folder of the encoders' tables and cards; `attributes` is the attributes' table and its columns
    to be taken. A block's recipe is that of its encoder, or the attributes' names: a model is not applied to features
    that were made otherwise.
    """
    gemma, clip = (read_json(embeddings / f"{name}.json", REMEDY) for name in ("gemma", "clip"))
    path, columns = attributes
    blocks = {
        "image_mask": BlockData("image_mask", "has_image", 1, stored_mask(embeddings / "clip_image", sample_ids, rows)),
        "attributes": BlockData(
            "attributes", row_key(list(columns)), len(columns), stored_attributes(path, columns, rows)
        ),
    }
    for name, card in (("gemma", gemma), ("clip_text", clip), ("clip_image", clip)):
        stored = stored_vectors(embeddings / name, sample_ids, rows)
        blocks[name] = BlockData(name, card["recipe"], card["dimension"], stored)
    return [blocks[name] for name in names]


def stored_vectors(folder: Path, sample_ids: Ids, rows: range | None = None) -> Iterator[np.ndarray]:
    """Yield the vectors of a keyed table, float32 (some rows, dimension), NaN where a row has none.

    Raises InputError where the rows are not those of `sample_ids`.
    """
    for table in iter_matching(folder, sample_ids, ["vector"], rows):
        yield vectors(table["vector"])


def stored_mask(folder: Path, sample_ids: Ids, rows: range | None = None) -> Iterator[np.ndarray]:
    """Yield has_image of a keyed table, float32 (some rows, 1): 1 with an image, 0 without."""
    for table in iter_matching(folder, sample_ids, ["has_image"], rows):
        yield table["has_image"].to_numpy().astype(np.float32)[:, None]


def stored_attributes(path: Path, names: Sequence[str], rows: range) -> Iterator[np.ndarray]:
    """Yield columns of the attributes' table, float32 (some rows, columns), NaN where a row has no value."""
    for batch in iter_batches(path, names, rows):
        columns = [batch[name].to_numpy(zero_copy_only=False) for name in names]
        yield np.stack(columns, axis=1).astype(np.float32) if columns else np.empty((len(batch), 0), np.float32)


def varying(path: Path, rows: range) -> tuple[list[str], list[str]]:
    """Return the attributes that vary among `rows`, the training rows, and the others.

    A constant says nothing to a model. Rows to be priced do not count: they must change nothing. Stated by some rows
    only is varying, since that tells rows apart.
    """
    names = [name for name in pq.read_schema(path).names if name != "sample_id"]
    low, high = np.full(len(names), np.nan), np.full(len(names), np.nan)
    missing = np.zeros(len(names), bool)
    for values in stored_attributes(path, names, rows):
        low, high = np.fmin(low, np.fmin.reduce(values)), np.fmax(high, np.fmax.reduce(values))
        missing |= np.isnan(values).any(axis=0)
    varies = (low < high) | (missing & np.isfinite(low))
    kept = [name for name, each in zip(names, varies, strict=True) if each]
    return kept, [name for name in names if name not in kept]


def count_batches(products: Path, bits: int, rows: range) -> Iterator[csr_array]:
    """Yield the n-gram counts (`count_ngrams`) of some rows of the products' table, some thousand at a time."""
    for batch in iter_batches(products, ["name", "text"], rows):
        yield count_ngrams({name: batch[name].to_pylist() for name in ("name", "text")}, bits)
    if not rows:
        yield count_ngrams({"name": [], "text": []}, bits)


def summarize(layout: Sequence[Block], constant: Sequence[str], rows: int) -> str:
    """Return what a person is told of the blocks, and of the attributes that were left out."""
    widths = " + ".join(f"{block.name} {block.width:,}" for block in layout)
    text = f"{rows:,} rows of {sum(block.width for block in layout):,} features: {widths}"
    if constant:
        text += f"\n{len(constant)} attributes left out, alike in all training rows: {', '.join(constant)}"
    return text
