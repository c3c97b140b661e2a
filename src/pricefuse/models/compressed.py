"""Embeddings in few numbers: each block's principal components, fitted on the fitted rows; no price is seen."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
import torch
from pydantic import TypeAdapter

from pricefuse.features.matrix import EMBEDDINGS, Block, Features
from pricefuse.models.dense import Dense
from pricefuse.models.scaler import Scaler


@dataclass(frozen=True)
class Compressed:
    """The embedding blocks, read as `dense` has it, and each one's directions, float32 (width, components)."""

    dense: tuple[Dense, ...]
    directions: tuple[np.ndarray, ...]

    @classmethod
    def fit(cls, features: Features, components: int) -> "Compressed":
        """Find the `components` directions of the largest variance of each embedding block; 0 leaves embeddings out."""
        names = [block.name for block in features.blocks if block.name in EMBEDDINGS and components]
        dense = tuple(Dense.fit(features.matrix, features.blocks, [name]) for name in names)
        return cls(dense, tuple(_directions(part.transform(features.matrix), components) for part in dense))

    def transform(self, features: Features) -> np.ndarray:
        """Return float64 (rows, components of all blocks)."""
        parts = [d.transform(features.matrix) @ v for d, v in zip(self.dense, self.directions, strict=True)]
        return np.concatenate([np.zeros((len(features.matrix), 0)), *parts], axis=1).astype(np.float64)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return all fitted numbers by name, for `restore`."""
        arrays: dict[str, np.ndarray] = {}
        for part, directions in zip(self.dense, self.directions, strict=True):
            name = f"compressed.{part.blocks[0].name}"
            arrays |= {
                f"{name}.mean": part.scaler.mean,
                f"{name}.deviation": part.scaler.deviation,
                f"{name}.directions": directions,
            }
        return arrays

    def facts(self) -> dict[str, object]:
        """Return what else `restore` needs, as JSON values."""
        return {"compressed": [asdict(part.blocks[0]) for part in self.dense]}

    @classmethod
    def restore(cls, arrays: Mapping[str, np.ndarray], facts: Mapping[str, object]) -> "Compressed":
        """Return the compression that `arrays` and `facts` tell of."""
        blocks = TypeAdapter(tuple[Block, ...]).validate_python(facts["compressed"])
        names = [f"compressed.{block.name}" for block in blocks]
        scalers = [Scaler(arrays[f"{name}.mean"], arrays[f"{name}.deviation"]) for name in names]
        dense = tuple(Dense((block,), scaler) for block, scaler in zip(blocks, scalers, strict=True))
        return cls(dense, tuple(arrays[f"{name}.directions"] for name in names))


def _directions(matrix: np.ndarray, components: int) -> np.ndarray:
    centred = torch.from_numpy(matrix - matrix.mean(0)).double()
    _, vectors = torch.linalg.eigh(centred.T @ centred)
    leading = vectors.flip(1)[:, :components].numpy()
    # A direction and its opposite serve alike: the sign is settled, so that it does not hang on the library's version.
    signs = np.sign(leading[np.abs(leading).argmax(0), np.arange(leading.shape[1])])
    return np.ascontiguousarray(leading * signs, dtype=np.float32)
