"""A catalog that enters its products twice: however they are entered, both are in one fold."""

import io
import json
from random import Random

import pandas as pd
import pytest
from demo_catalog import can_be_seen
from made_embeddings import write_embeddings, write_image_hashes
from PIL import Image, ImageOps

from pricefuse.demo.catalog import write_demo
from pricefuse.features.matrix import Features
from pricefuse.text.cleaning import clean_listing
from pricefuse.text.listing import parse
from pricefuse.text.prepare import encoder_text, without_sizes

pytestmark = pytest.mark.slow

PRODUCTS, PRICED = 75, 20
FUSED = ("--train-out", "fused/train", "--test-out", "fused/test", "--card", "fused/folds.json")


@pytest.fixture(scope="module")
def products(tmp_path_factory):
    """Return different products of the demo catalog: free text without labels, a picture, and a price."""
    folder = tmp_path_factory.mktemp("demo") / "demo"
    write_demo(folder, train_products=300, test_products=20, noise_sd=0.2, seed=3)
    table = pd.read_csv(folder / "train.csv", keep_default_na=False)
    listings = [clean_listing(parse(content)) for content in table["catalog_content"]]
    table["text"] = [encoder_text(listing, labels=False) for listing in listings]
    table["product"] = [without_sizes(listing.name) for listing in listings]
    there = [can_be_seen(folder, link) for link in table["image_link"]]
    table = table[there].drop_duplicates("product").drop_duplicates("image_link").head(PRODUCTS + PRICED)
    assert len(table) == PRODUCTS + PRICED
    return table.assign(image=[(folder / link).read_bytes() for link in table["image_link"]])


def saved_again(image):
    """Return the picture at half its size and low quality."""
    with Image.open(io.BytesIO(image)) as picture:
        return jpeg(picture.resize((picture.width // 2, picture.height // 2)))


def upside_down(image):
    with Image.open(io.BytesIO(image)) as picture:
        return jpeg(ImageOps.flip(picture))


def jpeg(picture):
    file = io.BytesIO()
    picture.convert("RGB").save(file, "JPEG", quality=50)
    return file.getvalue()


def entered(products, *, reword, picture=None):
    """Return training rows in random order, every product twice, and the rest as rows to be priced."""
    rng = Random(0)
    first = products.head(PRODUCTS)
    again = first.assign(price=[round(price * rng.uniform(0.97, 1.03), 2) for price in first["price"]])
    if reword:
        again["text"] = [f"Offer {row}: {text[::-1]}" for row, text in enumerate(again["text"])]
    if picture:
        again["image"] = again["image"].map(picture)
    train = pd.concat([first, again]).sample(frac=1, random_state=0)
    whole = pd.concat([train, products.tail(PRICED)])
    return whole.assign(sample_id=[f"p{row}" for row in range(len(whole))])


@pytest.fixture
def fused(run_stage, write_params, tmp_path):
    """Return a function that takes rows through clean and fuse: the training features, the card, what was printed."""

    def run(rows):
        catalog = tmp_path / "catalog"
        (catalog / "images").mkdir(parents=True)
        for sample_id, image in zip(rows["sample_id"], rows["image"], strict=True):
            (catalog / "images" / f"{sample_id}.jpg").write_bytes(image)
        columns = {"sample_id": rows["sample_id"], "catalog_content": rows["text"]}
        table = pd.DataFrame(columns | {"image_link": "images/" + rows["sample_id"] + ".jpg", "price": rows["price"]})
        table[:-PRICED].to_csv(catalog / "train.csv", index=False)
        table[-PRICED:].drop(columns="price").to_csv(catalog / "test.csv", index=False)
        write_params(tmp_path, {"fuse.ngram_bits": 10})
        files = ("--products", "products.parquet", "--attributes", "attributes.parquet")
        run_stage("clean", tmp_path, "--catalog", "catalog", *files)
        texts = pd.read_parquet(tmp_path / "products.parquet")["text"]
        write_embeddings(tmp_path / "embeddings", rows["sample_id"].tolist(), texts.tolist(), rows["image"].tolist())
        write_image_hashes(tmp_path / "hashes.parquet", rows["sample_id"].tolist(), rows["image"].tolist())
        printed = run_stage(
            "fuse", tmp_path, *files, "--images", "hashes.parquet", "--embeddings", "embeddings", *FUSED
        ).stdout
        return Features.load(tmp_path / "fused/train"), json.loads((tmp_path / "fused/folds.json").read_text()), printed

    return run


@pytest.mark.parametrize(
    ("reword", "picture", "reasons"),
    [
        (False, None, {"picture": 150, "text without a name": 150}),
        (True, None, {"picture": 150, "text without a name": 0}),
        (True, saved_again, {"picture": 150, "text without a name": 0}),
        (False, upside_down, {"picture": 0, "text without a name": 150}),
    ],
    ids=["same text and picture", "same picture", "picture saved again", "same text"],
)
def test_a_product_that_is_entered_twice_is_one_group(fused, products, reword, picture, reasons):
    rows = entered(products, reword=reword, picture=picture)
    train, card, printed = fused(rows)
    assert card["groups"] == PRODUCTS
    assert {reason: card["rows_by_reason"][reason] for reason in reasons} == reasons
    assert "150 training rows in 75 product groups" in printed
    assert f"picture {reasons['picture']:,}" in printed
    assert card["look_alikes_across_folds"] == 0
    product = rows["product"].head(len(train)).to_numpy()
    assert train.index.groupby(product)["fold"].nunique().max() == 1
    assert train.index.groupby(product)["group"].nunique().max() == 1


def test_constant_attributes_are_left_out_and_named(fused, products):
    train, _, printed = fused(entered(products, reword=False))
    (block,) = (block for block in train.blocks if block.name == "attributes")
    assert block.width == len(train.attributes)
    assert "name_characters" not in train.attributes  # free text has no name
    assert "attributes left out, alike in all training rows: " in printed
    assert "name_characters" in printed
