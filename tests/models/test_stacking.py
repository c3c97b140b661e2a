"""The linear models behind the columns, against those of scikit-learn, and that inner folds hide a row from itself."""

import numpy as np
import pytest
from priced import catalog
from scipy.sparse import csr_array
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import Lasso, Ridge

from pricefuse.models.kernel import Kernel
from pricefuse.models.linear import Linear
from pricefuse.models.stacking import NAMES, Columns, out_of_fold


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
    reference = Ridge(alpha=penalty, fit_intercept=False).fit(both, goals - goals.mean())
    mine = Linear.ridge(sparse, dense, goals, penalty)
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


def test_a_lasso_is_scikit_learns_at_the_penalty_that_the_noise_gives():
    rng = np.random.default_rng(0)
    dense = rng.normal(size=(400, 30)).astype(np.float32)
    goals = 2 + dense[:, 0] - 0.5 * dense[:, 1] + rng.normal(0, 0.3, 400)
    nothing = csr_array((400, 0), dtype=np.float32)
    mine = Linear.lasso(nothing, dense, goals, 1.0)
    reference = Lasso(0.3 / np.sqrt(400), tol=1e-6).fit(dense, goals)
    np.testing.assert_allclose(mine.dense, reference.coef_, atol=0.01)
    np.testing.assert_allclose(mine.predict(nothing, dense), reference.predict(dense), atol=0.03)


def test_a_lasso_finds_the_few_words_that_count():
    rng = np.random.default_rng(1)
    told = (rng.random((600, 40)) < 0.1).astype(np.float32)
    told[:, 39] = 0
    told[:2, 39] = 1  # too seldom to be looked at
    goals = 1 + 0.4 * told[:, 0] - 0.3 * told[:, 1] + 0.5 * told[:, 39] + rng.normal(0, 0.1, 600)
    lasso = Linear.lasso(csr_array(told), np.empty((600, 0), np.float32), goals, 0.5)
    assert lasso.sparse[:2] == pytest.approx([0.4, -0.3], abs=0.08)
    assert np.count_nonzero(lasso.sparse) < 30
    assert lasso.sparse[39] == 0


@pytest.mark.parametrize("price", [0.0, 3.0])
def test_a_lasso_of_equal_prices_is_their_mean(price):
    dense = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    nothing = csr_array((20, 0), dtype=np.float32)
    predicted = Linear.lasso(nothing, dense, np.full(20, price), 0.2).predict(nothing, dense)
    np.testing.assert_allclose(predicted, price)


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
