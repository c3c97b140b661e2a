"""The training products, by the vectors of their text: which of them a new product resembles, and whether any."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pricefuse.features import look_alikes
from pricefuse.features.matrix import EMBEDDINGS, Block, Features
from pricefuse.models.mapped import give_back
from pricefuse.models.storage import Array, require_array

MAX_BYTE = 127
CHUNK_ROWS = 4096


@dataclass(frozen=True)
class Neighbors:
    """Training products, a row each.

    - `block`: the embedding that they are compared by
    - `vectors`: int8 (rows, dimension), of length 1 but for rounding and `scales`, float32 (rows,)
    - `prices`: float64 (rows,)
    - `reference`: int64, positions of those that tell whether a product resembles any: one whose cosine with all of
      these is below `far_cosine` does not
    """

    block: str
    vectors: Array
    scales: Array
    prices: Array
    reference: Array
    far_cosine: float
    sample_ids: tuple[str, ...]
    names: tuple[str, ...]

    @classmethod
    def of(cls, features: Features, seed: int) -> "Neighbors | None":
        """Return the training products of `features`; None where these have no embedding.

        `features.index` has sample_id, price, fold and name; `seed` draws the reference rows as stage fuse does.
        """
        block = next((block for name in EMBEDDINGS for block in features.blocks if block.name == name), None)
        if block is None:
            return None
        index, folds = features.index, features.index["fold"].to_numpy()
        vectors, scales = np.empty((len(features), block.width), np.int8), np.empty(len(features), np.float32)
        for number, chunk in enumerate(_chunks(features, block)):
            rows = slice(number * CHUNK_ROWS, number * CHUNK_ROWS + len(chunk))
            vectors[rows], scales[rows] = _rounded(look_alikes.unit_length(chunk))
        far_cosine = look_alikes.far_cosine(_chunks(features, block), folds, seed)
        return cls(
            block.name, vectors, scales, index["price"].to_numpy(np.float64), look_alikes.reference_rows(folds, seed),
            far_cosine, tuple(index["sample_id"]), tuple(index["name"]),
        )  # fmt: skip

    def validate(self) -> None:
        """Raise ValueError unless all parts have the same rows, and the reference rows are among them."""
        rows = len(self.sample_ids)
        require_array("vectors", self.vectors, np.int8, (rows, None))
        require_array("scales", self.scales, np.float32, (rows,))
        require_array("prices", self.prices, np.float64, (rows,))
        require_array("reference", self.reference, np.int64, (None,))
        if len(self.names) != rows or not rows:
            raise ValueError(f"{len(self.names)} names of {rows} products")
        if not len(self.reference) or not 0 <= self.reference.min() <= self.reference.max() < rows:
            raise ValueError("reference is not rows of vectors")
        if not (-1 <= self.far_cosine <= 1 and (self.prices > 0).all()):
            raise ValueError("far_cosine is no cosine, or a price is not positive")

    def nearest(self, vectors: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the cosines, float32, and positions, int64 (rows, count), of the nearest training products.

        `vectors` are float32 (rows, dimension); fewer than `count` products give as many as there are. Rounding to
        bytes turns a cosine by some thousandth.
        """
        queries = look_alikes.unit_length(vectors)
        cosines = np.empty((len(queries), len(self.vectors)), np.float32)
        for start in range(0, len(self.vectors), CHUNK_ROWS):
            rows = slice(start, start + CHUNK_ROWS)
            cosines[:, rows] = queries @ self._unit(rows).T
        order = np.argsort(-cosines, axis=1, kind="stable")[:, :count]
        return np.take_along_axis(cosines, order, axis=1), order

    def far(self, vectors: np.ndarray) -> np.ndarray:
        """Return whether each product of `vectors`, float32 (rows, dimension), resembles no training product."""
        cosines = look_alikes.unit_length(vectors) @ self._unit(self.reference).T
        return cosines.max(axis=1) < self.far_cosine

    def _unit(self, rows: slice | np.ndarray) -> np.ndarray:
        return self.vectors[rows].astype(np.float32) * self.scales[rows, None]


def _chunks(features: Features, block: Block) -> Iterator[np.ndarray]:
    for start in range(0, len(features), CHUNK_ROWS):
        yield features.matrix[start : start + CHUNK_ROWS, block.start : block.stop]
        give_back(features.matrix)


def _rounded(unit: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows as int8, and the float32 (rows,) that each has to be multiplied with."""
    scales = np.abs(unit).max(axis=1, initial=0) / MAX_BYTE
    scales = np.where(scales > 0, scales, 1).astype(np.float32)
    return np.rint(unit / scales[:, None]).astype(np.int8), scales
