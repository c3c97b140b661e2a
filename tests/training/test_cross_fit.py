"""Cross-fitting is honest: nobody predicts a row that they have seen, nor decides when to stop by it."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from member_settings import SETTINGS
from priced import catalog

from pricefuse.errors import InputError
from pricefuse.features.folds import NEVER, group_folds, random_fold
from pricefuse.features.matrix import Block, Features
from pricefuse.metrics import difference_interval, smape
from pricefuse.models.simple_nn import Settings
from pricefuse.training.cross_fit import cross_fit, nested_blend

QUICK = Settings(
    loss="l1",
    huber_delta=0.5,
    hidden=(16,),
    batch_norm=(True,),
    dropout=(0.0,),
    optimizer="adamw",
    schedule="one_cycle",
    learning_rate=2e-2,
    weight_decay=0.0,
    batch_size=32,
    max_epochs=30,
    patience=30,
    seeds=(0,),
)


def features(matrix, prices, fold, groups=None):
    n = len(prices)
    index = pd.DataFrame(
        {
            "sample_id": [str(i) for i in range(n)],
            "split": "train",
            "price": prices,
            "group": np.arange(n) if groups is None else groups,
            "fold": fold,
        }
    )
    return Features(matrix.astype(np.float32), (Block("gemma", 0, matrix.shape[1], "m"),), index)


def fit(*arguments, seeds=(0,), **named):
    members = {"simple_nn": replace(QUICK, seeds=seeds)}
    return cross_fit(features(*arguments, **named), "log", members, stopping_share=0.2)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(1)
    matrix = rng.normal(size=(240, 5))
    return matrix, np.exp(2 + matrix[:, 0] + rng.normal(scale=0.2, size=240))


def test_every_row_is_predicted_out_of_fold_and_each_fold_by_each_seed(data):
    done = fit(*data, group_folds(np.arange(240), 3, 0), seeds=(0, 1))
    assert done.out_of_fold["sample_id"].tolist() == [str(i) for i in range(240)]
    assert smape(done.out_of_fold["price"].to_numpy(), done.out_of_fold["predicted"].to_numpy()) < 40
    assert sorted(done.model.members["simple_nn"]) == [
        f"simple_nn-fold{fold}-seed{seed}" for fold in range(3) for seed in (0, 1)
    ]
    assert done.epochs.groupby(["fold", "seed"]).size().tolist() == [30] * 6


def test_a_random_split_predicts_its_held_out_rows_alone(data):
    fold = random_fold(240, 0.25, 0)
    done = fit(*data, fold)
    assert len(done.model.members["simple_nn"]) == 1
    assert done.out_of_fold["sample_id"].tolist() == [str(i) for i in np.flatnonzero(fold == 0)]


def test_a_folds_own_prices_do_not_touch_its_predictions(data):
    matrix, prices = data
    fold = group_folds(np.arange(240), 3, 0)
    held_out = fold == 1
    scrambled = prices.copy()
    scrambled[held_out] = 50 * np.random.default_rng(2).permutation(prices[held_out])  # beyond the others' range, too
    one, other = (fit(matrix, given, fold).out_of_fold["predicted"].to_numpy() for given in (prices, scrambled))
    np.testing.assert_array_equal(one[held_out], other[held_out])
    assert (one[~held_out] != other[~held_out]).any()


def test_variants_across_folds_would_flatter_and_groups_prevent_it():
    """Thirty products with eight variants each, and features that name the product but say nothing of its price."""
    rng = np.random.default_rng(3)
    groups = np.repeat(np.arange(30), 8)
    matrix = rng.normal(size=(30, 12))[groups] + rng.normal(scale=0.01, size=(240, 12))
    prices = np.exp(2 + rng.normal(size=30)[groups])
    scores = []
    for fold in (group_folds(np.arange(240), 3, 0), group_folds(groups, 3, 0)):
        rows = fit(matrix, prices, fold, groups=groups).out_of_fold
        scores.append(smape(rows["price"].to_numpy(), rows["predicted"].to_numpy()))
    leaking, honest = scores
    assert leaking < honest - 15


def test_rows_that_are_never_held_out_are_fitted_but_not_reported(data):
    matrix, prices = data
    fold = np.where(np.arange(240) < 60, 0, NEVER)
    done = fit(matrix, prices, fold)
    assert len(done.out_of_fold) == 60
    assert smape(done.out_of_fold["price"].to_numpy(), done.out_of_fold["predicted"].to_numpy()) < 40


def test_too_few_rows_to_fit_are_named():
    with pytest.raises(InputError, match="Add rows"):
        fit(np.zeros((4, 1)), np.ones(4), np.array([0, 0, 1, 1]))


def test_every_member_is_scored_beside_the_blend_and_the_blend_is_not_worse_beyond_noise():
    done = cross_fit(catalog(), "log", SETTINGS, stopping_share=0.1, spread=True)
    rows = done.out_of_fold
    prices = rows["price"].to_numpy()
    alone = {kind: rows[f"predicted_{kind}"].to_numpy() for kind in SETTINGS}
    best = min(alone.values(), key=lambda predicted: smape(prices, predicted))
    options = {"samples": 400, "confidence": 0.95, "seed": 0}
    low, _ = difference_interval(prices, rows["predicted"].to_numpy(), best, rows["group"].to_numpy(), **options)
    assert low <= 0
    assert set(done.epochs["member"]) == {"simple_nn", "lexical"}
    assert set(done.model.blend.weights) == set(SETTINGS)


def test_a_folds_own_prices_do_not_weigh_its_blend():
    features = catalog(rows=240)
    rng = np.random.default_rng(0)
    prices = features.index["price"].to_numpy()[:240]
    folds, groups = features.index["fold"].to_numpy()[:240], features.index["group"].to_numpy()[:240]
    logs = {"a": np.log(prices) + rng.normal(0, 0.3, 240), "b": np.log(prices) + rng.normal(0, 0.5, 240)}
    scrambled = np.where(folds == 1, rng.permutation(prices) * 7, prices)
    one, other = (nested_blend(logs, given, folds, groups, spread=True) for given in (prices, scrambled))
    np.testing.assert_array_equal(one[folds == 1], other[folds == 1])
    assert (one[folds != 1] != other[folds != 1]).any()


def test_every_member_fits_alone():
    for kind, own in SETTINGS.items():
        rows = cross_fit(catalog(rows=120, folds=2), "log", {kind: own}, stopping_share=0.1).out_of_fold
        np.testing.assert_allclose(rows["predicted"], rows[f"predicted_{kind}"])
