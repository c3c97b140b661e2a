"""The lasso against scikit-learn's, and on rows that it was not fitted to."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.linear_model import Lasso, LassoCV
from sklearn.model_selection import PredefinedSplit

from pricefuse.models.lasso import PENALTIES, cross_fit_lasso

NOTHING = csr_array((400, 0), dtype=np.float32)
FOLDS = np.random.default_rng(5).integers(0, 5, 400)


@pytest.fixture
def problem():
    rng = np.random.default_rng(0)
    dense = rng.normal(0.5, 1, size=(400, 30)).astype(np.float32)
    return dense, 2 + dense[:, 0] - 0.5 * dense[:, 1] + rng.normal(0, 0.3, 400)


def test_a_lasso_is_scikit_learns_at_a_penalty_that_cross_validation_chooses(problem):
    dense, target = problem
    reference = LassoCV(alphas=30, eps=1e-2, cv=PredefinedSplit(FOLDS), tol=1e-6).fit(dense, target)
    mine, _ = cross_fit_lasso(NOTHING, dense, target, FOLDS)
    np.testing.assert_allclose(mine.dense, reference.coef_, atol=0.01)
    np.testing.assert_allclose(mine.predict(NOTHING, dense), reference.predict(dense), atol=0.03)


def test_held_out_rows_are_predicted_by_scikit_learns_lasso_of_the_other_folds(problem):
    dense, target = problem
    _, predicted = cross_fit_lasso(NOTHING, dense, target, FOLDS)
    for held_out in (np.isin(FOLDS, fold) for fold in range(5)):
        others = ~held_out
        centered = dense[others] - dense[others].mean(axis=0)
        largest = np.abs(centered.T @ (target[others] - target[others].mean())).max() / others.sum()
        paths = [Lasso(share * largest, tol=1e-7).fit(dense[others], target[others]) for share in PENALTIES]
        nearest = min(np.abs(path.predict(dense[held_out]) - predicted[held_out]).max() for path in paths)
        assert nearest < 1e-3


@pytest.mark.parametrize("count", [2, 3, 5])
def test_a_row_has_no_say_in_its_own_prediction(problem, count):
    dense, target = problem
    folds = FOLDS % count
    _, before = cross_fit_lasso(NOTHING, dense, target, folds)
    shuffled = np.random.default_rng(1).permutation(target)
    _, after = cross_fit_lasso(NOTHING, dense, np.where(folds == 1, shuffled, target), folds)
    np.testing.assert_array_equal(before[folds == 1], after[folds == 1])
    assert (before[folds == 0] != after[folds == 0]).all()


def test_a_lasso_finds_the_few_words_that_count():
    rng = np.random.default_rng(1)
    words = (rng.random((600, 40)) < 0.1).astype(np.float32)
    words[:, 39] = 0
    words[:2, 39] = 1  # too seldom to be looked at
    target = 1 + 0.4 * words[:, 0] - 0.3 * words[:, 1] + 0.5 * words[:, 39] + rng.normal(0, 0.1, 600)
    folds = np.arange(600) % 5
    lasso, predicted = cross_fit_lasso(csr_array(words), np.empty((600, 0), np.float32), target, folds)
    assert lasso.sparse[:2] == pytest.approx([0.4, -0.3], abs=0.08)
    assert np.count_nonzero(lasso.sparse) < 30
    assert lasso.sparse[39] == 0
    assert np.corrcoef(predicted, target)[0, 1] > 0.8


@pytest.mark.parametrize("price", [0.0, 3.0])
def test_a_lasso_of_equal_prices_is_their_mean(price):
    dense = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    nothing = csr_array((20, 0), dtype=np.float32)
    model, predicted = cross_fit_lasso(nothing, dense, np.full(20, price), np.arange(20) % 4)
    np.testing.assert_allclose(model.predict(nothing, dense), price)
    np.testing.assert_allclose(predicted, price)


def test_no_columns_give_the_mean_of_the_other_folds():
    target, folds = np.array([1.0, 2.0, 3.0, 4.0]), np.array([0, 0, 1, 1])
    _, predicted = cross_fit_lasso(csr_array((4, 0), dtype=np.float32), np.empty((4, 0), np.float32), target, folds)
    np.testing.assert_allclose(predicted, [3.5, 3.5, 1.5, 1.5])
