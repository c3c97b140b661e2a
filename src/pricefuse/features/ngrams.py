"""Hashed n-gram counts of the text: a sparse matrix on disk, with nothing fitted and no vocabulary to store."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array, hstack, vstack
from sklearn.feature_extraction.text import HashingVectorizer

from pricefuse.errors import InputError
from pricefuse.features.stored import REMEDY, read_array
from pricefuse.files import replacing

CHUNK_ROWS = 2048
MAX_COUNT = 255  # a count is one byte; no honest listing repeats a word more often


@dataclass(frozen=True)
class Space:
    """N-grams of `low` to `high` words ("word") or characters within words ("char_wb") of one text field."""

    name: str
    field: str
    analyzer: str
    low: int
    high: int


# The name says what the product is, and its spelling shows sizes and brands; the rest of the text is long and loose.
SPACES = (
    Space("name_words", "name", "word", 1, 2),
    Space("name_characters", "name", "char_wb", 3, 5),
    Space("text_words", "text", "word", 1, 2),
)


def count_ngrams(fields: Mapping[str, Sequence[str]], bits: int) -> csr_array:
    """Count the n-grams of SPACES in `fields` ("name" and "text", a string for each row).

    Returns uint8 (rows, 3 * 2**bits): space s has the columns from s * 2**bits on. The hash is MurmurHash3, as
    HashingVectorizer has it, so that a row's counts depend on that row alone; n-grams that share a column are counted
    together.
    """
    vectorizers = [_vectorizer(space, bits) for space in SPACES]
    rows = len(next(iter(fields.values())))
    parts = []
    for start in range(0, rows, CHUNK_ROWS):
        counts = [
            vectorizer.transform(fields[space.field][start : start + CHUNK_ROWS])
            for space, vectorizer in zip(SPACES, vectorizers, strict=True)
        ]
        part = csr_array(hstack(counts, format="csr"))
        part.data = np.minimum(part.data, MAX_COUNT).astype(np.uint8)
        part.sort_indices()
        parts.append(part)
    return vstack(parts, format="csr") if parts else csr_array((0, len(SPACES) << bits), dtype=np.uint8)


def column_ranges(ngrams: csr_array) -> Iterator[tuple[Space, int, int]]:
    """Yield each of SPACES with the first column that it has in `ngrams`, and the one after its last."""
    width = ngrams.shape[1] // len(SPACES)
    for number, space in enumerate(SPACES):
        yield space, number * width, (number + 1) * width


def write_ngrams(folder: Path, ngrams: csr_array) -> None:
    """Write the arrays of a CSR matrix as one npy file each, atomically."""
    # Of one type, or scipy would copy the larger one when they are mapped.
    index = np.int32 if ngrams.nnz <= np.iinfo(np.int32).max else np.int64
    for name, dtype in {"data": np.uint8, "indices": index, "indptr": index}.items():
        with replacing(folder / f"{name}.npy") as temporary, temporary.open("wb") as file:
            np.save(file, getattr(ngrams, name).astype(dtype, copy=False), allow_pickle=False)


def read_ngrams(folder: Path, columns: int) -> csr_array:
    """Map what `write_ngrams` left in `folder` into memory, as uint8 (rows, columns).

    Raises InputError where a file is missing, or the arrays are not those of such a matrix.
    """
    data = read_array(folder / "data.npy", (np.uint8,), 1)
    indices, starts = (read_array(folder / f"{name}.npy", (np.int32, np.int64), 1) for name in ("indices", "indptr"))
    if not len(starts) or starts[0] != 0 or (np.diff(starts) < 0).any() or not starts[-1] == len(data) == len(indices):
        raise InputError(f"{folder}: indptr.npy does not divide the other arrays: a file is damaged. {REMEDY}")
    if len(indices) and not 0 <= indices.min() <= indices.max() < columns:
        raise InputError(f"{folder / 'indices.npy'}: a column is none of the {columns:,}. {REMEDY}")
    if (data == 0).any():  # no such n-gram is stored, and models take the logarithm of a count
        raise InputError(f"{folder / 'data.npy'}: a count is 0: the file is damaged. {REMEDY}")
    return csr_array((data, indices, starts), shape=(len(starts) - 1, columns))


def _vectorizer(space: Space, bits: int) -> HashingVectorizer:
    pattern = {"token_pattern": r"(?u)\b\w+\b"} if space.analyzer == "word" else {}
    return HashingVectorizer(
        analyzer=space.analyzer, ngram_range=(space.low, space.high), n_features=2**bits, alternate_sign=False,
        norm=None, dtype=np.float32, **pattern,
    )  # fmt: skip
