"""Encoders that several test modules use, and products as the clean stage writes them."""

import runpy
import sys

import pandas as pd
import pytest
from encoder_settings import image_text_settings, text_settings
from paths import ROOT

from pricefuse.catalog import reading
from pricefuse.encoders import bundled
from pricefuse.encoders.image_text_encoder import ImageTextEncoder
from pricefuse.encoders.text_encoder import TextEncoder


@pytest.fixture(scope="session")
def minilm():
    return TextEncoder(text_settings(chunk_tokens=256))


@pytest.fixture(scope="session")
def composed(tmp_path_factory):
    """The folder of the packaged image-text model, which takes many seconds to compose."""
    return bundled.image_text(tmp_path_factory.mktemp("composed")).folder


@pytest.fixture(scope="session")
def image_text(composed):
    return ImageTextEncoder(image_text_settings(model=str(composed)))


@pytest.fixture
def clean(monkeypatch, write_params):
    """Run the clean stage, in this process, on a catalog of the given listings; return its products.parquet."""

    def run(folder, listings, ids=None):
        raw = folder / "raw"
        raw.mkdir(parents=True, exist_ok=True)
        frame = pd.DataFrame({"sample_id": ids or [f"id{number}" for number in range(len(listings))]})
        frame["catalog_content"], frame["image_link"], frame["price"] = listings, "", 1.0
        frame[:-1].to_csv(raw / "train.csv", index=False)
        frame[-1:].drop(columns="price").to_csv(raw / "test.csv", index=False)
        write_params(folder, {})
        products = folder / "products.parquet"
        paths = {"catalog": raw, "products": products, "attributes": folder / "attributes.parquet"}
        arguments = [part for name, path in paths.items() for part in (f"--{name}", str(path))]
        with monkeypatch.context() as patch:
            patch.setattr(sys, "argv", ["clean.py", *arguments])
            patch.setattr(reading, "MIN_TRAIN_ROWS", 1)  # enough to embed
            patch.chdir(folder)
            runpy.run_path(str(ROOT / "stages" / "clean.py"))["main"]()
        return products

    return run
