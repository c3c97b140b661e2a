"""TF-IDF of hashed n-grams: which columns count, and how much, decided by the fitted rows alone; no price is seen."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from pricefuse.features.ngrams import SPACES, Ngrams

LEAST_ROWS = 2  # an n-gram of a single row tells nothing of any other


@dataclass(frozen=True)
class Tfidf:
    """The hashed columns that are kept, int32 ascending (kept,), and each one's weight, float32 (kept,)."""

    columns: np.ndarray
    weights: np.ndarray

    @classmethod
    def fit(cls, ngrams: Ngrams) -> "Tfidf":
        """Keep what stands in at least LEAST_ROWS rows but not in all, with the smoothed inverse document frequency.

        ln((1 + rows) / (1 + frequency)) + 1, as scikit-learn's TfidfTransformer has it.
        """
        rows = len(ngrams)
        frequency = np.bincount(ngrams.columns, minlength=ngrams.width)  # a column stands once in a row
        columns = np.flatnonzero((frequency >= LEAST_ROWS) & (frequency < rows))
        weights = np.log((1 + rows) / (1 + frequency[columns])) + 1
        return cls(columns.astype(np.int32), weights.astype(np.float32))

    def transform(self, ngrams: Ngrams) -> csr_array:
        """Return float32 (rows, kept): (1 + ln count) * weight; each space of a row has length 1, or 0 if empty."""
        place = np.full(ngrams.width, -1, dtype=np.int32)
        place[self.columns] = np.arange(len(self.columns))
        columns = place[ngrams.columns]
        known = columns >= 0
        row = np.repeat(np.arange(len(ngrams)), np.diff(ngrams.starts))[known]
        kept = columns[known]
        values = (1 + np.log(ngrams.counts[known].astype(np.float32))) * self.weights[kept]
        part = row * len(SPACES) + (ngrams.columns[known] >> ngrams.bits)
        length = np.sqrt(np.bincount(part, weights=np.square(values), minlength=len(ngrams) * len(SPACES)))
        values /= length[part].astype(np.float32)
        starts = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=len(ngrams)))])
        return csr_array((values, kept, starts), shape=(len(ngrams), len(self.columns)))
