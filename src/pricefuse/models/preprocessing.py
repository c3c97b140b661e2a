"""What models read: standardized columns, dense blocks weighed against one another, TF-IDF of hashed n-grams.

All of it is fitted on the fitted rows alone, and none of it sees a price.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array, hstack
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.preprocessing import StandardScaler

from pricefuse.features.matrix import EMBEDDINGS, NGRAMS, Block
from pricefuse.features.ngrams import column_ranges
from pricefuse.models.mapped import give_back
from pricefuse.models.storage import Array, require_array

CHUNK_ROWS = 2048
# Some encoders have dimensions that never vary but for rounding (MiniLM has three): divided by their standard
# deviation, the rounding would count as much as a real dimension.
MIN_DEVIATION = 1e-4
# No honest row is farther from the mean than this; a hostile one must not drown everything else that it says.
MAX_DEVIATIONS = 20.0
# Beside embeddings of length 1, more standard deviations than this say no more.
MAX_DENSE_DEVIATIONS = 5.0
MIN_LENGTH = 1e-6
MIN_NGRAM_ROWS = 2  # an n-gram of a single row says nothing of any other
# A catalog of more n-grams keeps those of more rows. It bounds models and the steps of training; on 5,000 rows, which
# have about so many, half of them score the same.
MAX_NGRAMS = 100_000


@dataclass(frozen=True)
class Scaler:
    """Column means and standard deviations, float32 (columns,)."""

    mean: Array
    deviation: Array

    @classmethod
    def fit(cls, matrix: np.ndarray, rows: np.ndarray, blocks: Sequence[Block] | None = None) -> "Scaler":
        """Measure `matrix` (may be memory-mapped) on `rows` (ascending positions), some thousand rows at a time.

        `blocks` are the columns that are measured, side by side; None: all. Missing and infinite values are left out; a
        column without any value, or that hardly varies, gets deviation 1.
        """
        scaler = StandardScaler()
        for chunk in _chunks(matrix, rows, blocks):
            with np.errstate(divide="ignore", invalid="ignore"):  # columns without any value
                scaler.partial_fit(np.where(np.isinf(chunk), np.nan, chunk))
        deviation = np.sqrt(np.nan_to_num(scaler.var_))
        deviation[deviation < MIN_DEVIATION] = 1
        return cls(np.nan_to_num(scaler.mean_).astype(np.float32), deviation.astype(np.float32))

    def validate(self, columns: int) -> None:
        """Raise ValueError unless this scales so many columns."""
        require_array("mean", self.mean, np.float32, (columns,))
        require_array("deviation", self.deviation, np.float32, (columns,))
        if (self.deviation <= 0).any():
            raise ValueError("a deviation is not positive")

    def transform(self, matrix: np.ndarray) -> np.ndarray:
        """Return the standardized matrix, float32 (rows, columns) within MAX_DEVIATIONS; a missing value becomes 0."""
        with np.errstate(over="ignore", invalid="ignore"):
            scaled = np.asarray(matrix, dtype=np.float32) - self.mean
            scaled /= self.deviation
        np.clip(scaled, -MAX_DEVIATIONS, MAX_DEVIATIONS, out=scaled)
        scaled[np.isnan(scaled)] = 0
        return scaled

    def transform_rows(self, matrix: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return `rows` (positions into `matrix`, which may be memory-mapped), standardized as by `transform`."""
        parts = [self.transform(chunk) for chunk in _chunks(matrix, rows, None)]
        return np.concatenate([np.empty((0, matrix.shape[1]), np.float32), *parts])


@dataclass(frozen=True)
class DenseBlocks:
    """Some blocks side by side: embeddings at length 1, all else standardized."""

    blocks: tuple[Block, ...]
    scaler: Scaler

    @classmethod
    def fit(cls, matrix: np.ndarray, rows: np.ndarray, blocks: Sequence[Block], names: Sequence[str]) -> "DenseBlocks":
        """Use those of `blocks` that `names` asks for; `rows` (positions into `matrix`) set mean and deviation.

        `matrix` is float32 (rows, columns) and may be memory-mapped.
        """
        used = tuple(block for block in blocks if block.name in names)
        if not used:
            return cls(used, Scaler(np.empty(0, np.float32), np.empty(0, np.float32)))
        return cls(used, Scaler.fit(matrix, rows, used))

    @property
    def width(self) -> int:
        return sum(block.width for block in self.blocks)

    def validate(self, layout: Sequence[Block]) -> None:
        """Raise ValueError unless these are blocks of features that are laid out like this, each once."""
        dense = [block for block in layout if block.name != NGRAMS]
        if any(block not in dense for block in self.blocks) or len(set(self.blocks)) < len(self.blocks):
            raise ValueError("its blocks are not those of the features")
        self.scaler.validate(self.width)

    def transform(self, matrix: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return `rows` (positions into `matrix`) as float32 (rows, width).

        A missing value is 0, and so is every number of an image that is missing.
        """
        result = np.empty((len(rows), self.width), np.float32)
        done = 0
        for chunk in _chunks(matrix, rows, self.blocks):
            scaled = self.scaler.transform(chunk)
            start = 0
            for block in self.blocks:
                part = scaled[:, start : start + block.width]
                start += block.width
                if block.name in EMBEDDINGS:
                    part /= np.maximum(np.linalg.norm(part, axis=1, keepdims=True), MIN_LENGTH)
                else:
                    np.clip(part, -MAX_DENSE_DEVIATIONS, MAX_DENSE_DEVIATIONS, out=part)
            result[done : done + len(scaled)] = scaled
            done += len(scaled)
        return result


@dataclass(frozen=True)
class Tfidf:
    """The hashed columns that are kept, int32 ascending (kept,), and their inverse document frequency, float32."""

    columns: Array
    idf: Array

    @classmethod
    def fit(cls, ngrams: csr_array) -> "Tfidf":
        """Keep the columns of `ngrams`, uint8 (rows, hashed columns), that stand in two rows or more, but not in all.

        Where these are more than MAX_NGRAMS, it takes three rows, or as many as leave no more. The inverse document
        frequency is scikit-learn's smoothed one: ln((1 + rows) / (1 + frequency)) + 1.
        """
        frequency = np.bincount(ngrams.indices, minlength=ngrams.shape[1])  # a column stands once in a row
        informative = frequency[frequency < ngrams.shape[0]]
        at_least = max(MIN_NGRAM_ROWS, _rows_that_leave(informative, MAX_NGRAMS))
        columns = np.flatnonzero((frequency >= at_least) & (frequency < ngrams.shape[0]))
        idf = np.empty(0)
        if len(columns):
            idf = TfidfTransformer().fit(ngrams[:, columns]).idf_
        return cls(columns.astype(np.int32), idf.astype(np.float32))

    def validate(self, width: int) -> None:
        """Raise ValueError unless these are columns of n-grams that are hashed to so many."""
        require_array("columns", self.columns, np.int32, (None,))
        require_array("idf", self.idf, np.float32, (len(self.columns),))
        beyond = (self.columns < 0) | (self.columns >= width)
        if beyond.any() or (np.diff(self.columns) <= 0).any() or (self.idf <= 0).any():
            raise ValueError(f"its n-gram columns do not ascend within {width}, or one weighs nothing")

    def transform(self, ngrams: csr_array) -> csr_array:
        """Return float32 (rows, kept): (1 + ln count) * idf, each row and n-gram space scaled to length 1."""
        if 0 in ngrams.shape or not len(self.columns):
            return csr_array((ngrams.shape[0], len(self.columns)), dtype=np.float32)
        spaces = []
        for _, low, high in column_ranges(ngrams):
            first, last = np.searchsorted(self.columns, [low, high])
            if first < last:
                transformer = TfidfTransformer(sublinear_tf=True)
                transformer.idf_ = self.idf[first:last]
                spaces.append(transformer.transform(ngrams[:, self.columns[first:last]].astype(np.float32)))
        return csr_array(hstack(spaces, format="csr"))

    def space(self, name: str, ngrams: csr_array) -> np.ndarray:
        """Return the positions of the kept columns that belong to the n-gram space `name`."""
        low, high = next((low, high) for space, low, high in column_ranges(ngrams) if space.name == name)
        return np.flatnonzero((self.columns >= low) & (self.columns < high))


def _rows_that_leave(frequency: np.ndarray, most: int) -> int:
    """Return the least k such that at most `most` of the columns stand in k rows or more."""
    above = np.cumsum(np.bincount(frequency, minlength=1)[::-1])[::-1]  # by k: how many columns stand in k rows or more
    return int(np.count_nonzero(above > most))


def _chunks(matrix: np.ndarray, rows: np.ndarray, blocks: Sequence[Block] | None) -> Iterator[np.ndarray]:
    """Yield `rows` of `matrix` in order, some thousand at a time: the columns of `blocks` side by side, or all."""
    for start in range(0, len(rows), CHUNK_ROWS):
        chunk = np.asarray(matrix[rows[start : start + CHUNK_ROWS]], np.float32)
        give_back(matrix)
        if blocks is None:
            yield chunk
        else:
            yield np.concatenate([chunk[:, :0], *(chunk[:, block.start : block.stop] for block in blocks)], axis=1)
