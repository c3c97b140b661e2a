"""What feature blocks are worth: much where the price follows from them, nothing where it does not."""

import numpy as np
import pytest
from member_settings import SETTINGS, TRAIN
from priced import catalog

from pricefuse.features.matrix import Block, Features
from pricefuse.metrics import smape
from pricefuse.models import price_model, storage
from pricefuse.models.price_model import PriceModel
from pricefuse.training.cross_fit import cross_fit
from pricefuse.training.ensemble_fit import fit_ensemble
from pricefuse.training.interval_fit import fit_intervals
from pricefuse.training.permutation import _predict, block_importance

OPTIONS = {"rows": 250, "samples": 200, "confidence": 0.95, "seed": 0}


@pytest.fixture(scope="module")
def features():
    made = catalog(rows=300, folds=3)
    noise = np.random.default_rng(5).normal(size=(300, 3)).astype(np.float32)
    width = made.matrix.shape[1]
    blocks = (*made.blocks, Block("clip_text", width, width + 3, "noise"))
    return Features(np.concatenate([made.matrix, noise], axis=1), blocks, made.index, made.ngrams, made.attributes)


@pytest.fixture(scope="module")
def model(features, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    fit = cross_fit(features, "boosted", SETTINGS["boosted"], TRAIN)
    for name, each in fit.models.items():
        storage.save(folder / "fits" / name, each)
    fits = {"boosted": {name: folder / "fits" / name for name in fit.models}}
    log_prices = {"boosted": fit.log_prices}
    ensemble, table = fit_ensemble(log_prices, features.index, spread=False)
    intervals, _ = fit_intervals(features, log_prices, table, 0)
    price_model.write(folder / "model", fits, ensemble, intervals, features, provenance={})
    return PriceModel.load(folder / "model"), table


def test_each_row_is_predicted_by_the_fits_that_did_not_see_its_fold(model, features):
    loaded, table = model
    predicted = _predict(loaded, features.at(np.arange(len(features))))
    np.testing.assert_allclose(predicted, table["predicted"], rtol=0.02)  # but for the range of the other folds' prices
    everything = loaded.predict(features)
    prices = table["price"].to_numpy()
    assert smape(prices, everything) < smape(prices, predicted) - 1  # two fits of three have seen the row


def test_blocks_are_worth_what_the_price_follows_from(model, features):
    table = block_importance(model[0], features, **OPTIONS).set_index("block")
    assert set(table.index) == {"gemma", "clip_image", "image_mask", "attributes", "ngrams", "clip_text"}
    assert set(table.index[:2]) == {"attributes", "ngrams"}
    assert table["rise"].is_monotonic_decreasing
    assert table.loc["attributes", "rise_low"] > 5
    assert abs(table.loc["clip_text", "rise"]) < 1.5
    assert (table["rise_low"] <= table["rise"]).all()
    assert (table["rise"] <= table["rise_high"]).all()


def test_the_same_seed_gives_the_same_table(model, features):
    one, two = (block_importance(model[0], features, **OPTIONS | {"rows": 60}) for _ in range(2))
    assert one.equals(two)
