"""Write the features of some products: their blocks side by side, the n-grams, and what Features.load reads them by.

Everything is appended by ordinary writes, some thousand rows at a time: a full disk is then an error and not a signal,
as it would be under a memory map, and memory does not grow with the rows.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from pricefuse.errors import InputError
from pricefuse.features.matrix import LAYOUT, NGRAMS, Block, layout_json
from pricefuse.features.ngrams import write_ngrams
from pricefuse.features.stored import ArrayWriter
from pricefuse.files import digests, replacing, write_sealed
from pricefuse.resources import require_room

WINDOW_ROWS = 1024


@dataclass(frozen=True)
class BlockData:
    """A block to be written: `chunks` are float32 (some rows, width), NaN where a row has no value."""

    name: str
    recipe: str
    width: int
    chunks: Iterable[np.ndarray]


def fuse(
    folder: Path,
    index: pd.DataFrame,
    blocks: Sequence[BlockData],
    ngrams: Iterable[csr_array] | None = None,
    attributes: Sequence[str] = (),
) -> tuple[Block, ...]:
    """Write features.npy, index.parquet, the n-grams and at last layout.json into `folder`, each file atomically.

    `blocks` and `ngrams` (at least one matrix) have the rows of `index`. Training rows and rows to be priced get a
    folder each: models are fitted to the training rows alone, so that a new product to be priced leaves their files,
    byte for byte, as they were.

    Returns the dense blocks. Raises InputError where a block has another number of rows than the index, and beforehand
    where the dense blocks do not fit the disk.
    """
    layout, start = [], 0
    for data in blocks:
        layout.append(Block(data.name, start, start + data.width, data.recipe))
        start += data.width
    require_room(
        f"{folder}: {len(index):,} rows of {start:,} features", "Free some, or take blocks out of fuse.blocks",
        disk=len(index) * start * np.dtype(np.float32).itemsize, folder=folder,
    )  # fmt: skip
    (folder / LAYOUT).unlink(missing_ok=True)  # without it, what a killed run left is no features folder
    with replacing(folder / "features.npy") as temporary, ArrayWriter(temporary, np.float32, (start,)) as matrix:
        for rows in _side_by_side(blocks, len(index)):
            matrix.append(rows)
    with replacing(folder / "index.parquet") as temporary:
        index.to_parquet(temporary, index=False)
    names = ["features.npy", "index.parquet"]
    columns = None
    if ngrams is not None:
        columns, written = write_ngrams(folder / NGRAMS, ngrams)
        names += [f"{NGRAMS}/{name}" for name in written]
    write_sealed(folder / LAYOUT, layout_json(layout, columns, attributes, digests(folder, names)))
    return tuple(layout)


def _side_by_side(blocks: Sequence[BlockData], rows: int) -> Iterator[np.ndarray]:
    """Yield all blocks' columns of WINDOW_ROWS rows at a time."""
    counts = [min(WINDOW_ROWS, rows - start) for start in range(0, rows, WINDOW_ROWS)]
    for parts in zip(*(_cut(data, counts) for data in blocks), strict=True):
        yield np.concatenate(parts, axis=1, dtype=np.float32)


def _cut(data: BlockData, counts: Sequence[int]) -> Iterator[np.ndarray]:
    """Yield the block's rows in pieces of `counts` rows; raise InputError where it has another number of rows."""
    waiting = np.empty((0, data.width), np.float32)
    chunks = iter(data.chunks)
    found = 0
    for count in counts:
        pieces = [waiting]
        while sum(map(len, pieces)) < count and (chunk := next(chunks, None)) is not None:
            pieces.append(chunk)
            found += len(chunk)
        together = np.concatenate(pieces) if len(pieces) > 1 else waiting
        if len(together) < count:
            break
        yield together[:count]
        waiting = together[count:]
    found += sum(map(len, chunks))
    if found != sum(counts):
        raise InputError(f"block {data.name} has {found} rows where there are {sum(counts)} products: run `dvc repro`")
