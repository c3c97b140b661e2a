"""Blocks of features side by side in one matrix on disk, with a record of which columns are which."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from pricefuse.errors import InputError
from pricefuse.features.ngrams import SPACES, Ngrams
from pricefuse.files import replacing, write_json
from pricefuse.keys import row_key
from pricefuse.tables.parquet import iter_matching, vectors

EMBEDDINGS = ("gemma", "clip_text", "clip_image")
NGRAMS = "ngrams"  # the folder of the sparse block, and its name


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
    `ngrams` are the counts of the text's n-grams, where the recipe asks for them; `attributes` names the columns of the
    block of that name.
    """

    matrix: np.ndarray
    blocks: tuple[Block, ...]
    index: pd.DataFrame
    ngrams: Ngrams | None = None
    attributes: tuple[str, ...] = ()

    @property
    def layout(self) -> tuple[Block, ...]:
        """All blocks, the sparse one last and with columns of its own: what a model has to find as it was trained."""
        return self.blocks if self.ngrams is None else (*self.blocks, _sparse_block(self.ngrams))

    def at(self, rows: np.ndarray) -> "Features":
        """Return the features of `rows` (positions), in memory."""
        ngrams = None if self.ngrams is None else self.ngrams.at(rows)
        index = self.index.iloc[rows].reset_index(drop=True)
        return Features(self.matrix[rows], self.blocks, index, ngrams, self.attributes)

    def without(self, names: Sequence[str]) -> "Features":
        """Return the features without the blocks of `names`, in memory: what an ablation compares with."""
        kept = [block for block in self.blocks if block.name not in names]
        columns = [np.arange(block.start, block.stop) for block in kept]
        stops = np.cumsum([block.width for block in kept])
        blocks = tuple(
            Block(block.name, int(stop - block.width), int(stop), block.source)
            for block, stop in zip(kept, stops, strict=True)
        )
        matrix = self.matrix[:, np.concatenate([np.empty(0, np.int64), *columns]).astype(np.int64)]
        ngrams = None if NGRAMS in names else self.ngrams
        return Features(matrix, blocks, self.index, ngrams, self.attributes)

    @classmethod
    def load(cls, folder: Path) -> "Features":
        """Map the features that `write` and the fuse stage left in `folder`."""
        described = json.loads((folder / "blocks.json").read_text(encoding="utf-8"))
        blocks = tuple(Block(**block) for block in described["blocks"])
        matrix = np.load(folder / "features.npy", mmap_mode="r", allow_pickle=False)
        bits = described["ngram_bits"]
        ngrams = None if bits is None else Ngrams.load(folder / NGRAMS, bits)
        return cls(matrix, blocks, pd.read_parquet(folder / "index.parquet"), ngrams, tuple(described["attributes"]))


def write(
    folder: Path,
    blocks: Sequence[BlockData],
    index: pd.DataFrame,
    ngrams: Ngrams | None = None,
    attributes: Sequence[str] = (),
) -> tuple[Block, ...]:
    """Write features.npy, blocks.json, index.parquet and the n-grams, each file atomically; return the layout.

    Memory is bounded by a chunk and the n-grams. Raises InputError where a block has another number of rows than the
    index.
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
    if ngrams is not None:
        ngrams.write(folder / NGRAMS)
    described = {
        "blocks": [asdict(block) for block in layout],
        "ngram_bits": None if ngrams is None else ngrams.bits,
        "attributes": list(attributes),
    }
    write_json(folder / "blocks.json", described)
    return (*layout, *([] if ngrams is None else [_sparse_block(ngrams)]))


def _sparse_block(ngrams: Ngrams) -> Block:
    return Block(NGRAMS, 0, ngrams.width, row_key([asdict(space) for space in SPACES]))


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
