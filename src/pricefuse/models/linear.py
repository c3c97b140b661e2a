"""Linear regression on sparse and dense columns at once, and ridge regression for many small effects."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.linalg import LinearOperator, cg

from pricefuse.models.storage import Array, require_array

MAX_STEPS = 100
TOLERANCE = 1e-3  # of the residual's length: scores do not move below it


@dataclass(frozen=True)
class Linear:
    """Weights of the sparse and of the dense columns, float32, and the mean that they are added to."""

    sparse: Array
    dense: Array
    mean: float

    @classmethod
    def ridge(cls, sparse: csr_array, dense: np.ndarray, target: np.ndarray, penalty: float) -> "Linear":
        """Minimize |target - mean - X w|^2 + penalty |w|^2 over w, for X = [sparse | dense], float32 (rows, columns).

        X X' is never multiplied out: conjugate gradients solve the dual, (X X' + penalty) a = target - mean with
        w = X' a. Rows are fewer than columns, and the steps few because the penalty bounds the condition.
        """
        mean = float(target.mean())
        transposed = sparse.T.tocsr()

        def product(vector: np.ndarray) -> np.ndarray:
            return sparse @ (transposed @ vector) + dense @ (dense.T @ vector) + np.float32(penalty) * vector

        rows = len(target)
        operator = LinearOperator((rows, rows), matvec=product, dtype=np.float32)
        dual, _ = cg(operator, (target - mean).astype(np.float32), rtol=TOLERANCE, maxiter=MAX_STEPS)
        return cls(transposed @ dual, dense.T @ dual, mean)

    def validate(self, sparse: int, dense: int) -> None:
        """Raise ValueError unless this is a model of so many sparse and dense columns."""
        require_array("sparse", self.sparse, np.float32, (sparse,))
        require_array("dense", self.dense, np.float32, (dense,))
        if not np.isfinite(self.mean):
            raise ValueError(f"mean {self.mean} is not finite")

    def predict(self, sparse: csr_array, dense: np.ndarray) -> np.ndarray:
        """Return float64 (rows,)."""
        return (sparse @ self.sparse + dense @ self.dense).astype(np.float64) + self.mean
