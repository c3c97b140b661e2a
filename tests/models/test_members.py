"""Every member: it learns, it is the same every time, it comes back from disk as it was, and nothing throws it."""

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from member_settings import SETTINGS
from paths import ROOT
from priced import BLOCKS, NOUNS, catalog
from scipy.sparse import vstack

from pricefuse.errors import InputError
from pricefuse.features.matrix import Features
from pricefuse.features.ngrams import count_ngrams
from pricefuse.metrics import smape
from pricefuse.models import lexical, storage
from pricefuse.models.price_model import MEMBERS
from pricefuse.models.target import Target
from pricefuse.models.trainer import numpy_weights

LEARNT = {"simple_nn": 62, "lexical": 35, "boosted": 27}  # SMAPE; simple_nn does not see the brand


def fit(kind, features, *, changed=None, seed=0):
    rows = np.arange(len(features))
    stopping = features.index["group"].to_numpy() % 10 == 0
    target = Target.fit("log", features.index["price"].to_numpy())
    return MEMBERS[kind].fit(features, rows[~stopping], rows[stopping], target, changed or SETTINGS[kind], seed)


@pytest.fixture(scope="module")
def features():
    return catalog()


@pytest.fixture(scope="module")
def members(features):
    return {kind: fit(kind, features) for kind in MEMBERS}


@pytest.mark.parametrize("kind", MEMBERS)
def test_a_member_learns_what_prices_follow_from(kind):
    known, asked = catalog(), catalog(seed=1)
    prices = asked.index["price"].to_numpy()
    assert smape(prices, np.full_like(prices, np.median(prices))) > 65
    assert smape(prices, np.exp(fit(kind, known).predict(asked))) < LEARNT[kind]


@pytest.mark.parametrize("kind", MEMBERS)
def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_member(tmp_path, features, kind):
    for name, seed in (("one", 0), ("two", 0), ("other", 1)):
        storage.save(tmp_path / name, fit(kind, features, seed=seed))
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert {path.rsplit(".", 1)[1] for path in files} == {"json", "safetensors"}
    bytes_of = {name: [(tmp_path / name / file).read_bytes() for file in files] for name in ("one", "two", "other")}
    assert bytes_of["one"] == bytes_of["two"]
    assert bytes_of["one"] != bytes_of["other"]


@pytest.mark.parametrize("kind", MEMBERS)
def test_a_member_comes_back_from_disk_as_it_was(tmp_path, features, members, kind):
    storage.save(tmp_path, members[kind])
    np.testing.assert_array_equal(
        storage.load(tmp_path, MEMBERS[kind]).predict(features), members[kind].predict(features)
    )
    for path in tmp_path.iterdir():
        path.rename(tmp_path / "away")
        with pytest.raises(InputError, match="the model is incomplete"):
            storage.load(tmp_path, MEMBERS[kind])
        (tmp_path / "away").rename(path)


@pytest.mark.parametrize("kind", MEMBERS)
def test_rows_that_a_member_was_not_given_do_not_touch_it(features, kind):
    """Neither another row's price nor its text or numbers: everything is fitted on the given rows alone."""
    train = np.arange(200)
    target = Target("log", 1.0, 100.0)
    changed = features.matrix.copy()
    changed[200:] = changed[200:][::-1] * 100
    prices = features.index["price"].to_numpy().copy()
    prices[200:] = 1e6
    other_words = count_ngrams({field: ["quince"] * 100 for field in ("name", "text")}, 12)
    joined = vstack([features.ngrams[train], other_words], format="csr")
    other = Features(changed, BLOCKS, features.index.assign(price=prices), joined, features.attributes)
    asked = features.at(train)
    one, two = (
        MEMBERS[kind].fit(given, train[20:], train[:20], target, SETTINGS[kind], 0).predict(asked)
        for given in (features, other)
    )
    np.testing.assert_array_equal(one, two)


FLOATS = st.floats(width=32, allow_nan=True, allow_infinity=True)


@given(arrays.arrays(np.float32, (3, 15), elements=FLOATS), st.lists(st.text(), min_size=3, max_size=3))
@settings(max_examples=25)
def test_any_row_gets_a_positive_price_within_the_training_prices(members, features, matrix, texts):
    counted = count_ngrams({"name": texts, "text": texts[::-1]}, 12)
    row = Features(matrix, BLOCKS, pd.DataFrame({"price": [np.nan] * 3}), counted, features.attributes)
    low, high = features.index["price"].min(), features.index["price"].max()
    for member in members.values():
        prices = np.exp(member.predict(row))
        assert prices.shape == (3,)
        assert ((prices >= low * 0.999) & (prices <= high * 1.001)).all()


@pytest.mark.parametrize("kind", MEMBERS)
def test_no_rows_get_no_prices(features, members, kind):
    assert members[kind].predict(features.at(np.empty(0, dtype=np.int64))).shape == (0,)


def test_the_words_alone_tell_lexical_and_boosted_the_kind_of_product(members):
    names = [f"Havrona {noun}" for noun in NOUNS]
    counted = count_ngrams({"name": names, "text": names}, 12)
    matrix = np.full((len(names), 15), np.nan, np.float32)
    rows = Features(matrix, BLOCKS, pd.DataFrame({"price": [np.nan] * len(names)}), counted, ("amount",))
    for kind in ("lexical", "boosted"):
        assert np.corrcoef(members[kind].predict(rows), list(NOUNS.values()))[0, 1] > 0.8


def test_lexical_without_ngrams_says_what_to_change(features):
    with pytest.raises(InputError, match="fuse.ngrams"):
        fit("lexical", features.without(["ngrams"]))


def test_boosted_does_with_whatever_blocks_there_are(features):
    for names in (["ngrams"], ["gemma", "clip_image", "image_mask"], ["attributes"], ["ngrams", "gemma", "clip_image"]):
        member = fit("boosted", features.without(names))
        assert np.isfinite(member.predict(features.without(names))).all()


def test_small_catalogs_are_gone_through_more_often(features):
    epochs = []
    short = SETTINGS["lexical"].model_copy(update={"max_epochs": 2, "patience": 2, "min_steps": 70})
    train = np.arange(200)
    target = Target("log", 1.0, 100.0)
    lexical.Lexical.fit(features, train[20:], train[:20], target, short, 0, epochs.append)
    assert len(epochs) == 14  # 180 rows are five batches


def test_large_catalogs_get_larger_batches(features, monkeypatch):
    asked = []
    monkeypatch.setattr(lexical, "train_network", lambda *arguments: asked.append(arguments[6].batch_size))
    for most in (1000, 3):
        monkeypatch.setattr(lexical, "MAX_BATCHES", most)
        fit("lexical", features)
    assert asked == [32, 270 // 3]


def test_vectors_of_half_the_size_give_the_same_prices(features, monkeypatch):
    whole = []
    monkeypatch.setattr(
        lexical, "numpy_weights", lambda network: whole.append(numpy_weights(network)) or dict(whole[0])
    )
    halved = fit("lexical", features)
    assert halved.weights[lexical.VECTORS].dtype == np.float16
    other = replace(halved, weights=whole[0])
    np.testing.assert_allclose(halved.predict(features), other.predict(features), atol=1e-3)
    assert (halved.predict(features) != other.predict(features)).any()


def test_a_stored_network_is_checked_and_built_without_what_it_takes_to_draw_one(tmp_path, members):
    """torch imports symbolic algebra to draw numbers on its meta device: 150 MB that predict has no use for."""
    storage.save(tmp_path, members["lexical"])
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from priced import catalog\n"
        "from pricefuse.models.price_model import load_fit\n"
        "features = catalog()\n"
        "load_fit(Path(sys.argv[1]), 'lexical', features.layout).predict(features)\n"
        "assert 'sympy' not in sys.modules\n"
    )
    paths = os.pathsep.join(map(str, (ROOT / "src", ROOT / "tests/support")))
    subprocess.run([sys.executable, "-c", code, tmp_path], check=True, env={**os.environ, "PYTHONPATH": paths})
