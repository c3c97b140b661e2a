"""A small price model with the packaged encoders, trained on demo products by the real functions."""

import shutil

from pricefuse.pipeline.yaml_loader import load_yaml

import pandas as pd
from encoder_settings import image_text_settings, text_settings
from member_settings import SETTINGS, TRAIN
from paths import ROOT

from pricefuse.catalog import read_catalog
from pricefuse.demo.catalog import write_demo
from pricefuse.download.local_files import LocalImages
from pricefuse.download.settings import DownloadSettings
from pricefuse.encoders import bundled
from pricefuse.encoders.image_text_encoder import ImageTextEncoder
from pricefuse.encoders.text_encoder import TextEncoder
from pricefuse.features.matrix import Block, Features
from pricefuse.features.settings import FuseSettings
from pricefuse.models import price_model, storage
from pricefuse.models.neighbors import Neighbors
from pricefuse.pricer.encoders import Encoders
from pricefuse.pricer.feature_rows import FeatureRows
from pricefuse.pricer.products import Pictures, Products
from pricefuse.text.attributes import NAMES
from pricefuse.text.settings import CleanSettings
from pricefuse.training.cross_fit import cross_fit
from pricefuse.training.ensemble_fit import fit_ensemble
from pricefuse.training.interval_fit import fit_intervals

PARAMS = load_yaml(ROOT / "params.yaml")
BITS = 12
TRAINED, NEW = 90, 30


def make_bundle(folder):
    """Write a demo catalog into `folder`/catalog and a price model into `folder`/model.

    The text encoder is a folder, `folder`/minilm, and the image-text encoder a package.
    """
    asked = text_settings(model=str(shutil.copytree(bundled.minilm().folder, folder / "minilm")))
    catalog = folder / "catalog"
    write_demo(catalog, train_products=TRAINED, test_products=NEW, noise_sd=0.2, seed=3)
    train = read_catalog(catalog).query("split == 'train'")
    sections = {
        "clean": PARAMS["clean"], "download": PARAMS["download"], "fuse": PARAMS["fuse"] | {"ngram_bits": BITS},
        "embed_gemma": asked.model_dump(mode="json"),
        "embed_clip": image_text_settings().model_dump(mode="json"),
    }  # fmt: skip
    encoders = Encoders(TextEncoder(asked), ImageTextEncoder(image_text_settings()))
    features = featurize(train, catalog, sections, encoders)

    log_prices, folders = {}, {}
    for member in ("lexical", "boosted"):
        fit = cross_fit(features, member, SETTINGS[member], TRAIN)
        log_prices[member] = fit.log_prices
        folders[member] = {name: folder / "fits" / member / name for name in fit.models}
        for name, model in fit.models.items():
            storage.save(folders[member][name], model)
    ensemble, table = fit_ensemble(log_prices, features.index, spread=True)
    intervals, _ = fit_intervals(features, log_prices, table, 0)
    cards = {"gemma": encoders.text.describe(), "clip": encoders.image_text.describe()}
    price_model.write(
        folder / "model", folders, ensemble, intervals, features, neighbors=Neighbors.of(features, 42),
        recipe=sections, provenance={"catalog": "demo", "encoders": cards},
    )  # fmt: skip
    (folder / "model/README.md").write_text("# The card\n")
    return folder


def featurize(train, catalog, sections, encoders):
    """Return the features of the training products, made one at a time as those of new products are."""
    dimension = encoders.text.dimension
    widths = {"gemma": dimension, "clip_image": dimension, "image_mask": 1, "attributes": len(NAMES)}
    blocks, stop = [], 0
    for name, width in widths.items():
        blocks.append(Block(name, stop, stop + width, ""))
        stop += width
    settings = CleanSettings(**sections["clean"]), FuseSettings.model_validate(sections["fuse"])
    rows = FeatureRows((*blocks, Block("ngrams", 0, 3 << BITS, "")), NAMES, *settings, encoders)
    products = Products.of(train[["sample_id", "catalog_content", "image_link"]])
    download = DownloadSettings.model_validate(sections["download"])
    pictures = Pictures(products, LocalImages(catalog), download, fetch=False).read(range(len(products)))
    prepared = [rows.prepared(content) for content in products.contents]
    single = [rows.of(text, pictures.get(at)) for at, text in enumerate(prepared)]
    index = pd.DataFrame(
        {
            "sample_id": products.sample_ids,
            "price": train["price"].to_numpy(),
            "group": range(len(train)),
            "fold": [at % 2 for at in range(len(train))],
            "name": [text.name or text.text[:50] for text in prepared],
        }
    )
    matrix = pd.concat([pd.DataFrame(each.matrix) for each in single]).to_numpy()
    ngrams = rows.ngrams([text.name for text in prepared], [text.text for text in prepared])
    return Features(matrix, single[0].blocks, index, ngrams, rows.attributes)
