"""The price model: members and ensemble come back as they were, and a model that was tampered with is refused."""

import weakref
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from member_settings import SETTINGS, TRAIN
from priced import catalog
from sealing import tamper

from pricefuse.errors import InputError
from pricefuse.features.fuse import BlockData, fuse
from pricefuse.features.matrix import Block, Features
from pricefuse.models import price_model, storage
from pricefuse.models.ensemble import Ensemble
from pricefuse.models.neighbors import Neighbors
from pricefuse.models.price_model import PriceModel
from pricefuse.training.cross_fit import cross_fit
from pricefuse.training.ensemble_fit import fit_ensemble
from pricefuse.training.interval_fit import fit_intervals

ENSEMBLE = Ensemble({"simple_nn": 0.2, "lexical": 0.3, "boosted": 0.5}, 2.5, 1.1, -0.02)


@pytest.fixture(scope="module")
def features():
    return catalog(rows=200, folds=2)


@pytest.fixture(scope="module")
def fitted(features):
    return {member: cross_fit(features, member, SETTINGS[member], TRAIN) for member in SETTINGS}


@pytest.fixture(scope="module")
def models(fitted):
    return {member: fit.models for member, fit in fitted.items()}


@pytest.fixture(scope="module")
def intervals(features, fitted):
    log_prices = {member: fit.log_prices for member, fit in fitted.items()}
    _, table = fit_ensemble(log_prices, features.index, spread=True)
    return fit_intervals(features, log_prices, table, 0)[0]


@pytest.fixture
def folder(tmp_path, features, models, intervals):
    fits = {member: {name: tmp_path / "fits" / member / name for name in own} for member, own in models.items()}
    for member, own in models.items():
        for name, model in own.items():
            storage.save(fits[member][name], model)
    neighbors, about = Neighbors.of(features, 0), {"catalog": "test"}
    price_model.write(tmp_path / "model", fits, ENSEMBLE, intervals, features, neighbors=neighbors, provenance=about)
    return tmp_path / "model"


def tampered(folder, **changes):
    tamper(folder, lambda content: content.update(changes))
    return folder


def test_fits_of_a_member_are_averaged_and_members_combined_in_log_space(folder, features, models):
    logs = {member: np.mean([fit.predict(features) for fit in own.values()], axis=0) for member, own in models.items()}
    prices = features.index["price"]
    expected = np.clip(np.exp(ENSEMBLE.combine(logs)), prices.min(), prices.max())
    np.testing.assert_array_equal(PriceModel.load(folder).predict(features), expected)


def test_a_model_is_safetensors_and_json_in_a_folder_a_fit(folder):
    assert {path.suffix for path in folder.rglob("*") if path.is_file()} == {".json", ".safetensors"}
    assert sorted(path.relative_to(folder).as_posix() for path in folder.glob("*/*") if path.is_dir()) == sorted(
        f"{member}/fold{fold}-seed0" for member in SETTINGS for fold in (0, 1)
    )


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["attributes"], "block attributes differ.*absent now"),
        (["ngrams"], "block ngrams differ.*absent now"),
        (["gemma", "clip_image"], "blocks gemma, clip_image, image_mask, attributes differ"),
    ],
)
def test_a_model_refuses_other_features(folder, features, names, message):
    with pytest.raises(InputError, match=message):
        PriceModel.load(folder).predict(features.without(names))


def test_a_model_refuses_features_of_another_encoder(folder, features):
    blocks = (Block("gemma", 0, 6, "m@2"), *features.blocks[1:])
    other = Features(features.matrix, blocks, features.index, features.ngrams, features.attributes)
    with pytest.raises(InputError, match="gemma: 6 columns by m@1 in training, 6 columns by m@2 now"):
        PriceModel.load(folder).predict(other)


def test_a_model_refuses_attributes_of_other_names_or_order(folder, features):
    model = PriceModel.load(folder)
    for names, message in (
        (("amount", "is_mass", "is_count", "vegan"), "organic, vegan"),
        (features.attributes[::-1], "their order"),
    ):
        with pytest.raises(InputError, match=rf"the columns of block attributes differ \({message}\)"):
            model.predict(replace(features, attributes=names))


def test_a_model_json_that_does_not_name_each_attribute_is_refused(folder):
    for names in (["amount"], ["amount", "amount", "is_mass", "is_count"]):
        with pytest.raises(InputError, match="attributes does not name the 4 columns of that block"):
            PriceModel.load(tampered(folder, attributes=names))


def test_rows_are_priced_some_at_a_time_and_one_fit_is_in_memory(folder, features, monkeypatch):
    model = PriceModel.load(folder)
    whole = model.predict(features)
    read = []
    load_fit = price_model.load_fit

    def reading(*given):
        fit = load_fit(*given)
        read.append(weakref.ref(fit))
        return fit

    monkeypatch.setattr(price_model, "load_fit", reading)
    monkeypatch.setattr(price_model, "PREDICTED_AT_ONCE", 90)
    alive = []
    for member in SETTINGS:
        predict = price_model.MEMBERS[member].predict
        monkeypatch.setattr(
            price_model.MEMBERS[member],
            "predict",
            lambda self, rows, predict=predict: (
                alive.append((len(rows), sum(fit() is not None for fit in read))) or predict(self, rows)
            ),
        )
    np.testing.assert_allclose(model.predict(features), whole, rtol=1e-5)
    assert [rows for rows, _ in alive] == [90, 90, 20] * 6
    assert max(count for _, count in alive) <= 2  # the one that is read, and the one that it takes the place of


def test_half_a_model_and_a_foreign_format_are_refused(folder):
    with pytest.raises(InputError, match="format 99, but this version reads 6"):
        PriceModel.load(tampered(folder, format=99))
    (folder / "model.json").unlink()
    with pytest.raises(InputError, match="not a complete model"):
        PriceModel.load(folder)


@pytest.mark.parametrize("name", ["../elsewhere", "/etc", "a/b", "..", "", "fold0-seed0/../x", "C:\\x"])
def test_a_model_reads_nothing_outside_its_folder(folder, name):
    with pytest.raises(InputError, match="not the name of a member or fit"):
        PriceModel.load(tampered(folder, members={"boosted": [name]}))


def test_an_unknown_member_is_refused(folder):
    (folder / "boosted").rename(folder / "pickled")
    path = folder / "model.json"
    path.write_text(path.read_text().replace("boosted", "pickled"))
    with pytest.raises(InputError, match="no such member: pickled"):
        PriceModel.load(tampered(folder))


def test_a_fit_that_is_damaged_is_not_put_into_a_model(tmp_path, features, models, intervals):
    fits = {"boosted": {"fold0-seed0": tmp_path / "fit"}}
    fit = models["boosted"]["fold0-seed0"]
    storage.save(tmp_path / "fit", replace(fit, start=fit.start * np.nan))
    with pytest.raises(InputError, match="fit: start has a number that is not finite: the model is damaged"):
        price_model.write(tmp_path / "model", fits, Ensemble.mean(["boosted"]), intervals, features, provenance={})


def test_a_price_that_is_not_finite_is_refused(folder, features):
    class Broken:
        def predict(self, features):
            return np.where(np.arange(len(features)) < 3, np.nan, 1.0)

    model = PriceModel.load(folder)
    broken = replace(model, members={**model.members, "boosted": {"fold0-seed0": Broken()}})
    with pytest.raises(InputError, match="no positive price for 3 of 200 rows"):
        broken.predict(features)


def test_stage_predict_names_products_that_resemble_no_training_product(
    run_stage, write_params, folder, features, tmp_path
):
    write_params(tmp_path, {"predict.coverage": 0.9})
    expected = PriceModel.load(folder).predict_with_bounds(features, 0.9)

    def priced(**columns):
        index = pd.DataFrame({"sample_id": features.index["sample_id"], **columns})
        blocks = [
            BlockData(block.name, block.recipe, block.width, [features.matrix[:, block.start : block.stop]])
            for block in features.blocks
        ]
        fuse(tmp_path / "fused", index, blocks, [features.ngrams], features.attributes)
        arguments = ("--features", "fused", "--model", folder, "--out", "test_out.csv", "--bounds", "prices.csv")
        printed = run_stage("predict", tmp_path, *arguments).stdout
        assert list(pd.read_csv(tmp_path / "test_out.csv")) == ["sample_id", "price"]
        bounded = pd.read_csv(tmp_path / "prices.csv")
        assert list(bounded) == ["sample_id", "price", "price_low", "price_high"]
        np.testing.assert_allclose(bounded[list(expected)], expected, rtol=1e-4)
        return printed

    far = np.isin(np.arange(len(features)), [3, 5])
    assert "warning: 2 of them are guesses: no training product resembles sample_id 3, 5" in priced(far=far)
    assert "warning" not in priced(far=far & False)
