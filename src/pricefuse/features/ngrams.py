"""Hashed n-grams of the text: how often each stands in each row, on disk, with nothing fitted and nothing to store."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array, hstack
from sklearn.feature_extraction.text import HashingVectorizer

from pricefuse.files import replacing

CHUNK_ROWS = 2048
MOST = 255  # a count is one byte; no honest listing says a word more often
_FILES = {"starts": np.int64, "columns": np.int32, "counts": np.uint8}


@dataclass(frozen=True)
class Space:
    """N-grams of `low` to `high` words ("word") or characters within words ("char_wb") of one field of the product."""

    name: str
    field: str
    analyzer: str
    low: int
    high: int


# The name tells what the product is, and its spelling tells sizes and brands; the rest of the text is long and loose.
SPACES = (
    Space("name_words", "name", "word", 1, 2),
    Space("name_characters", "name", "char_wb", 3, 5),
    Space("text_words", "text", "word", 1, 2),
)


@dataclass(frozen=True)
class Ngrams:
    """Counts by row: those of row i are `counts[starts[i]:starts[i + 1]]`, in the columns beside them.

    `starts` is int64 (rows + 1,), `columns` int32 and `counts` uint8 (entries,); each may be memory-mapped. Space s of
    SPACES has the columns from s * 2**bits on.
    """

    starts: np.ndarray
    columns: np.ndarray
    counts: np.ndarray
    bits: int

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def width(self) -> int:
        return len(SPACES) << self.bits

    def at(self, rows: np.ndarray) -> "Ngrams":
        """Return the n-grams of `rows` (positions), in memory; no Python for a row."""
        first = self.starts[rows]
        lengths = self.starts[rows + 1] - first
        starts = np.concatenate([[0], np.cumsum(lengths)])
        entries = np.repeat(first - starts[:-1], lengths) + np.arange(starts[-1])
        return Ngrams(starts, self.columns[entries], self.counts[entries], self.bits)

    @classmethod
    def load(cls, folder: Path, bits: int) -> "Ngrams":
        """Map what `write` left in `folder`."""
        arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in _FILES}
        return cls(**arrays, bits=bits)

    def write(self, folder: Path) -> None:
        """Write one npy file an array, each atomically."""
        for name, dtype in _FILES.items():
            with replacing(folder / f"{name}.npy") as temporary, temporary.open("wb") as file:
                np.save(file, getattr(self, name).astype(dtype, copy=False), allow_pickle=False)


def count(fields: Mapping[str, Sequence[str]], bits: int) -> Ngrams:
    """Count the n-grams of SPACES in `fields` ("name" and "text", a string for each row), 2**bits columns a space.

    The hash is MurmurHash3, as HashingVectorizer has it: no vocabulary, so that nothing of one row touches another. Two
    n-grams that share a column are counted together.
    """
    spaces = [_counted(fields[space.field], space, bits) for space in SPACES]
    together = hstack(spaces, format="csr")
    together.sort_indices()
    counts = np.minimum(together.data, MOST).astype(np.uint8)
    return Ngrams(together.indptr.astype(np.int64), together.indices.astype(np.int32), counts, bits)


def _counted(texts: Sequence[str], space: Space, bits: int) -> csr_array:
    pattern = {"token_pattern": r"(?u)\b\w+\b"} if space.analyzer == "word" else {}
    hashing = HashingVectorizer(
        analyzer=space.analyzer, ngram_range=(space.low, space.high), n_features=2**bits, alternate_sign=False,
        norm=None, dtype=np.float32, **pattern,
    )  # fmt: skip
    parts = [
        csr_array(hashing.transform(texts[start : start + CHUNK_ROWS])) for start in range(0, len(texts), CHUNK_ROWS)
    ]
    starts = np.concatenate([[0], np.cumsum(np.concatenate([np.diff(part.indptr) for part in parts]))])
    columns = np.concatenate([part.indices for part in parts])
    return csr_array((np.concatenate([part.data for part in parts]), columns, starts), shape=(len(starts) - 1, 2**bits))
