"""Hashed n-gram counts of the text: a sparse matrix on disk, with nothing fitted and no vocabulary to store."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse import coo_array, csr_array, hstack
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.utils import murmurhash3_32

from pricefuse.errors import InputError
from pricefuse.features.stored import REMEDY, ArrayWriter, read_array
from pricefuse.files import replacing

MAX_COUNT = 255  # a count is one byte; no honest listing repeats a word more often
MAX_INT32 = np.iinfo(np.int32).max
_WORD = re.compile(r"\b\w+\b")


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

    Returns uint8 (rows, 3 * 2**bits): space s has the columns from s * 2**bits on. The counts are those of
    HashingVectorizer, whose hash is MurmurHash3: a row's counts depend on that row alone, and n-grams that share a
    column are counted together. It hashes every n-gram of every row in Python; here, what several of the rows have is
    cut and hashed once, so that some thousand rows should be given at a time.
    """
    counters = {"word": _count_words, "char_wb": _count_characters}
    lowered = {field: [text.lower() for text in texts] for field, texts in fields.items()}
    counts = [counters[space.analyzer](space, lowered[space.field], bits) for space in SPACES]
    table = csr_array(hstack(counts, format="csr"))
    table.data = np.minimum(table.data, MAX_COUNT).astype(np.uint8)
    table.sort_indices()
    return table


def column_ranges(ngrams: csr_array) -> Iterator[tuple[Space, int, int]]:
    """Yield each of SPACES with the first column that it has in `ngrams`, and the one after its last."""
    width = ngrams.shape[1] // len(SPACES)
    for number, space in enumerate(SPACES):
        yield space, number * width, (number + 1) * width


def write_ngrams(folder: Path, parts: Iterable[csr_array]) -> tuple[int, list[str]]:
    """Write the rows of `parts`, one matrix below the other, as one npy file for each array of a CSR matrix.

    Returns the number of columns, and the names of the files. Raises ValueError where there is no part.
    """
    arrays: dict[str, type[np.generic]] = {"data": np.uint8, "indices": np.int32, "indptr": np.int64}
    columns, entries = None, 0
    with ExitStack() as stack:
        paths = {name: stack.enter_context(replacing(folder / f"{name}.npy")) for name in arrays}
        with ExitStack() as files:
            writers = {name: files.enter_context(ArrayWriter(paths[name], arrays[name])) for name in arrays}
            writers["indptr"].append(np.zeros(1, np.int64))
            for part in parts:
                columns = part.shape[1]
                writers["data"].append(part.data)
                writers["indices"].append(part.indices)
                writers["indptr"].append(part.indptr[1:].astype(np.int64) + entries)
                entries += part.nnz
        # Of one type, or scipy would copy the larger one when they are mapped.
        if entries <= MAX_INT32:
            _convert(paths["indptr"], np.int32)
        else:
            _convert(paths["indices"], np.int64)
    if columns is None:
        raise ValueError("no n-grams, not even of no rows")
    return columns, [f"{name}.npy" for name in arrays]


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


def _count_words(space: Space, texts: Sequence[str], bits: int) -> csr_array:
    """Count n-grams of words: every distinct one is hashed once, and named by the number of the one that it extends."""
    codes, words, rows = _tokens([_WORD.findall(text) for text in texts])
    starts, grams, names = np.arange(len(codes)), codes, words
    found = []
    for length in range(1, space.high + 1):
        if length > 1:
            last = starts + length - 1
            inside = last < len(codes)
            inside[inside] = rows[starts[inside]] == rows[last[inside]]
            starts, last = starts[inside], last[inside]
            grams, pairs = pd.factorize(grams[inside] * len(words) + codes[last])
            first, second = np.divmod(pairs, max(len(words), 1))
            names = [f"{names[i]} {words[j]}" for i, j in zip(first.tolist(), second.tolist(), strict=True)]
        if length >= space.low:
            found.append((rows[starts], _hashed(names, bits)[grams]))
    places = tuple(np.concatenate(axis) for axis in zip(*found, strict=True))
    ones = np.ones(len(places[0]), np.int32)
    return csr_array(coo_array((ones, places), shape=(len(texts), 2**bits)))


def _count_characters(space: Space, texts: Sequence[str], bits: int) -> csr_array:
    """Count n-grams of characters, which do not cross from one word to the next: those of each distinct word once."""
    codes, words, rows = _tokens([text.split() for text in texts])
    vectorizer = HashingVectorizer(
        analyzer=space.analyzer, ngram_range=(space.low, space.high), n_features=2**bits, alternate_sign=False,
        norm=None, lowercase=False, dtype=np.int32,
    )  # fmt: skip
    if not words:
        return csr_array((len(texts), 2**bits), dtype=np.int32)
    occurrences = coo_array((np.ones(len(codes), np.int32), (rows, codes)), shape=(len(texts), len(words)))
    return csr_array(occurrences.tocsr() @ csr_array(vectorizer.transform(words)))


def _tokens(texts: Sequence[Sequence[str]]) -> tuple[np.ndarray, list[str], np.ndarray]:
    """Return the number of each word, int64 (words,), the distinct words by number, and each word's row."""
    lengths = [len(words) for words in texts]
    flat = np.fromiter(chain.from_iterable(texts), object, sum(lengths))
    codes, distinct = pd.factorize(flat)
    return codes.astype(np.int64), distinct.tolist(), np.repeat(np.arange(len(texts)), lengths)


def _hashed(names: Sequence[str], bits: int) -> np.ndarray:
    """Return the column of each n-gram, int64, as HashingVectorizer would give it: its FeatureHasher is slower."""
    hashes = np.fromiter(map(murmurhash3_32, names), np.int64, len(names))
    return np.abs(hashes) % 2**bits


def _convert(path: Path, dtype: type[np.generic]) -> None:
    """Write an npy file of one dimension again with another type, a piece at a time."""
    array = np.lib.format.open_memmap(path, mode="r")
    with replacing(path) as temporary, ArrayWriter(temporary, dtype) as writer:
        for start in range(0, len(array), 2**20):
            writer.append(array[start : start + 2**20])
