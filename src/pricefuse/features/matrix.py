"""The feature matrix: blocks of columns side by side on disk, with a layout that records which columns are which."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from pricefuse.features.ngrams import SPACES, read_ngrams
from pricefuse.keys import row_key

EMBEDDINGS = ("gemma", "clip_text", "clip_image")
NGRAMS = "ngrams"  # the sparse block, and the folder that holds it


@dataclass(frozen=True)
class Block:
    """Columns `start` to `stop` of the matrix; `recipe` is a digest of what made them, such as an encoder's."""

    name: str
    start: int
    stop: int
    recipe: str

    @property
    def width(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True)
class Features:
    """The features of some rows: a memory-mapped matrix float32 (rows, columns), NaN where a row has no value.

    `index` has sample_id, and for training rows price, group, and fold (the fold that holds the row out, -1 for never).
    `ngrams` are n-gram counts, uint8 (rows, hashed columns), where the recipe asks for them. `attributes` names the
    columns of the block of that name.
    """

    matrix: np.ndarray
    blocks: tuple[Block, ...]
    index: pd.DataFrame
    ngrams: csr_array | None = None
    attributes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.matrix)

    @property
    def layout(self) -> tuple[Block, ...]:
        """All blocks, the sparse one last and with columns of its own: a model must find them as it was trained."""
        return self.blocks if self.ngrams is None else (*self.blocks, _sparse_block(self.ngrams))

    def at(self, rows: np.ndarray) -> "Features":
        """Return the features of `rows` (positions), in memory."""
        ngrams = None if self.ngrams is None else self.ngrams[rows]
        index = self.index.iloc[rows].reset_index(drop=True)
        return Features(self.matrix[rows], self.blocks, index, ngrams, self.attributes)

    def without(self, names: Sequence[str]) -> "Features":
        """Return the features without the blocks of `names`, in memory: what an ablation compares with."""
        kept = [block for block in self.blocks if block.name not in names]
        columns = [np.arange(block.start, block.stop) for block in kept]
        stops = np.cumsum([block.width for block in kept])
        blocks = tuple(
            Block(block.name, int(stop - block.width), int(stop), block.recipe)
            for block, stop in zip(kept, stops, strict=True)
        )
        matrix = self.matrix[:, np.concatenate([np.empty(0, np.int64), *columns]).astype(np.int64)]
        ngrams = None if NGRAMS in names else self.ngrams
        return Features(matrix, blocks, self.index, ngrams, self.attributes)

    @classmethod
    def load(cls, folder: Path) -> "Features":
        """Map the features that stage fuse left in `folder` into memory."""
        layout = json.loads((folder / "layout.json").read_text(encoding="utf-8"))
        blocks = tuple(Block(**block) for block in layout["blocks"])
        matrix = np.load(folder / "features.npy", mmap_mode="r", allow_pickle=False)
        columns = layout["ngram_columns"]
        ngrams = None if columns is None else read_ngrams(folder / NGRAMS, columns)
        return cls(matrix, blocks, pd.read_parquet(folder / "index.parquet"), ngrams, tuple(layout["attributes"]))


def layout_json(blocks: Sequence[Block], ngrams: csr_array | None, attributes: Sequence[str]) -> dict[str, object]:
    """Return the content of layout.json, from which `Features.load` knows what the files hold."""
    return {
        "blocks": [asdict(block) for block in blocks],
        "ngram_columns": None if ngrams is None else ngrams.shape[1],
        "attributes": list(attributes),
    }


def _sparse_block(ngrams: csr_array) -> Block:
    return Block(NGRAMS, 0, ngrams.shape[1], row_key([asdict(space) for space in SPACES]))
