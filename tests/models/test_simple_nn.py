"""The seed's network and the training loop: every recipe learns, and the best epoch is kept."""

import numpy as np
import pandas as pd
import pytest
import torch

from pricefuse.errors import InputError
from pricefuse.features.matrix import Block, Features
from pricefuse.metrics import smape
from pricefuse.models import storage
from pricefuse.models.settings import SimpleNNSettings
from pricefuse.models.simple_nn import SimpleNN, build
from pricefuse.models.target import Target
from pricefuse.models.trainer import loss_function

SMALL = SimpleNNSettings(
    loss="l1",
    huber_delta=0.5,
    hidden=(32, 8),
    batch_norm=(True, False),
    dropout=(0.1, 0.0),
    optimizer="adamw",
    schedule="one_cycle",
    learning_rate=2e-2,
    weight_decay=0.01,
    batch_size=64,
    max_epochs=40,
    patience=40,
    seeds=(0,),
)
TARGET = Target("log", 1.0, 100.0)
BLOCKS = (Block("gemma", 0, 4, "m@1"), Block("attributes", 4, 6, "a"))


def settings(**changes):
    return SMALL.model_copy(update=changes)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(400, 6)).astype(np.float32)
    matrix[::7, 2] = np.nan
    prices = np.exp(2 + 0.8 * matrix[:, 0] - 0.5 * matrix[:, 4])
    return matrix, prices


def features(matrix, prices=None):
    index = pd.DataFrame({"price": np.ones(len(matrix)) if prices is None else prices})
    return Features(np.asarray(matrix), BLOCKS, index)


def fit(data, changed=SMALL, seed=0, target="log", **options):
    matrix, prices = data
    rows = np.arange(400)
    goal = Target.fit(target, prices)
    return SimpleNN.fit(features(matrix, prices), rows[:320], rows[320:], goal, changed, seed, **options)


@pytest.mark.parametrize(
    ("loss", "target", "expected"),
    [
        ("l1", "log", (np.log(2) + np.log(3)) / 2),
        ("huber", "log", (0.5 * (np.log(2) - 0.25) + 0.5 * (np.log(3) - 0.25)) / 2),  # delta .5, both beyond it
        ("smape", "log", (2 / 3 + 1) / 2),  # prices 10 and 20, 10 and 30
        ("smape", "log1p", (2 / 3 + 1) / 2),
    ],
)
def test_losses_of_a_hand_worked_example(loss, target, expected):
    goal = Target(target, 1, 100)
    value = loss_function(settings(loss=loss), goal)(
        torch.from_numpy(goal.forward(np.array([20.0, 30.0]))), torch.from_numpy(goal.forward(np.array([10.0, 10.0])))
    )
    assert float(value) == pytest.approx(expected, rel=1e-5)


def test_the_seeds_layers_are_as_it_built_them():
    seed = settings(
        hidden=(1024, 512, 256, 64, 32), batch_norm=(True, True, True, True, False), dropout=(0.3, 0.2, 0.2, 0.1, 0.1)
    )
    layers = build(2304, seed)
    linear = [(layer.in_features, layer.out_features) for layer in layers if isinstance(layer, torch.nn.Linear)]
    assert linear == [(2304, 1024), (1024, 512), (512, 256), (256, 64), (64, 32), (32, 1)]
    assert [layer.num_features for layer in layers if isinstance(layer, torch.nn.BatchNorm1d)] == [1024, 512, 256, 64]
    assert [layer.p for layer in layers if isinstance(layer, torch.nn.Dropout)] == [0.3, 0.2, 0.2, 0.1, 0.1]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"loss": "smape"},
        {"loss": "huber"},
        {"optimizer": "adam", "schedule": "constant", "weight_decay": 1e-5},
        {"batch_norm": (False, False)},
    ],
    ids=str,
)
@pytest.mark.parametrize("target", ["log", "log1p"])
def test_every_recipe_learns(data, changes, target):
    matrix, prices = data
    model = fit(data, settings(**changes), target=target)
    assert smape(prices[320:], np.exp(model.predict(features(matrix[320:])))) < 30
    assert smape(prices[320:], np.full(80, np.median(prices[:320]))) > 60


def test_the_same_seed_gives_the_same_network_and_another_seed_another(data):
    matrix, _ = data
    one, same, other = (
        fit(data).predict(features(matrix)),
        fit(data).predict(features(matrix)),
        fit(data, seed=1).predict(features(matrix)),
    )
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_the_best_epoch_is_kept_and_patience_ends_the_training(data):
    matrix, prices = data
    epochs = []
    model = fit(
        data, settings(max_epochs=60, patience=2, schedule="constant", learning_rate=0.05), on_epoch=epochs.append
    )
    best = min(epochs, key=lambda epoch: epoch.smape)
    assert len(epochs) == best.epoch + 2 < 60
    assert smape(prices[320:], np.exp(model.predict(features(matrix[320:])))) == pytest.approx(best.smape, rel=1e-6)


def test_stopping_and_held_out_rows_do_not_touch_the_scaler(data):
    matrix, prices = data
    changed = matrix.copy()
    changed[320:] *= 100
    np.testing.assert_array_equal(fit((changed, prices)).scaler.mean, fit(data).scaler.mean)


@pytest.mark.parametrize(("rows", "batch_size"), [(65, 64), (31, 2), (2, 64)])
def test_no_batch_is_a_single_row_which_would_break_batch_norm(data, rows, batch_size):
    matrix, prices = data
    fitted, stopping = np.arange(rows), np.arange(320, 400)
    SimpleNN.fit(features(matrix, prices), fitted, stopping, TARGET, settings(max_epochs=1, batch_size=batch_size), 0)


def test_a_training_that_diverges_says_what_to_lower(data):
    wild = settings(learning_rate=1e20, schedule="constant", batch_norm=(False, False))
    with pytest.raises(InputError, match="diverged in epoch .: lower learning_rate"):
        fit(data, wild)


def test_the_same_training_saves_the_same_bytes_and_loads_the_same_network(tmp_path, data):
    for name in ("one", "two"):
        storage.save(tmp_path / name, fit(data))
    for file in ("arrays.safetensors", "fit.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    loaded = storage.load(tmp_path / "one", SimpleNN)
    np.testing.assert_array_equal(loaded.predict(features(data[0])), fit(data).predict(features(data[0])))
