"""Linear regression on sparse and dense columns at once: ridge for many small effects, lasso for few large ones."""

import warnings
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csc_array, csr_array, hstack
from scipy.sparse.linalg import LinearOperator, cg
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LassoCV
from sklearn.model_selection import GroupKFold

from pricefuse.models.storage import Array, require_array

MAX_STEPS = 100
TOLERANCE = 1e-3  # of the residual's length: scores do not move below it
# The lasso skips words of fewer rows: their effects are hardly found, and the matrix would grow with the catalog.
MIN_ROWS, MIN_SHARE = 5, 0.004
# Of the lasso's penalties: how many are tried, the smallest as a share of the largest, by how many folds, in how many
# sweeps over the columns.
PENALTIES, PENALTY_RANGE, PENALTY_FOLDS, MAX_SWEEPS = 30, 1e-2, 5, 1000
LASSO_TOLERANCE = 1e-4


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

    @classmethod
    def lasso(cls, sparse: csr_array, dense: np.ndarray, target: np.ndarray, groups: np.ndarray) -> "Linear":
        """Minimize |target - mean - X w|^2 / (2 rows) + penalty |w|_1 over w and the mean, for X as above.

        Folds by product group, `groups` int (rows,), say which penalty predicts best. Sparse columns that are seldom
        other than 0 get no weight.
        """
        rows, width = sparse.shape
        frequency = np.bincount(sparse.indices, minlength=width)
        frequent = np.flatnonzero(frequency >= max(MIN_ROWS, MIN_SHARE * rows))
        columns = csc_array(hstack([csc_array(dense), sparse[:, frequent]], format="csc"), dtype=np.float32)
        weights, mean = np.zeros(columns.shape[1], np.float32), float(target.mean())
        folds = min(PENALTY_FOLDS, len(np.unique(groups)))
        if columns.nnz and folds > 1 and np.ptp(target) > 0:
            # scikit-learn takes 32-bit indices alone.
            columns.indices, columns.indptr = columns.indices.astype(np.int32), columns.indptr.astype(np.int32)
            splits = list(GroupKFold(folds).split(target, groups=groups))
            solver = LassoCV(
                alphas=PENALTIES, eps=PENALTY_RANGE, cv=splits, tol=LASSO_TOLERANCE, max_iter=MAX_SWEEPS, random_state=0
            )
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)  # the last digits do not move scores
                solver.fit(columns, target)
            weights, mean = solver.coef_.astype(np.float32), float(solver.intercept_)
        of_dense, chosen = np.split(weights, [dense.shape[1]])
        of_sparse = np.zeros(width, np.float32)
        of_sparse[frequent] = chosen
        return cls(of_sparse, of_dense, mean)

    def validate(self, sparse: int, dense: int) -> None:
        """Raise ValueError unless this is a model of so many sparse and dense columns."""
        require_array("sparse", self.sparse, np.float32, (sparse,))
        require_array("dense", self.dense, np.float32, (dense,))
        if not np.isfinite(self.mean):
            raise ValueError(f"mean {self.mean} is not finite")

    def predict(self, sparse: csr_array, dense: np.ndarray) -> np.ndarray:
        """Return float64 (rows,)."""
        return (sparse @ self.sparse + dense @ self.dense).astype(np.float64) + self.mean
