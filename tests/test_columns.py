"""The linear models behind the columns, against those of scikit-learn, and that inner folds hide a row from itself."""

import numpy as np
import pytest
from priced import catalog
from scipy.sparse import csr_array
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import Ridge as Reference

from pricefuse.models.binned import BINS, Binned
from pricefuse.models.columns import NAMES, Columns, out_of_fold
from pricefuse.models.kernel import Kernel
from pricefuse.models.ridge import Ridge


@pytest.fixture
def problem():
    rng = np.random.default_rng(0)
    sparse = rng.normal(size=(120, 300)) * (rng.random((120, 300)) < 0.1)
    dense = rng.normal(size=(120, 5)).astype(np.float32)
    return csr_array(sparse.astype(np.float32)), dense, 2 + dense[:, 0] + rng.normal(0, 0.1, 120)


@pytest.mark.parametrize("penalty", [0.3, 3.0])
def test_ridge_is_scikit_learns_with_the_mean_as_intercept(problem, penalty):
    sparse, dense, goals = problem
    both = np.concatenate([sparse.toarray(), dense], axis=1)
    reference = Reference(alpha=penalty, fit_intercept=False).fit(both, goals - goals.mean())
    mine = Ridge.fit(sparse, dense, goals, penalty)
    np.testing.assert_allclose(mine.predict(sparse, dense), reference.predict(both) + goals.mean(), atol=0.01)


def test_a_kernel_with_every_row_as_landmark_is_kernel_ridge_regression(problem):
    _, dense, goals = problem
    mine = Kernel.fit(dense, goals, gamma=0.2, penalty=0.3, landmarks=120, seed=0)
    reference = KernelRidge(alpha=0.3, kernel="rbf", gamma=0.2).fit(dense, goals - goals.mean())
    np.testing.assert_allclose(mine.predict(dense), reference.predict(dense) + goals.mean(), atol=1e-3)


def test_fewer_landmarks_come_near_it(problem):
    _, dense, goals = problem
    exact, near = (Kernel.fit(dense, goals, gamma=0.05, penalty=0.3, landmarks=n, seed=0) for n in (120, 80))
    assert np.abs(exact.predict(dense) - near.predict(dense)).max() < 0.3
    assert len(near.landmarks) == 80


def test_bins_are_quantiles_crossed_with_the_kind_and_missing_is_a_bin_of_its_own():
    values = np.concatenate([np.arange(99, dtype=np.float32), [np.nan]])
    kinds = np.stack([np.arange(100) % 2 == 0, np.arange(100) % 2 == 1], axis=1).astype(np.float32)
    matrix = np.column_stack([values, kinds])
    binned = Binned.fit(matrix, np.array([1, 2]))
    table = binned.transform(matrix).toarray()
    assert binned.crossed.tolist() == [0]
    np.testing.assert_array_equal(table.sum(1), 4)  # a bin of each column, and the one that is crossed
    assert table[99, 0] == 1
    sizes = table[:99, 1 : BINS + 1].sum(0)
    assert (sizes.min(), sizes.max()) == (4, 5)


def test_a_row_has_no_say_in_its_own_columns():
    features = catalog(rows=120, test=0)
    goals = np.log(features.index["price"].to_numpy())
    fold = features.index["group"].to_numpy() % 3
    before = out_of_fold(features, goals, NAMES, fold, 50, 0)
    goals[fold == 1] += 5
    after = out_of_fold(features, goals, NAMES, fold, 50, 0)
    np.testing.assert_array_equal(before[fold == 1], after[fold == 1])
    assert (before[fold != 1] != after[fold != 1]).any()


def test_columns_come_back_from_their_arrays():
    features = catalog(rows=120, test=0)
    columns = Columns.fit(features, np.log(features.index["price"].to_numpy()), NAMES, 50, 0)
    again = Columns.restore(columns.arrays(), columns.facts())
    np.testing.assert_array_equal(columns.predict(features), again.predict(features))
