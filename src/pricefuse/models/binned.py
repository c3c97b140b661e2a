"""Numbers as intervals: one-hot quantile bins, alone and crossed with the kind of unit, for a linear model to weigh."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array, hstack

BINS = 24


@dataclass(frozen=True)
class Binned:
    """The inner edges of each column's bins, float32 (columns, BINS - 1), ascending and padded with infinity.

    `crossed` are the columns that are also crossed with the kind; `kinds` are the columns of which the largest says a
    row's kind (the dimension of its unit).
    """

    edges: np.ndarray
    crossed: np.ndarray
    kinds: np.ndarray

    @classmethod
    def fit(cls, matrix: np.ndarray, kinds: np.ndarray) -> "Binned":
        """Take the edges from `matrix`, float32 (rows, columns) with NaN for missing; `kinds` int (positions,)."""
        kinds = kinds[kinds < matrix.shape[1]]  # none, where there are no attributes
        edges = np.full((matrix.shape[1], BINS - 1), np.inf, dtype=np.float32)
        crossed = []
        for column, values in enumerate(matrix.T):
            there = np.unique(values[np.isfinite(values)])
            if len(there) > BINS:
                quantiles = np.nanquantile(values[np.isfinite(values)], np.linspace(0, 1, BINS + 1)[1:-1])
                own = np.unique(quantiles.astype(np.float32))
                crossed.append(column)
            else:
                own = there[1:]
            edges[column, : len(own)] = own
        return cls(edges, np.array(crossed, dtype=np.int64), kinds.astype(np.int64))

    def transform(self, matrix: np.ndarray) -> csr_array:
        """Return float32 (rows, bins): 1 in each column's bin, and in its bin crossed with the kind; 0 is missing."""
        rows = len(matrix)
        kind = matrix[:, self.kinds].argmax(1) if len(self.kinds) else np.zeros(rows, dtype=np.int64)
        parts = []
        for column, edges in enumerate(self.edges):
            values = matrix[:, column]
            found = np.searchsorted(edges, values, side="right") + 1
            bins = np.where(np.isnan(values), 0, np.minimum(found, BINS))
            parts.append(_one_hot(bins, BINS + 1))
            if column in self.crossed:
                parts.append(_one_hot(bins * max(1, len(self.kinds)) + kind, (BINS + 1) * max(1, len(self.kinds))))
        return hstack(parts, format="csr") if parts else csr_array((rows, 0), dtype=np.float32)


def _one_hot(places: np.ndarray, width: int) -> csr_array:
    rows = len(places)
    return csr_array((np.ones(rows, np.float32), places, np.arange(rows + 1)), shape=(rows, width))
