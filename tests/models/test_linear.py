"""Ridge and lasso against scikit-learn's."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.linear_model import LassoCV, Ridge
from sklearn.model_selection import GroupKFold

from pricefuse.models.linear import Linear


@pytest.fixture
def problem():
    rng = np.random.default_rng(0)
    sparse = rng.normal(size=(120, 300)) * (rng.random((120, 300)) < 0.1)
    dense = rng.normal(size=(120, 5)).astype(np.float32)
    return csr_array(sparse.astype(np.float32)), dense, 2 + dense[:, 0] + rng.normal(0, 0.1, 120)


@pytest.mark.parametrize("penalty", [0.3, 3.0])
def test_ridge_is_scikit_learns_with_the_mean_as_intercept(problem, penalty):
    sparse, dense, target = problem
    both = np.concatenate([sparse.toarray(), dense], axis=1)
    reference = Ridge(alpha=penalty, fit_intercept=False).fit(both, target - target.mean())
    mine = Linear.ridge(sparse, dense, target, penalty)
    np.testing.assert_allclose(mine.predict(sparse, dense), reference.predict(both) + target.mean(), atol=0.01)


def test_a_lasso_is_scikit_learns_at_a_penalty_that_cross_validation_chooses():
    rng = np.random.default_rng(0)
    dense = rng.normal(size=(400, 30)).astype(np.float32)
    target = 2 + dense[:, 0] - 0.5 * dense[:, 1] + rng.normal(0, 0.3, 400)
    nothing = csr_array((400, 0), dtype=np.float32)
    splits = list(GroupKFold(5).split(target, groups=np.arange(400) // 2))
    reference = LassoCV(alphas=30, eps=1e-2, cv=splits, tol=1e-6).fit(dense, target)
    mine = Linear.lasso(nothing, dense, target, np.arange(400) // 2)
    np.testing.assert_allclose(mine.dense, reference.coef_, atol=0.01)
    np.testing.assert_allclose(mine.predict(nothing, dense), reference.predict(dense), atol=0.03)


def test_a_lasso_finds_the_few_words_that_count():
    rng = np.random.default_rng(1)
    words = (rng.random((600, 40)) < 0.1).astype(np.float32)
    words[:, 39] = 0
    words[:2, 39] = 1  # too seldom to be looked at
    target = 1 + 0.4 * words[:, 0] - 0.3 * words[:, 1] + 0.5 * words[:, 39] + rng.normal(0, 0.1, 600)
    lasso = Linear.lasso(csr_array(words), np.empty((600, 0), np.float32), target, np.arange(600))
    assert lasso.sparse[:2] == pytest.approx([0.4, -0.3], abs=0.08)
    assert np.count_nonzero(lasso.sparse) < 30
    assert lasso.sparse[39] == 0


@pytest.mark.parametrize("price", [0.0, 3.0])
def test_a_lasso_of_equal_prices_is_their_mean(price):
    dense = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    nothing = csr_array((20, 0), dtype=np.float32)
    predicted = Linear.lasso(nothing, dense, np.full(20, price), np.arange(20)).predict(nothing, dense)
    np.testing.assert_allclose(predicted, price)
