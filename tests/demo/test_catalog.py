"""The written demo catalog: its files, its images and its best reachable scores."""

import math
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
import pytest
from demo_catalog import ARGUMENTS, can_be_seen, files_of, opened

from pricefuse.demo.best_reachable import expected_smape, row_smape
from pricefuse.demo.catalog import write_demo
from pricefuse.demo.listing_text import LONG_TEXT_WORDS
from pricefuse.demo.product import Tier
from pricefuse.errors import InputError


def test_tables_have_the_columns_of_the_challenge(demo):
    folder, _ = demo
    train, test = (pd.read_csv(folder / name) for name in ("train.csv", "test.csv"))
    assert list(train) == ["sample_id", "catalog_content", "image_link", "price"]
    assert list(test) == ["sample_id", "catalog_content", "image_link"]
    assert (len(train), len(test)) == (60, 15)


def test_sample_ids_are_unique_over_both_tables_and_in_no_order(rows):
    assert rows["sample_id"].is_unique
    assert not rows["sample_id"].is_monotonic_increasing


def test_folder_holds_the_tables_and_the_linked_images_only(demo, rows):
    folder, _ = demo
    assert {path.as_posix() for path in files_of(folder)} <= {"train.csv", "test.csv", *rows["image_link"]}
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_same_arguments_give_the_same_bytes(demo, tmp_path):
    folder, facts = demo
    assert write_demo(tmp_path / "again", **ARGUMENTS) == facts
    assert files_of(tmp_path / "again") == files_of(folder)


def test_another_seed_gives_another_catalog(demo, tmp_path):
    folder, _ = demo
    write_demo(tmp_path / "other", **ARGUMENTS | {"seed": 6})
    assert (tmp_path / "other/train.csv").read_bytes() != (folder / "train.csv").read_bytes()


def test_an_older_demo_catalog_is_replaced_as_a_whole(tmp_path):
    folder = tmp_path / "demo"
    (folder / "images").mkdir(parents=True)
    stray = folder / "images/stray.jpg"
    stray.touch()
    write_demo(folder, train_products=20, test_products=1, noise_sd=0.2, seed=0)
    assert not stray.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["demo"]


def test_a_failed_run_leaves_the_older_catalog_as_it_was(demo, tmp_path, monkeypatch):
    folder = tmp_path / "demo"
    write_demo(folder, train_products=20, test_products=1, noise_sd=0.2, seed=0)
    before = files_of(folder)
    monkeypatch.setattr("pricefuse.demo.catalog.encode_photo", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_demo(folder, train_products=20, test_products=1, noise_sd=0.2, seed=1)
    assert files_of(folder) == before
    assert [path.name for path in tmp_path.iterdir()] == ["demo"]


def test_a_folder_with_other_files_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(InputError, match=r"thesis\.txt.*name another folder"):
        write_demo(tmp_path, **ARGUMENTS)
    assert (tmp_path / "thesis.txt").exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [("train_products", 19), ("test_products", 0), ("noise_sd", -0.1), ("noise_sd", math.nan), ("noise_sd", math.inf)],
)
def test_an_argument_out_of_range_is_named(tmp_path, name, value):
    with pytest.raises(InputError, match=name):
        write_demo(tmp_path / "demo", **ARGUMENTS | {name: value})


def test_families_spread_over_train_and_test(demo):
    folder, _ = demo
    train, test = (set(pd.read_csv(folder / name)["image_link"].dropna()) for name in ("train.csv", "test.csv"))
    assert train & test


def test_one_listing_is_very_long(rows):
    assert (rows["catalog_content"].str.split().str.len() > LONG_TEXT_WORDS).sum() == 1


def test_every_odd_image_is_present(demo, rows):
    folder, _ = demo
    links = [link for link in rows["image_link"] if not link.startswith("http")]
    files = [folder / link for link in links if link]
    heads = [path.read_bytes()[:9] if path.exists() else None for path in files]
    assert "" in links
    assert {None, b"", b"<!DOCTYPE"} <= set(heads)
    assert {opened(path).mode for path in files if can_be_seen(folder, path)} == {"RGB", "RGBA", "CMYK"}
    jpegs = [path for path, head in zip(files, heads, strict=True) if head and head.startswith(b"\xff\xd8")]
    assert not all(can_be_seen(folder, path) for path in jpegs)


def test_the_dead_link_is_under_the_reserved_domain(rows):
    (dead,) = [link for link in rows["image_link"] if link.startswith("http")]
    assert urlsplit(dead).hostname.endswith(".invalid")


def test_photos_are_small(demo):
    folder, _ = demo
    sizes = [len(data) for path, data in files_of(folder).items() if path.suffix == ".jpg"]
    assert np.mean(sizes) < 16_000
    assert max(sizes) < 40_000


def test_facts_say_that_the_catalog_is_synthetic(demo):
    _, facts = demo
    assert facts["note"] == "synthetic"
    assert facts["products"] == 75
    assert facts["noise_sd"] == 0.2


def test_floors_are_in_order(demo):
    _, facts = demo
    assert facts["best_smape_expected"] < facts["best_smape_without_images"] < facts["median_smape"]
    assert abs(facts["best_smape_realized"] - facts["best_smape_expected"]) < 5


def test_without_noise_only_an_unseen_tier_costs_anything(tmp_path):
    facts = write_demo(tmp_path / "demo", train_products=30, test_products=5, noise_sd=0.0, seed=3)
    # The best guess is then the middle tier: an unseen kraft or gold package costs the distance of 0.3.
    misses = facts["best_smape_realized"] * 30 / float(row_smape(Tier.GOLD.value))
    assert misses == pytest.approx(round(misses), abs=0.05)
    assert 0 < misses < 8


def test_expected_floor_counts_exactly_the_rows_whose_picture_cannot_be_seen(demo):
    folder, facts = demo
    links = pd.read_csv(folder / "train.csv", keep_default_na=False)["image_link"]
    seen = [can_be_seen(folder, link) for link in links]
    floor = np.where(seen, expected_smape(0, 0.2), facts["best_smape_without_images"]).mean()
    assert not all(seen)
    assert facts["best_smape_expected"] == pytest.approx(floor, abs=1e-3)
