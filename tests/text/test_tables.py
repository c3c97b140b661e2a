"""Stage clean: the tables that it writes, and what it says."""

import csv

import pandas as pd
import pyarrow.parquet as pq
import pytest

from pricefuse.text.attributes import NAMES
from pricefuse.text.listing import MAX_CHARACTERS
from pricefuse.text.tables import ROW_GROUP_ROWS

ROWS = ROW_GROUP_ROWS + 3


@pytest.fixture(scope="module")
def clean(run_stage, write_params):
    """Run stage clean on training listings (and one test listing) in a folder; return what it printed."""

    def run(folder, listings):
        catalog = folder / "catalog"
        catalog.mkdir(parents=True)
        columns = ["sample_id", "catalog_content", "image_link", "price"]
        rows = [(f"p{row}", listing, f"images/{row}.jpg", row + 0.5) for row, listing in enumerate(listings)]
        for name, header, lines in (
            ("train", columns, rows),
            ("test", columns[:3], [("t0", "Item Name: Plum Jam", "")]),
        ):
            with (catalog / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
                csv.writer(file).writerows([header, *lines])
        write_params(folder, {})
        files = ("--products", "products.parquet", "--attributes", "attributes.parquet")
        return run_stage("clean", folder, "--catalog", "catalog", *files).stdout

    return run


@pytest.fixture(scope="module")
def written(clean, tmp_path_factory):
    folder = tmp_path_factory.mktemp("clean")
    printed = clean(folder, [f"Item Name: Plum Jam {row}\nValue: {row + 1}\nUnit: g" for row in range(ROWS)])
    return folder, printed


@pytest.mark.parametrize("name", ["products", "attributes"])
def test_tables_are_written_in_row_groups_of_bounded_size(written, name):
    with pq.ParquetFile(written[0] / f"{name}.parquet") as file:
        sizes = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
    assert sizes == [ROW_GROUP_ROWS, 4]


def test_every_product_has_its_row_in_both_tables_in_the_catalogs_order(written):
    products, attributes = (pd.read_parquet(written[0] / f"{name}.parquet") for name in ("products", "attributes"))
    ids = [f"p{row}" for row in range(ROWS)] + ["t0"]
    assert products["sample_id"].tolist() == attributes["sample_id"].tolist() == ids
    assert list(products) == ["sample_id", "split", "image_link", "price", "name", "variant_of", "text", "clip_text"]
    assert list(attributes) == ["sample_id", *NAMES]
    assert set(map(str, attributes.dtypes[1:])) == {"float32"}
    assert products["price"].dtype == "float64"
    assert products["price"].isna().tolist() == [False] * ROWS + [True]
    assert products.loc[ROWS - 1, ["name", "text"]].tolist() == ["Plum Jam 2050", "Plum Jam 2050. 2051 g"]
    assert f"{ROWS + 1:,} products" in written[1]
    assert "no value 1," in written[1]


def test_the_same_catalog_gives_the_same_bytes(clean, tmp_path):
    for folder in ("one", "two"):
        clean(tmp_path / folder, ["Item Name: Plum Jam"] * 12)
    for name in ("products.parquet", "attributes.parquet"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_listings_that_were_cut_are_counted_and_the_first_is_named(clean, tmp_path):
    long = "Product Description: " + "word " * (MAX_CHARACTERS // 5)
    printed = clean(tmp_path, ["Item Name: Plum Jam", long, long, *["Item Name: Rye Bread"] * 9])
    assert "2 listings were longer than 200,000 characters and were cut, first sample_id p1" in printed


def test_a_catalog_without_labels_is_told_what_labels_would_give(clean, tmp_path):
    printed = clean(tmp_path / "free", ["Plum Jam, 12 oz", "Rye Bread, 1 lb"] * 6)
    assert "hint: 12 of 13 products have no item name. If your catalog has columns for name, bullets" in printed
    assert "name them in catalog/columns.yaml (README: Your own catalog)" in printed
    assert "hint" not in clean(tmp_path / "labeled", ["Item Name: Plum Jam", "Item Name: Rye Bread"] * 6)


def test_a_catalog_that_has_no_embeddings_yet_is_told_what_comes_next(clean, written, tmp_path):
    assert f"Next: images and embeddings of {ROWS + 1:,} products" in written[1]
    assert "Next:" not in clean(tmp_path, ["Item Name: Plum Jam"] * 12)
