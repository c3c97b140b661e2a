"""Ridge regression against scikit-learn's."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.linear_model import Ridge

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
