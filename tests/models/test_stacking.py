"""Stacking: a row's own price has no say in the base models' predictions of it."""

import numpy as np
from priced import catalog

from pricefuse.models import storage
from pricefuse.models.stacking import Stack

NAMES = ("words", "kernel", "lasso")


def cross_fit(features, log_prices, fold, names=NAMES):
    return Stack.cross_fit(features, np.arange(len(features)), log_prices, fold, names, 50, 0)


def test_a_row_has_no_say_in_its_own_predictions():
    features = catalog(rows=120)
    log_prices = np.log(features.index["price"].to_numpy())
    fold = features.index["group"].to_numpy() % 3
    _, before = cross_fit(features, log_prices, fold)
    log_prices[fold == 1] += 5
    _, after = cross_fit(features, log_prices, fold)
    np.testing.assert_array_equal(before[fold == 1], after[fold == 1])
    assert (before[fold != 1] != after[fold != 1]).any()


def test_a_stack_comes_back_from_disk_as_it_was(tmp_path):
    features = catalog(rows=120)
    stack, _ = cross_fit(features, np.log(features.index["price"].to_numpy()), features.index["fold"].to_numpy())
    storage.save(tmp_path, stack)
    np.testing.assert_array_equal(stack.predict(features), storage.load(tmp_path, Stack).predict(features))


def test_no_base_models_give_no_columns():
    features = catalog(rows=60)
    stack, predicted = cross_fit(features, np.zeros(60), features.index["fold"].to_numpy(), names=())
    assert stack.predict(features).shape == predicted.shape == (60, 0)
