"""Linear regression on sparse and dense columns at once: ridge for many small effects, lasso for few large ones."""

import math
import warnings
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Lasso

MOST_STEPS = 100
TOLERANCE = 1e-3  # of the residual's length: scores do not move below it
# A lasso looks at no word of fewer rows: its effect is hardly found, and the matrix would grow with the catalog.
LEAST_ROWS, LEAST_SHARE = 5, 0.004
NOISE_STEPS, MOST_SWEEPS = 3, 300


@dataclass(frozen=True)
class Linear:
    """Weights of the sparse and of the dense columns, float32, and the mean that they start from."""

    sparse: np.ndarray
    dense: np.ndarray
    mean: float

    @classmethod
    def ridge(cls, sparse: csr_array, dense: np.ndarray, goals: np.ndarray, penalty: float) -> "Linear":
        """Minimise |goals - mean - X w|^2 + penalty |w|^2 over w, for X = [sparse | dense], float32 (rows, columns).

        No matrix is ever multiplied out: solved in the dual, (X X' + penalty) a = goals - mean and w = X' a, as
        Hestenes and Stiefel (1952) do it. Rows are fewer than columns, and the steps few because the penalty bounds
        the condition.
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

    @classmethod
    def lasso(cls, sparse: csr_array, dense: np.ndarray, goals: np.ndarray, penalty: float) -> "Linear":
        """Minimise |goals - mean - X w|^2 / (2 rows) + alpha |w|_1 over w and the mean, for X as above.

        alpha = `penalty` * noise / sqrt(rows), with the noise estimated along with w, in NOISE_STEPS turns: the scaled
        lasso of Sun and Zhang (2012). Sparse columns that are seldom other than 0 get no weight.
        """
        rows, width = sparse.shape
        frequent = np.flatnonzero(np.bincount(sparse.indices, minlength=width) >= max(LEAST_ROWS, LEAST_SHARE * rows))
        facts = np.asfortranarray(np.concatenate([dense, sparse[:, frequent].toarray()], axis=1))
        mean, noise = float(goals.mean()), float(goals.std())
        centred, weights = (goals - mean).astype(np.float32), np.zeros(facts.shape[1], np.float32)
        intercept = 0.0
        for _ in range(NOISE_STEPS if noise > 0 and facts.shape[1] else 0):
            solver = Lasso(penalty * noise / math.sqrt(rows), max_iter=MOST_SWEEPS, tol=TOLERANCE, warm_start=True)
            solver.coef_ = weights
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)  # the last digits do not move scores
                solver.fit(facts, centred)
            weights, intercept = solver.coef_, float(solver.intercept_)
            free = max(1, rows - int(np.count_nonzero(weights)))
            noise = float(np.linalg.norm(centred - solver.predict(facts))) / math.sqrt(free)
        told, chosen = np.split(weights, [dense.shape[1]])
        spread = np.zeros(width, np.float32)
        spread[frequent] = chosen
        return cls(spread, told, mean + intercept)

    def predict(self, sparse: csr_array, dense: np.ndarray) -> np.ndarray:
        """Return float64 (rows,)."""
        return (sparse @ self.sparse + dense @ self.dense).astype(np.float64) + self.mean
