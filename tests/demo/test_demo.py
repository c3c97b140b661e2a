import html
import math
import re
from collections import defaultdict
from dataclasses import replace
from io import BytesIO
from random import Random
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
import pytest
from PIL import Image, UnidentifiedImageError

from pricefuse.demo import write_demo
from pricefuse.demo.assortment import BRANDS, CATEGORIES, CLAIMS, UNITS
from pricefuse.demo.floor import best_without_tier, expected_smape, row_smape
from pricefuse.demo.listing import LONG_TEXT_WORDS, write_listing
from pricefuse.demo.photo import Condition, encode_photo, odd_conditions
from pricefuse.demo.picture import on_ground, render
from pricefuse.demo.product import Product, Tier, draw_products
from pricefuse.errors import InputError

ARGUMENTS = {"train_products": 60, "test_products": 15, "noise_sd": 0.2, "seed": 5}


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("catalog") / "demo"
    facts = write_demo(folder, **ARGUMENTS)
    return folder, facts


@pytest.fixture(scope="module")
def rows(demo):
    folder, _ = demo
    tables = [pd.read_csv(folder / name, keep_default_na=False) for name in ("train.csv", "test.csv")]
    return pd.concat(tables, ignore_index=True)


@pytest.fixture(scope="module")
def products():
    return draw_products(1500, singles=15, rng=Random(1))


@pytest.fixture(scope="module")
def texts(products):
    return [listing_of(product, row) for row, product in enumerate(products)]


def listing_of(product, row=0, **options):
    return write_listing(product, title_rng=Random(f"title {product.family}"), rng=Random(row), **options)


def name_of(text):
    return text.splitlines()[0].removeprefix("Item Name: ")


def content(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def opened(path):
    with Image.open(path) as image:
        image.load()
        return image


def can_be_seen(folder, link):
    try:
        opened(folder / link)
    except OSError:
        return False
    return True


def photo_of(product, number=0):
    camera = Random(number)
    return on_ground(render(product, design_rng=Random(number), camera_rng=camera), camera)


def told_quantity(product: Product, text: str) -> tuple[float, int]:
    """Total and pack as a reader of the text finds them."""
    scales = {unit.spelling: unit.scale for unit in UNITS[product.category.measure]}
    pack = re.search(r"Pack of (\d+)|(\d+) Pack\b|-- (\d+) per case", name_of(text))
    count = int(next(filter(None, pack.groups()))) if pack else 1
    value, unit = re.search(r"^Value: ([\d.]+)$", text, re.MULTILINE), re.search(r"^Unit: (.+)$", text, re.MULTILINE)
    if value and float(value[1]) > 0 and unit[1] in scales:
        return float(value[1]) / scales[unit[1]], count
    spelled = "|".join(sorted(map(re.escape, scales), key=len, reverse=True))
    size = re.search(rf"([\d.]+) ?({spelled})(?![A-Za-z])", name_of(text))
    return float(size[1]) / scales[size[2]] * count, count


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
    assert {path.as_posix() for path in content(folder)} <= {"train.csv", "test.csv", *rows["image_link"]}
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_same_arguments_give_the_same_bytes(demo, tmp_path):
    folder, facts = demo
    assert write_demo(tmp_path / "again", **ARGUMENTS) == facts
    assert content(tmp_path / "again") == content(folder)


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
    before = content(folder)
    monkeypatch.setattr("pricefuse.demo.catalog.encode_photo", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_demo(folder, train_products=20, test_products=1, noise_sd=0.2, seed=1)
    assert content(folder) == before
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


def test_more_products_than_the_assortment_has_are_refused():
    with pytest.raises(InputError, match="ask for fewer"):
        draw_products(10**6, singles=0, rng=Random(0))


def test_variants_share_image_or_name_and_differ_in_quantity(products):
    families = defaultdict(list)
    for product in products:
        families[product.family].append(product)
    shared = [family for family in families.values() if len(family) > 1]
    assert len(shared) > 200
    for family in shared:
        assert len({(product.size, product.pack) for product in family}) == len(family)
        assert len({(product.brand, product.variety, product.claims, product.tier) for product in family}) == 1


def test_families_spread_over_train_and_test(demo):
    folder, _ = demo
    train, test = (set(pd.read_csv(folder / name)["image_link"].dropna()) for name in ("train.csv", "test.csv"))
    assert train & test


def test_variants_without_a_size_in_their_name_share_the_name(products, texts):
    names = defaultdict(set)
    for product, text in zip(products, texts, strict=True):
        if not product.sized_name:
            names[product.family].add(name_of(text))
    assert all(len(shared) == 1 for shared in names.values())


def test_the_text_tells_total_quantity_and_pack_of_every_product(products, texts):
    for product, text in zip(products, texts, strict=True):
        total, pack = told_quantity(product, text)
        assert pack == product.pack, text
        assert total == pytest.approx(product.total, rel=2e-3), text


def test_value_is_the_total_over_the_pack():
    product = next(p for p in draw_products(500, singles=0, rng=Random(2)) if p.pack == 6 and p.size == 12)
    listings = [listing_of(product, row) for row in range(40)]
    assert any("Value: 72.0\nUnit: Ounce\n" in text and "12 Ounce (Pack of 6)" in text for text in listings)


def test_the_text_tells_brand_variety_noun_and_exactly_the_claims_that_hold(products, texts):
    for product, text in zip(products, texts, strict=True):
        name = html.unescape(name_of(text)).lower()
        for words in (product.brand.name, product.variety, product.category.noun):
            assert words.lower() in name
        told = {claim for claim in CLAIMS if claim.words.lower() in text.lower()}
        assert told == set(product.claims), text


def test_the_text_tells_nothing_of_the_tier(products):
    for row, product in enumerate(products[:200]):
        assert len({listing_of(replace(product, tier=tier), row) for tier in Tier}) == 1


@pytest.mark.parametrize(
    "mess",
    [
        r"<(p|br|ul|li|b|div)",
        r"&(amp|nbsp|#x27);",
        "[\U0001f300-\U0001faff\u2600-\u27bf]",  # emoji
        "[\U0001d5d4-\U0001d5ed]",  # mathematical bold letters
        "\u2019",
        "\u00e2\u20ac\u2122",  # a curly apostrophe decoded wrongly
        "ö|É|ñ",
        "^Value: nan$",
        "^Value: None$",
        r"^Value: 0\.0$",
        r"^Value: [1-9].*\nUnit: None$",
        "^Unit: (per|comes|product_weight)$",
        "^Bullet Point: ",
        "^Bullet Point 6: ",
        "^Product Description: .*\n.*\n(Value|Unit)",
        r"^Item Name: .*\nValue",
        r"\(Pack of \d+\)\n",
    ],
)
def test_the_mess_of_a_real_catalog_is_present_but_not_the_rule(texts, mess):
    share = np.mean([re.search(mess, text, re.MULTILINE) is not None for text in texts])
    assert 0 < share < 0.5


def test_some_listings_lack_the_value_line_or_both_lines(texts):
    assert any("\nValue:" not in text and "\nUnit:" in text for text in texts)
    assert any("\nValue:" not in text and "\nUnit:" not in text for text in texts)


def test_every_unit_spelling_is_met(texts):
    met = {line.removeprefix("Unit: ") for text in texts for line in text.splitlines() if line.startswith("Unit: ")}
    assert met >= {unit.spelling for units in UNITS.values() for unit in units}


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


def test_a_truncated_photo_shows_nothing_even_to_a_tolerant_decoder(products, monkeypatch):
    monkeypatch.setattr("PIL.ImageFile.LOAD_TRUNCATED_IMAGES", True)
    package = render(products[0], design_rng=Random(0), camera_rng=Random(0))
    cut = encode_photo(package, Condition.TRUNCATED, Random(0))
    lower_half = np.asarray(Image.open(BytesIO(cut)))[128:]
    assert (lower_half == lower_half[0, 0]).all()


def test_an_error_page_is_no_image(products):
    package = render(products[0], design_rng=Random(0), camera_rng=Random(0))
    with pytest.raises(UnidentifiedImageError):
        Image.open(BytesIO(encode_photo(package, Condition.WEB_PAGE, Random(0))))


def test_photos_are_small(demo):
    folder, _ = demo
    sizes = [len(data) for path, data in content(folder).items() if path.suffix == ".jpg"]
    assert np.mean(sizes) < 16_000
    assert max(sizes) < 40_000


@pytest.mark.parametrize("category", CATEGORIES, ids=lambda category: category.noun)
def test_the_picture_tells_the_tier(products, category):
    product = next(item for item in products if item.category is category)
    kraft, coloured, gold = (
        np.asarray(photo_of(replace(product, tier=tier)).convert("HSV"))[90:220, 90:166].reshape(-1, 3).mean(0)
        for tier in (Tier.KRAFT, Tier.COLOURED, Tier.GOLD)
    )
    assert gold[2] + 40 < min(kraft[2], coloured[2])  # black is darker
    assert 10 < kraft[0] < 60  # brown paper is orange of a middling lightness
    assert kraft[2] + 15 < coloured[2]


def test_the_same_product_is_drawn_alike_but_not_framed_alike(products):
    one, two = (np.asarray(render(products[0], design_rng=Random(0), camera_rng=Random(n))) for n in (1, 2))
    assert one.shape == two.shape == (256, 256, 4)
    assert (one != two).any()


def test_a_tier_changes_the_price_by_its_effect_alone(products):
    kraft, gold = (replace(products[0], tier=tier).log_price for tier in (Tier.KRAFT, Tier.GOLD))
    assert gold - kraft == pytest.approx(0.6)


def test_without_noise_only_an_unseen_tier_costs_anything(tmp_path):
    facts = write_demo(tmp_path / "demo", train_products=30, test_products=5, noise_sd=0.0, seed=3)
    # The best guess is then the middle tier: an unseen kraft or gold package costs the distance of 0.3.
    misses = facts["best_smape_realised"] * 30 / float(row_smape(Tier.GOLD.value))
    assert misses == pytest.approx(round(misses), abs=0.05)
    assert 0 < misses < 8


def test_prices_are_plausible_for_a_grocery(products):
    noise = np.random.default_rng(0).normal(0, 0.2, len(products))
    prices = np.exp([product.log_price for product in products] + noise)
    assert 12 < np.median(prices) < 17
    assert prices.min() > 0.7
    assert prices.max() < 250
    assert np.percentile(prices, 99) < 120


def test_brands_differ_in_quality_and_are_few():
    assert len({brand.name for brand in BRANDS}) == 8
    assert np.std([brand.quality for brand in BRANDS]) > 0.2


def test_row_smape_is_the_challenge_formula():
    predicted, actual = np.array([3.0, 20.0, 7.0]), np.array([4.0, 5.0, 7.0])
    challenge = 100 * np.abs(predicted - actual) / ((predicted + actual) / 2)
    assert row_smape(np.log(predicted / actual)) == pytest.approx(challenge)


@pytest.mark.parametrize(("offset", "noise_sd"), [(0.0, 0.2), (0.45, 0.2), (-0.3, 1.5), (0.4, 0.01), (0.0, 0.0)])
def test_expected_smape_agrees_with_simulation(offset, noise_sd):
    noise = np.random.default_rng(0).normal(0, noise_sd, 400_000)
    assert expected_smape(offset, noise_sd) == pytest.approx(row_smape(offset + noise).mean(), rel=0.005)


def test_no_guess_of_the_tier_beats_the_best(products):
    guess, best = best_without_tier(0.2)
    assert Tier.KRAFT.value <= guess <= Tier.GOLD.value
    losses = [np.mean([expected_smape(g - tier.value, 0.2) for tier in Tier]) for g in np.linspace(-1, 1, 41)]
    assert best <= min(losses) + 1e-9


def test_expected_floor_counts_exactly_the_rows_whose_picture_cannot_be_seen(demo):
    folder, facts = demo
    links = pd.read_csv(folder / "train.csv", keep_default_na=False)["image_link"]
    seen = [can_be_seen(folder, link) for link in links]
    floor = np.where(seen, expected_smape(0, 0.2), facts["best_smape_without_images"]).mean()
    assert not all(seen)
    assert facts["best_smape_expected"] == pytest.approx(floor, abs=1e-3)


def test_floors_are_in_order(demo):
    _, facts = demo
    assert facts["best_smape_expected"] < facts["best_smape_without_images"] < facts["median_smape"]
    assert abs(facts["best_smape_realised"] - facts["best_smape_expected"]) < 5


def test_facts_say_that_the_catalog_is_synthetic(demo):
    _, facts = demo
    assert facts["note"] == "synthetic"
    assert facts["products"] == 75
    assert facts["noise_sd"] == 0.2


def test_each_odd_condition_is_met_in_a_catalog_of_any_size():
    assert set(odd_conditions(21)) == set(Condition) - {Condition.SOUND}
    assert len(odd_conditions(1500)) > len(odd_conditions(21))
