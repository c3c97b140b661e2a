"""Dense features as models weigh them against one another: embeddings at length 1, all else standardised."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pricefuse.features.matrix import EMBEDDINGS, Block
from pricefuse.models.scaler import Scaler

# Farther from the mean than this many standard deviations says no more.
MOST_DEVIATIONS = 5.0
LEAST_LENGTH = 1e-6


@dataclass(frozen=True)
class Dense:
    """The blocks that are used, and the scaler of their columns, side by side, fitted on the fitted rows."""

    blocks: tuple[Block, ...]
    scaler: Scaler

    @classmethod
    def fit(cls, matrix: np.ndarray, blocks: Sequence[Block], names: Sequence[str]) -> "Dense":
        """Use those of `blocks` that `names` asks for; `matrix`, float32 (rows, columns), sets mean and deviation."""
        used = tuple(block for block in blocks if block.name in names)
        chosen = _side_by_side(matrix, used)
        return cls(used, Scaler.fit(chosen, np.arange(len(chosen))))

    @property
    def width(self) -> int:
        return sum(block.width for block in self.blocks)

    def transform(self, matrix: np.ndarray) -> np.ndarray:
        """Return float32 (rows, width); a missing value is 0, and so is every number of an image that is not there."""
        scaled = self.scaler.transform(_side_by_side(matrix, self.blocks))
        start = 0
        for block in self.blocks:
            part = scaled[:, start : start + block.width]
            start += block.width
            if block.name in EMBEDDINGS:
                part /= np.maximum(np.linalg.norm(part, axis=1, keepdims=True), LEAST_LENGTH)
            else:
                np.clip(part, -MOST_DEVIATIONS, MOST_DEVIATIONS, out=part)
        return scaled


def _side_by_side(matrix: np.ndarray, blocks: Sequence[Block]) -> np.ndarray:
    parts = [np.asarray(matrix[:, block.start : block.stop], np.float32) for block in blocks]
    return np.concatenate([np.zeros((len(matrix), 0), np.float32), *parts], axis=1)
