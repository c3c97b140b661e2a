"""Kernel ridge regression against scikit-learn's."""

import numpy as np
import pytest
from sklearn.kernel_ridge import KernelRidge

from pricefuse.models.kernel import Kernel


@pytest.fixture
def problem():
    rng = np.random.default_rng(0)
    dense = rng.normal(size=(120, 5)).astype(np.float32)
    return dense, 2 + dense[:, 0] + rng.normal(0, 0.1, 120)


def test_a_kernel_with_every_row_as_landmark_is_kernel_ridge_regression(problem):
    dense, target = problem
    mine = Kernel.fit(dense, target, gamma=0.2, penalty=0.3, landmarks=120, seed=0)
    reference = KernelRidge(alpha=0.3, kernel="rbf", gamma=0.2).fit(dense, target - target.mean())
    np.testing.assert_allclose(mine.predict(dense), reference.predict(dense) + target.mean(), atol=1e-3)


def test_fewer_landmarks_come_near_it(problem):
    dense, target = problem
    exact, near = (Kernel.fit(dense, target, gamma=0.05, penalty=0.3, landmarks=n, seed=0) for n in (120, 80))
    assert np.abs(exact.predict(dense) - near.predict(dense)).max() < 0.3
    assert len(near.landmarks) == 80
