"""Blocks of features side by side in one matrix on disk, with a record of which columns are which."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from pricefuse.atomic import replacing, write_json
from pricefuse.errors import InputError
from pricefuse.parts import iter_matching, vectors


@dataclass(frozen=True)
class Block:
    """Columns `start` to `stop` of the matrix; `source` names what made them, such as an encoder's identity."""

    name: str
    start: int
    stop: int
    source: str

    @property
    def width(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True)
class BlockData:
    """A block to be written: `chunks` are float32 (some rows, width), NaN where a row has no value."""

    name: str
    source: str
    width: int
    chunks: Iterable[np.ndarray]


@dataclass(frozen=True)
class Features:
    """What fuse wrote: the memory-mapped matrix float32 (rows, columns), its blocks, and the index of its rows.

    `index` has sample_id, split, price (NaN in test), group, and fold (the fold that holds the row out, -1 for never).
    """

    matrix: np.ndarray
    blocks: tuple[Block, ...]
    index: pd.DataFrame

    @classmethod
    def load(cls, folder: Path) -> "Features":
        """Map the features that `write` and the fuse stage left in `folder`."""
        blocks = tuple(Block(**block) for block in json.loads((folder / "blocks.json").read_text(encoding="utf-8")))
        matrix = np.load(folder / "features.npy", mmap_mode="r", allow_pickle=False)
        return cls(matrix, blocks, pd.read_parquet(folder / "index.parquet"))


def write(folder: Path, blocks: Sequence[BlockData], index: pd.DataFrame) -> tuple[Block, ...]:
    """Write features.npy, blocks.json and index.parquet, each atomically; memory is bounded by a chunk.

    Raises InputError where a block has another number of rows than the index.
    """
    layout, start = [], 0
    for data in blocks:
        layout.append(Block(data.name, start, start + data.width, data.source))
        start += data.width
    with replacing(folder / "features.npy") as temporary:
        matrix = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.float32, shape=(len(index), start))
        for block, data in zip(layout, blocks, strict=True):
            row = 0
            for chunk in data.chunks:
                matrix[row : row + len(chunk), block.start : block.stop] = chunk
                row += len(chunk)
            if row != len(index):
                raise InputError(
                    f"block {block.name} has {row} rows where there are {len(index)} products: run `dvc repro`"
                )
        matrix.flush()
    with replacing(folder / "index.parquet") as temporary:
        index.to_parquet(temporary, index=False)
    write_json(folder / "blocks.json", [asdict(block) for block in layout])
    return tuple(layout)


def stored_vectors(folder: Path, sample_ids: Sequence[str]) -> Iterator[np.ndarray]:
    """Yield the vectors of a folder of rows, float32 (part's rows, dimension), NaN where a row has none.

    Raises InputError where the rows are not those of `sample_ids`.
    """
    for table in iter_matching(folder, sample_ids, ["vector"]):
        yield vectors(table["vector"])


def stored_mask(folder: Path, sample_ids: Sequence[str]) -> Iterator[np.ndarray]:
    """Yield has_image of a folder of rows, float32 (part's rows, 1): 1 with an image, 0 without."""
    for table in iter_matching(folder, sample_ids, ["has_image"]):
        yield table["has_image"].to_numpy().astype(np.float32)[:, None]
