"""Prices for new products: exact whatever stands beside one, on any machine, and what is amiss is said."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from paths import ROOT
from sealing import tamper

from pricefuse import Pricer
from pricefuse.download.local_files import LocalImages
from pricefuse.errors import InputError
from pricefuse.pricer import PricerWarning

pytestmark = pytest.mark.filterwarnings("ignore::pricefuse.pricer.pricer.PricerWarning")
COLUMNS = ["sample_id", "price", "price_low", "price_high"]


@pytest.fixture(scope="module")
def asked(bundle):
    return pd.read_csv(bundle / "catalog/test.csv", dtype=str, keep_default_na=False)


@pytest.fixture(scope="module")
def local(bundle):
    return LocalImages(bundle / "catalog")


@pytest.fixture(scope="module")
def priced(pricer, asked, local):
    return pricer.predict(asked, local)


def test_every_product_has_a_price_within_its_interval_in_the_frames_order(priced, asked):
    assert list(priced) == COLUMNS
    assert priced["sample_id"].tolist() == asked["sample_id"].tolist()
    assert (priced["price_low"] <= priced["price"]).all()
    assert (priced["price"] <= priced["price_high"]).all()
    assert (priced["price_low"] > 0).all()
    assert priced["price"].nunique() > 20


@pytest.mark.parametrize("rows", [[4], range(7), range(29, -1, -1), [3, 3, 3]])
def test_a_price_is_the_same_to_the_bit_whatever_stands_beside_the_product(pricer, asked, local, priced, rows):
    again = pricer.predict(asked.iloc[list(rows)], local)
    pd.testing.assert_frame_equal(again, priced.iloc[list(rows)].reset_index(drop=True), check_exact=True)


def test_training_products_are_priced_near_their_prices(pricer, bundle):
    """Rows laid out otherwise than in training would have any price; tests/pipeline compares with the stages."""
    train = pd.read_csv(bundle / "catalog/train.csv", dtype=str, keep_default_na=False).head(12)
    prices = pricer.predict(train[["sample_id", "catalog_content", "image_link"]], LocalImages(bundle / "catalog"))
    assert np.corrcoef(np.log(prices["price"]), np.log(train["price"].astype(float)))[0, 1] > 0.8


def test_a_greater_coverage_gives_wider_intervals(pricer, asked, local, priced):
    wide = pricer.predict(asked.head(5), local, coverage=0.95)
    assert (wide["price_high"] / wide["price_low"] > (priced["price_high"] / priced["price_low"]).head(5)).all()
    np.testing.assert_array_equal(wide["price"], priced["price"].head(5))
    for wrong in (0, 1, 1.5, -0.1, float("nan")):
        with pytest.raises(InputError, match="coverage .* is not between 0 and 1"):
            pricer.predict(asked.head(1), coverage=wrong)


def test_ids_come_back_as_they_were_so_that_prices_can_be_joined(pricer):
    frame = pd.DataFrame({"sample_id": [7, 5], "catalog_content": "Item Name: Tea", "image_link": ""}, index=[30, 10])
    prices = pricer.predict(frame)
    assert prices["sample_id"].tolist() == [7, 5]
    assert len(frame.merge(prices, on="sample_id")) == 2
    assert pricer.predict(frame.drop(columns="sample_id"))["sample_id"].tolist() == [0, 1]


def test_an_empty_frame_has_no_prices(pricer, asked):
    assert pricer.predict(asked.head(0)).shape == (0, 4)


def notes(pricer, frame, images=None):
    return pricer.price(frame, images).notes


def test_what_is_unusual_about_the_products_is_said(pricer, asked, bundle):
    two = asked.head(2)
    assert "no column sample_id: products are numbered from 0" in notes(pricer, two.drop(columns="sample_id"))
    assert "no column image_link: pictures are found by sample_id alone" in notes(
        pricer, two.drop(columns="image_link")
    )
    assert "not used: columns brand, 7" in notes(pricer, two.assign(brand="x").assign(**{"7": 1}))
    assert "1 of 2 products have no text" in notes(pricer, two.assign(catalog_content=["", "Item Name: Tea"]))
    without = notes(pricer, two.drop(columns="catalog_content"), LocalImages(bundle / "catalog"))
    assert "no column catalog_content: products are priced by their picture alone" in without
    with pytest.raises(InputError, match="no column catalog_content. Found: sample_id"):
        pricer.predict(two[["sample_id"]])
    with pytest.warns(PricerWarning, match="no column sample_id"):
        pricer.predict(two.drop(columns="sample_id"))


def test_missing_broken_and_unfetched_pictures_are_counted_and_priced_like_missing_ones(pricer, tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff no picture")
    links = ["", "broken.jpg", "gone.jpg", "https://example.com/a.jpg", "../outside.jpg"]
    frame = pd.DataFrame({"sample_id": list("abcde"), "catalog_content": "Item Name: Tea", "image_link": links})
    priced = pricer.price(frame, tmp_path)
    (said,) = [note for note in priced.notes if "without a picture" in note]
    assert said.startswith("5 of 5 products are priced without a picture")
    for reason in ("no image link 1", "no such file 1", "not fetched 1", "path leaves the catalog folder 1"):
        assert reason in said
    assert len(set(priced.prices["price"])) == 1


def test_missing_values_are_empty_texts(pricer):
    frame = pd.DataFrame({"sample_id": ["a", "b"], "catalog_content": [None, np.nan], "image_link": [pd.NA, None]})
    prices = pricer.predict(frame)
    assert len(set(prices["price"])) == 1
    assert prices["price"].gt(0).all()


def test_a_picture_is_found_by_id_in_the_folder_that_is_given(pricer, bundle, asked, local, priced, tmp_path):
    paths = [local.find(*row) for row in asked[["sample_id", "image_link"]].itertuples(index=False)]
    at, path = next((at, path) for at, path in enumerate(paths) if path is not None)
    shutil.copyfile(path, tmp_path / f"{asked['sample_id'][at]}{path.suffix}")
    again = pricer.predict(asked.iloc[[at]].assign(image_link=""), tmp_path)
    assert again["price"].item() == priced["price"][at]
    assert pricer.predict(asked.iloc[[at]].assign(image_link=""))["price"].item() != priced["price"][at]
    with pytest.raises(InputError, match="no such folder of images"):
        pricer.predict(asked, tmp_path / "nowhere")


@pytest.mark.slow
def test_a_bundle_that_was_moved_prices_without_dvc_git_and_network(bundle, tmp_path, priced, asked):
    model = shutil.copytree(bundle / "model", tmp_path / "elsewhere/model")
    script = """
import socket, sys
def refuse(*_, **__): raise AssertionError("a connection")
socket.socket.connect = refuse
import pandas as pd
from pricefuse import Pricer
from pricefuse.download.local_files import LocalImages
from pathlib import Path
asked = pd.read_csv(sys.argv[2], dtype=str, keep_default_na=False).head(3)
prices = Pricer.load(sys.argv[1], "cpu").predict(asked, LocalImages(Path(sys.argv[2]).parent))
assert not {"dvc", "git", "scmrepo", "pricefuse.pipeline"} & set(sys.modules), "imported"
print(prices.to_json(double_precision=15))
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script, model, bundle / "catalog/test.csv"], cwd=tmp_path, text=True,
        env={"PATH": "", "PYTHONPATH": str(ROOT / "src"), "HF_HUB_OFFLINE": "1", "HOME": os.environ["HOME"]},
        capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert list(json.loads(done.stdout)["price"].values()) == pytest.approx(priced["price"].head(3), rel=1e-12)


def altered(bundle, folder, change):
    model = shutil.copytree(bundle / "model", folder / "model")
    tamper(model, change)
    return model


def test_an_encoder_that_gives_other_vectors_is_refused(bundle, tmp_path):
    def another_window(content):
        content["recipe"]["embed_gemma"]["chunk_tokens"] = 32

    with pytest.raises(InputError, match="encoder gemma: .* other vectors .*chunk_tokens is 32, was 64"):
        Pricer.load(altered(bundle, tmp_path, another_window))


def test_an_encoder_elsewhere_is_found_where_it_is_said_to_be(bundle, tmp_path, asked, local, priced):
    moved = shutil.copytree(bundle / "minilm", tmp_path / "moved")

    def away(content):
        content["recipe"]["embed_gemma"]["model"] = str(tmp_path / "away")

    model = altered(bundle, tmp_path, away)
    with pytest.raises(InputError, match="away: no such folder"):
        Pricer.load(model)
    pricer = Pricer.load(model, encoders={"gemma": moved})
    pd.testing.assert_frame_equal(pricer.predict(asked.head(2), local), priced.head(2), check_exact=True)
    with pytest.raises(InputError, match="no such encoder: bert. There are: gemma, clip"):
        Pricer.load(model, encoders={"bert": moved})

    config = moved / "config.json"
    config.write_text(config.read_text() + " ")
    with pytest.raises(InputError, match="encoder gemma: .*identity is sha256:.*, was sha256:"):
        Pricer.load(model, encoders={"gemma": moved})


def test_a_model_that_does_not_say_how_products_are_prepared_is_refused(bundle, tmp_path):
    with pytest.raises(InputError, match="does not say how new products are prepared"):
        Pricer.load(altered(bundle, tmp_path / "a", lambda content: content.update(recipe={})))
    with pytest.raises(InputError, match="recipe.embed_gemma.chunk_tokens: .* another version's"):
        Pricer.load(
            altered(bundle, tmp_path / "b", lambda content: content["recipe"]["embed_gemma"].pop("chunk_tokens"))
        )


@pytest.mark.parametrize("name", ["gemma", "clip"])
@pytest.mark.parametrize("card", [None, {}, {"resolved_dtype": "float16"}, {"resolved_dtype": {"text": "float32"}}])
def test_a_model_that_does_not_say_what_its_encoders_were_is_refused(bundle, tmp_path, name, card):
    with pytest.raises(InputError, match=f"does not say which encoder {name} is"):
        Pricer.load(altered(bundle, tmp_path, lambda content: content["provenance"]["encoders"].update({name: card})))


def test_a_model_decides_neither_on_private_addresses_nor_without_its_sections(bundle, tmp_path):
    allowing = altered(
        bundle, tmp_path / "a", lambda content: content["recipe"]["download"].update(allowed_hosts=["10.0.0.1"])
    )
    assert Pricer.load(allowing)._pictures.allowed_hosts == ()
    for section in ("clean", "download", "fuse"):
        lacking = altered(bundle, tmp_path / section, lambda content, name=section: content["recipe"].pop(name))
        with pytest.raises(InputError, match=f"recipe.{section}"):
            Pricer.load(lacking)


def test_devices(bundle):
    with pytest.raises(InputError, match="device 'tpu': there are auto, cpu and cuda"):
        Pricer.load(bundle / "model", "tpu")


def test_fits_are_read_once_and_kept(pricer, monkeypatch, asked):
    def reading(*_):
        raise AssertionError("a file of the model")

    monkeypatch.setattr("pricefuse.models.storage.load", reading)
    assert pricer.model.neighbors is not None  # read by the first prediction
    assert len(pricer.predict(asked.head(1))) == 1
