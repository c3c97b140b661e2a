"""Ridge regression on sparse and dense columns at once, by conjugate gradients: no matrix is ever multiplied out."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

MOST_STEPS = 100
TOLERANCE = 1e-3  # of the residual's length: scores do not move below it


@dataclass(frozen=True)
class Ridge:
    """Weights of the sparse and of the dense columns, float32, and the mean that they start from."""

    sparse: np.ndarray
    dense: np.ndarray
    mean: float

    @classmethod
    def fit(cls, sparse: csr_array, dense: np.ndarray, goals: np.ndarray, penalty: float) -> "Ridge":
        """Minimise |goals - mean - X w|^2 + penalty |w|^2 over w, for X = [sparse | dense], float32 (rows, columns).

        Solved in the dual, (X X' + penalty) a = goals - mean and w = X' a, as Hestenes and Stiefel (1952) do it:
        rows are fewer than columns, and the steps few because the penalty bounds the condition.
        """
        mean = float(goals.mean())
        turned = sparse.T.tocsr()
        residual = (goals - mean).astype(np.float32)
        solution, direction = np.zeros_like(residual), residual.copy()
        square = goal = float(residual @ residual)
        for _ in range(MOST_STEPS):
            if square <= TOLERANCE**2 * goal:
                break
            product = sparse @ (turned @ direction) + dense @ (dense.T @ direction) + np.float32(penalty) * direction
            step = np.float32(square / float(direction @ product))
            solution += step * direction
            residual -= step * product
            before, square = square, float(residual @ residual)
            direction = residual + np.float32(square / before) * direction
        return cls(turned @ solution, dense.T @ solution, mean)

    def predict(self, sparse: csr_array, dense: np.ndarray) -> np.ndarray:
        """Return float64 (rows,)."""
        return (sparse @ self.sparse + dense @ self.dense).astype(np.float64) + self.mean
