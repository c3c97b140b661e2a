"""Fuse the feature blocks of all products, and write training rows and rows to be priced apart.

Models are fitted to the training rows alone, so that a new product to be priced leaves their files, byte for byte, as
they were, and nothing is fitted again.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from pricefuse.errors import InputError
from pricefuse.features.matrix import NGRAMS, Block, layout_json
from pricefuse.features.ngrams import write_ngrams
from pricefuse.files import replacing, write_json
from pricefuse.tables.parquet import iter_matching, vectors


@dataclass(frozen=True)
class BlockData:
    """A block to be written: `chunks` are float32 (some rows, width), NaN where a row has no value."""

    name: str
    recipe: str
    width: int
    chunks: Iterable[np.ndarray]


def fuse(
    folders: Sequence[Path],
    indexes: Sequence[pd.DataFrame],
    blocks: Sequence[BlockData],
    ngrams: csr_array | None = None,
    attributes: Sequence[str] = (),
) -> tuple[Block, ...]:
    """Write features.npy, layout.json, index.parquet and the n-grams into each folder, each file atomically.

    The rows of `blocks` and `ngrams` are those of `indexes`, one after the other; each folder gets those of its index.
    Memory is bounded by a chunk and the n-grams. Returns the dense blocks. Raises InputError where a block has another
    number of rows than the indexes.
    """
    layout, start = [], 0
    for data in blocks:
        layout.append(Block(data.name, start, start + data.width, data.recipe))
        start += data.width
    lengths = [len(index) for index in indexes]
    with ExitStack() as stack:
        paths = [stack.enter_context(replacing(folder / "features.npy")) for folder in folders]
        matrices = [
            np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(rows, start))
            for path, rows in zip(paths, lengths, strict=True)
        ]
        for block, data in zip(layout, blocks, strict=True):
            _fill(matrices, block, data)
        for matrix in matrices:
            matrix.flush()
    first = 0
    for folder, index in zip(folders, indexes, strict=True):
        with replacing(folder / "index.parquet") as temporary:
            index.to_parquet(temporary, index=False)
        if ngrams is not None:
            write_ngrams(folder / NGRAMS, ngrams[first : first + len(index)])
        write_json(folder / "layout.json", layout_json(layout, ngrams, attributes))
        first += len(index)
    return tuple(layout)


def _fill(matrices: Sequence[np.ndarray], block: Block, data: BlockData) -> None:
    stops = np.cumsum([len(matrix) for matrix in matrices]).tolist()
    row = 0
    for chunk in data.chunks:
        for matrix, stop in zip(matrices, stops, strict=True):
            first = stop - len(matrix)
            low, high = max(row, first), min(row + len(chunk), stop)
            if low < high:
                matrix[low - first : high - first, block.start : block.stop] = chunk[low - row : high - row]
        row += len(chunk)
    if row != stops[-1]:
        raise InputError(f"block {block.name} has {row} rows where there are {stops[-1]} products: run `dvc repro`")


def varying(attributes: pd.DataFrame, train_rows: int) -> tuple[pd.DataFrame, list[str]]:
    """Return the attributes that vary among the first `train_rows` rows, and the names of the others.

    A constant says nothing to a model. Rows to be priced do not count: they must change nothing. Stated by some rows
    only is varying, since that tells rows apart.
    """
    train = attributes.iloc[:train_rows]
    constant = [name for name in attributes if train[name].nunique(dropna=False) < 2]
    return attributes.drop(columns=constant), list(map(str, constant))


def stored_vectors(folder: Path, sample_ids: Sequence[str]) -> Iterator[np.ndarray]:
    """Yield the vectors of a keyed table, float32 (rows of a part, dimension), NaN where a row has none.

    Raises InputError where the rows are not those of `sample_ids`.
    """
    for table in iter_matching(folder, sample_ids, ["vector"]):
        yield vectors(table["vector"])


def stored_mask(folder: Path, sample_ids: Sequence[str]) -> Iterator[np.ndarray]:
    """Yield has_image of a keyed table, float32 (rows of a part, 1): 1 with an image, 0 without."""
    for table in iter_matching(folder, sample_ids, ["has_image"]):
        yield table["has_image"].to_numpy().astype(np.float32)[:, None]
