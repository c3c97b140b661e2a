"""Lasso on sparse and dense columns, fitted without each fold in turn and on all rows, from one pass over the rows.

All that a lasso needs to know of rows are the sums of the products of their columns (the Gram matrix), and of columns
and target. They are added up fold by fold, so that the fits without a fold, or two, need no further look at rows.
"""

import warnings
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np
from scipy.sparse import csr_array
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import lasso_path

from pricefuse.models.linear import Linear

# The lasso skips words of fewer rows: their effects are hardly found, and the matrix would grow with the catalog.
MIN_ROWS, MIN_SHARE = 5, 0.004
# The penalties that are tried, as shares of the least one that leaves no column a weight; how many sweeps over the
# columns each gets, and how exact they are.
PENALTIES = np.geomspace(1, 1e-2, 30)
MAX_SWEEPS, TOLERANCE = 1000, 1e-4
NEIGHBORS = (1, 2)  # the penalty of the fit without a fold is chosen by the folds at these distances


@dataclass(frozen=True)
class _Sums:
    """Sums over some rows, float64: of the columns (columns,), their products (columns, columns), and so on."""

    rows: int
    columns: np.ndarray
    products: np.ndarray
    with_target: np.ndarray
    target: float
    target_square: float

    @classmethod
    def of(cls, sparse: csr_array, dense: np.ndarray, target: np.ndarray) -> "_Sums":
        wide = dense.astype(np.float64)
        of_both = sparse.T @ wide
        products = np.block([[wide.T @ wide, of_both.T], [of_both, (sparse.T @ sparse).toarray()]])
        columns = np.concatenate([wide.sum(axis=0), np.asarray(sparse.sum(axis=0)).ravel()])
        with_target = np.concatenate([wide.T @ target, sparse.T @ target])
        return cls(len(target), columns, products, with_target, float(target.sum()), float(target @ target))

    def __add__(self, other: "_Sums") -> "_Sums":
        return _Sums(
            self.rows + other.rows,
            self.columns + other.columns,
            self.products + other.products,
            self.with_target + other.with_target,
            self.target + other.target,
            self.target_square + other.target_square,
        )

    def path(self, penalties: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the weights, float64 (columns, penalties), and the intercepts for falling shares of the penalty."""
        rows, columns = self.rows, len(self.columns)
        means, mean = self.columns / rows, self.target / rows
        correlation = self.with_target - rows * means * mean
        largest = np.abs(correlation).max(initial=0) / rows
        if not largest > np.finfo(np.float64).eps:
            return np.zeros((columns, len(penalties))), np.full(len(penalties), mean)
        # Of the matrix, the solver reads the number of rows alone, and of the target its length: the sums say the rest.
        length = np.sqrt(max(self.target_square - rows * mean**2, 0.0))
        target = np.zeros(rows)
        target[0] = length
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the last digits do not move scores
            _, weights, _ = lasso_path(
                np.broadcast_to(np.float64(0), (rows, columns)), target,
                precompute=self.products - rows * np.outer(means, means), Xy=correlation,
                alphas=largest * penalties, max_iter=MAX_SWEEPS, tol=TOLERANCE, check_input=False,
            )  # fmt: skip
        return weights, mean - means @ weights

    def errors(self, weights: np.ndarray, intercepts: np.ndarray) -> np.ndarray:
        """Return the sum of squared errors of each model, float64 (models,), on these rows."""
        fitted = np.einsum("cm,cm->m", weights, self.products @ weights)
        fitted += 2 * intercepts * (self.columns @ weights) + self.rows * intercepts**2
        return fitted - 2 * (self.with_target @ weights + intercepts * self.target) + self.target_square


def cross_fit_lasso(
    sparse: csr_array, dense: np.ndarray, target: np.ndarray, folds: np.ndarray
) -> tuple[Linear, np.ndarray]:
    """Minimize |target - mean - X w|^2 / (2 rows) + penalty |w|_1 over w and the mean, for X = [sparse | dense].

    Returns the model of all rows, and out-of-fold predictions, float64 (rows,): `folds`, int (rows,) from 0, says which
    fold holds a row out. The penalty is a share of the one that leaves no column a weight: for the model of all rows
    the share with the least error on the folds held out; for the one without a fold that of its NEIGHBORS, held out
    too, so that a row has no say in its own prediction. With two folds, that is the middle of PENALTIES. Sparse columns
    that are seldom other than 0 get no weight.
    """
    frequency = np.bincount(sparse.indices, minlength=sparse.shape[1])
    frequent = np.flatnonzero(frequency >= max(MIN_ROWS, MIN_SHARE * len(target)))
    words, count = sparse[:, frequent], int(folds.max()) + 1
    parts = [_Sums.of(words[rows], dense[rows], target[rows]) for rows in (folds == fold for fold in range(count))]

    def without(*held_out: int) -> _Sums:
        return reduce(add, (part for fold, part in enumerate(parts) if fold not in held_out))

    def model(weights: np.ndarray, intercept: float) -> Linear:
        of_dense, of_frequent = np.split(weights.astype(np.float32), [dense.shape[1]])
        of_sparse = np.zeros(sparse.shape[1], np.float32)
        of_sparse[frequent] = of_frequent
        return Linear(of_sparse, of_dense, float(intercept))

    errors = np.zeros((count, len(PENALTIES)))
    for one, other in _neighbors(count):
        path = without(one, other).path(PENALTIES)
        errors[one] += parts[other].errors(*path)
        errors[other] += parts[one].errors(*path)
    best = errors.argmin(axis=1) if count > len(NEIGHBORS) else np.full(count, len(PENALTIES) // 2)

    predicted, total = np.zeros(len(target)), np.zeros(len(PENALTIES))
    for fold, chosen in enumerate(best):
        weights, intercepts = without(fold).path(PENALTIES)
        total += parts[fold].errors(weights, intercepts)
        rows = folds == fold
        predicted[rows] = model(weights[:, chosen], intercepts[chosen]).predict(sparse[rows], dense[rows])
    weights, intercepts = without().path(PENALTIES[: int(total.argmin()) + 1])
    return model(weights[:, -1], intercepts[-1]), predicted


def _neighbors(count: int) -> Iterator[Collection[int]]:
    """Return each two of `count` folds that are NEIGHBORS on a circle, once."""
    pairs = {frozenset((fold, (fold + step) % count)) for fold in range(count) for step in NEIGHBORS}
    return iter(sorted(sorted(pair) for pair in pairs if len(pair) == 2 and count > len(pair)))
