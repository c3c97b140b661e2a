"""The feature matrix: blocks of columns side by side on disk, with a layout that records which columns are which."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from scipy.sparse import csr_array

from pricefuse.errors import InputError
from pricefuse.features.ngrams import SPACES, read_ngrams
from pricefuse.features.stored import REMEDY, read_array
from pricefuse.files import FileDigest, read_parquet, read_sealed, require_files
from pricefuse.keys import row_key

EMBEDDINGS = ("gemma", "clip_text", "clip_image")
LAYOUT = "layout.json"
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
    def load(cls, folder: Path, *, training: bool = False) -> "Features":
        """Map the features that stage fuse left in `folder` into memory, every file compared with its digest first.

        Raises InputError where a file is missing or damaged, the files do not belong together, or, for `training`, the
        rows have no prices.
        """
        layout = _read_layout(folder / LAYOUT)
        require_files(folder, layout.files, REMEDY)
        columns = layout.ngram_columns
        ngrams = None if columns is None else read_ngrams(folder / NGRAMS, columns)
        matrix = read_array(folder / "features.npy", (np.float32,), 2)
        index = read_parquet(folder / "index.parquet", REMEDY)
        _require_index(folder / "index.parquet", index, training=training)
        rows = {len(matrix), len(index), *([] if ngrams is None else [ngrams.shape[0]])}
        width = layout.blocks[-1].stop if layout.blocks else 0
        if len(rows) > 1 or matrix.shape[1] != width:
            raise InputError(f"{folder}: its files have different numbers of rows or columns. {REMEDY}")
        return cls(matrix, layout.blocks, index, ngrams, layout.attributes)


def layout_json(
    blocks: Sequence[Block], ngram_columns: int | None, attributes: Sequence[str], files: Mapping[str, FileDigest]
) -> dict[str, object]:
    """Return the content of layout.json, by which `Features.load` knows what the files hold, and whether all of it."""
    return {
        "blocks": [asdict(block) for block in blocks],
        "ngram_columns": ngram_columns,
        "attributes": list(attributes),
        "files": {name: file.model_dump() for name, file in files.items()},
    }


class _Layout(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)

    blocks: tuple[Block, ...]
    ngram_columns: Annotated[int, Field(ge=len(SPACES), le=len(SPACES) << 24, multiple_of=len(SPACES))] | None
    attributes: tuple[str, ...]
    files: dict[str, FileDigest]


def _read_layout(path: Path) -> _Layout:
    content = read_sealed(path, REMEDY)
    try:
        layout = _Layout.model_validate_json(json.dumps(content))
    except ValidationError as error:
        fault = error.errors()[0]
        raise InputError(f"{path}: {'.'.join(map(str, fault['loc']))}: {fault['msg']}. {REMEDY}") from None
    stops = [0, *(block.stop for block in layout.blocks)]
    if [block.start for block in layout.blocks] != stops[:-1] or sorted(stops) != stops:
        raise InputError(f"{path}: the blocks do not follow one another: the file is damaged. {REMEDY}")
    return layout


def _require_index(path: Path, index: pd.DataFrame, *, training: bool) -> None:
    names = ["sample_id", *(["price", "group", "fold"] if training or "price" in index else [])]
    if missing := [name for name in names if name not in index]:
        raise InputError(f"{path}: no column {', '.join(missing)}: the file is damaged or another's. {REMEDY}")
    if index["sample_id"].isna().any():
        raise InputError(f"{path}: a row has no sample_id. {REMEDY}")
    if "price" not in index:
        return
    prices = index["price"]
    if prices.dtype != np.float64 or not (np.isfinite(prices) & (prices > 0)).all():
        raise InputError(f"{path}: a price is not a positive number. {REMEDY}")
    whole = all(pd.api.types.is_integer_dtype(index[name]) for name in ("group", "fold"))
    if not whole or (index["fold"] < -1).any():
        raise InputError(f"{path}: a group or fold is not a whole number. {REMEDY}")


def _sparse_block(ngrams: csr_array) -> Block:
    return Block(NGRAMS, 0, ngrams.shape[1], row_key([asdict(space) for space in SPACES]))
