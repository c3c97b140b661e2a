"""The bundle: members and blend come back as they were, and a model that was tampered with is refused."""

import json

import numpy as np
import pytest
from member_settings import SETTINGS
from priced import catalog

from pricefuse.errors import InputError
from pricefuse.features.matrix import Block, Features
from pricefuse.models.price_model import PriceModel
from pricefuse.training.cross_fit import cross_fit


@pytest.fixture(scope="module")
def features():
    return catalog(rows=200, folds=2)


@pytest.fixture(scope="module")
def fitted(features):
    return cross_fit(features, "log", SETTINGS, stopping_share=0.1, spread=True)


@pytest.fixture
def folder(tmp_path, fitted):
    fitted.model.save(tmp_path, {"catalog": "test"})
    return tmp_path


def tampered(folder, **changes):
    path = folder / "model.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    return folder


def test_a_saved_model_predicts_the_same(folder, features, fitted):
    np.testing.assert_array_equal(PriceModel.load(folder).predict(features), fitted.model.predict(features))
    assert {path.suffix for path in folder.rglob("*") if path.is_file()} == {".json", ".safetensors", ".txt"}
    assert sorted(path.name for path in folder.iterdir() if path.is_dir()) == sorted(
        f"{kind}-fold{fold}-seed0" for kind in SETTINGS for fold in (0, 1)
    )


def test_members_of_a_kind_are_averaged_and_the_kinds_blended_in_log_space(features, fitted):
    model = fitted.model
    logs = {kind: np.mean([m.predict(features) for m in own.values()], axis=0) for kind, own in model.members.items()}
    expected = np.clip(np.exp(model.blend.apply(logs)), model.low, model.high)
    np.testing.assert_allclose(model.predict(features), expected)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["attributes"], "block attributes differ.*absent now"),
        (["ngrams"], "block ngrams differ.*absent now"),
        (["gemma", "clip_image"], "blocks gemma, clip_image, image_mask, attributes differ|blocks gemma, clip_image"),
    ],
)
def test_a_model_refuses_other_features(features, fitted, names, message):
    with pytest.raises(InputError, match=message):
        fitted.model.predict(features.without(names))


def test_a_model_refuses_features_of_another_encoder(features, fitted):
    blocks = (Block("gemma", 0, 6, "m@2"), *features.blocks[1:])
    other = Features(features.matrix, blocks, features.index, features.ngrams, features.attributes)
    with pytest.raises(InputError, match="gemma: 6 columns from m@1 in training, 6 columns from m@2 now"):
        fitted.model.predict(other)


def test_half_a_model_and_a_foreign_format_are_refused(folder):
    with pytest.raises(InputError, match="format 99, but this version reads 2"):
        PriceModel.load(tampered(folder, format=99))
    (folder / "model.json").unlink()
    with pytest.raises(InputError, match="not a whole model"):
        PriceModel.load(folder)


@pytest.mark.parametrize("name", ["../elsewhere", "/etc", "a/b", "..", "", "boosted-fold0-seed0/../x", "C:\\x"])
def test_a_model_reads_nothing_outside_its_folder(folder, name):
    with pytest.raises(InputError, match="not a member's name"):
        PriceModel.load(tampered(folder, members={"boosted": [name]}))


def test_an_unknown_kind_of_member_is_refused(folder):
    with pytest.raises(InputError, match="no such kind of member: pickled"):
        PriceModel.load(tampered(folder, members={"pickled": ["boosted-fold0-seed0"]}))
