"""Kernel ridge regression against scikit-learn's, and on rows that it was not fitted to."""

import numpy as np
import pytest
from sklearn.kernel_ridge import KernelRidge

from pricefuse.models.kernel import Kernel

FOLDS = np.arange(120) % 3


@pytest.fixture
def problem():
    rng = np.random.default_rng(0)
    dense = rng.normal(size=(120, 5)).astype(np.float16).astype(np.float32)  # as exact as landmarks are kept
    return dense, 2 + dense[:, 0] + rng.normal(0, 0.1, 120)


def fit(problem, landmarks, gamma=0.2):
    return Kernel.cross_fit(*problem, FOLDS, gamma=gamma, penalty=0.3, landmarks=landmarks, seed=0)


def test_a_kernel_with_every_row_as_landmark_is_kernel_ridge_regression(problem):
    dense, target = problem
    mine, predicted = fit(problem, 120)
    reference = KernelRidge(alpha=0.3, kernel="rbf", gamma=0.2)
    whole = reference.fit(dense, target - target.mean()).predict(dense) + target.mean()
    np.testing.assert_allclose(mine.predict(dense), whole, atol=1e-3)
    for held_out in (np.isin(FOLDS, fold) for fold in range(3)):
        others, mean = dense[~held_out], target[~held_out].mean()
        expected = reference.fit(others, target[~held_out] - mean).predict(dense[held_out]) + mean
        np.testing.assert_allclose(predicted[held_out], expected, atol=1e-3)


def test_fewer_landmarks_come_near_it(problem):
    dense, _ = problem
    (exact, exact_held_out), (near, near_held_out) = (fit(problem, count, gamma=0.05) for count in (120, 80))
    assert np.abs(exact.predict(dense) - near.predict(dense)).max() < 0.3
    assert np.abs(exact_held_out - near_held_out).max() < 0.3
    assert len(near.landmarks) == 80


@pytest.mark.parametrize("landmarks", [120, 80])
def test_a_row_has_no_say_in_its_own_prediction(problem, landmarks):
    dense, target = problem
    _, before = fit(problem, landmarks)
    _, after = fit((dense, target + 5 * (FOLDS == 1)), landmarks)
    np.testing.assert_array_equal(before[FOLDS == 1], after[FOLDS == 1])
    assert (before[FOLDS != 1] != after[FOLDS != 1]).all()


def test_landmarks_are_no_rows_of_the_fold_held_out(problem, monkeypatch):
    """A row that is a landmark is predicted better than rows to come will be."""
    dense, _ = problem
    asked = []
    predict = Kernel.predict
    monkeypatch.setattr(Kernel, "predict", lambda self, rows: asked.append((self, rows)) or predict(self, rows))
    fit(problem, 80)
    assert len(asked) == 3
    for kernel, rows in asked:
        known = {row.tobytes() for row in kernel.landmarks}
        assert not known & {row.astype(np.float16).tobytes() for row in rows}
        assert known <= {row.astype(np.float16).tobytes() for row in dense}
