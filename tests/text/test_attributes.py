import math
import time

import numpy as np
import pytest
from attribute_cases import CASES
from hypothesis import given, settings
from hypothesis import strategies as st

from pricefuse.text import attributes, quantities, units
from pricefuse.text.cleaning import clean_listing
from pricefuse.text.listing import Listing, parse
from pricefuse.text.numbers import number

HOSTILE = (
    "1" * 100_000,
    "pack " * 20_000,
    "(" * 50_000,
    "1 x " * 10_000,
    "1/2 " * 10_000,
    "1," * 30_000,
    "9 aa bb " * 5_000,
    "12 oz " * 6_000,
    "1 lb 2 oz x 3 " * 3_000,
    "case of " * 5_000,
    "dozen " * 6_000,
    "by A " * 8_000,
)


def expected(logarithm):
    return None if math.isnan(logarithm) else pytest.approx(math.exp(logarithm), rel=1e-9)


def one(title, **fields):
    return attributes.extract(clean_listing(Listing(name=title, **fields)))


@pytest.mark.parametrize(("name", "value", "unit", "dimension", "total", "packs", "size"), CASES)
def test_a_listing_reads_as_a_person_reads_it(name, value, unit, dimension, total, packs, size):
    found = one(name, value=value, unit=unit)

    assert [key for key in found if key.startswith("is_") and found[key]] == [f"is_{dimension}"]
    assert units.lookup(unit).factor * number(value) == pytest.approx(total or math.nan, nan_ok=True)
    totals = {"mass": "grams", "volume": "milliliters", "count": "pieces"}
    stated = {key: found[key] for key in totals.values() if not math.isnan(found[key])}
    in_base_units = total is not None and dimension in totals
    assert stated == ({totals[dimension]: pytest.approx(math.log(total))} if in_base_units else {})
    assert packs == expected(found["packs"])
    assert size == expected(np.nanmax([-np.inf, found["size_grams"], found["size_milliliters"]]) if size else math.nan)
    assert (size is None) == (math.isnan(found["size_grams"]) and math.isnan(found["size_milliliters"]))


def test_the_table_of_cases_is_large_and_has_no_row_twice():
    assert len(CASES) >= 150
    assert len(set(CASES)) == len(CASES)


def test_a_total_that_agrees_with_the_title_has_a_log_ratio_of_zero():
    assert one("Plum Jam, 12 Ounce (Pack of 6)", value="72.0", unit="Ounce")["value_over_size"] == pytest.approx(0)
    single = one("Plum Jam, 12 Ounce (Pack of 6)", value="12.0", unit="Ounce")["value_over_size"]
    assert single == pytest.approx(-math.log(6))


def test_an_item_of_a_pack_has_its_share_of_the_total():
    found = one("Plum Jam (Pack of 6)", value="600", unit="g")
    assert math.exp(found["per_item"]) == pytest.approx(100)


def test_the_amount_falls_back_on_the_title_where_the_value_counts_packs():
    found = one("Plum Jam 500 g (Pack of 3)", value="3.0", unit="Count")
    assert math.exp(found["amount"]) == pytest.approx(1500)


@pytest.mark.parametrize(
    ("title", "value", "unit", "total"),
    [
        ("Plum Jam 500 g (Pack of 3)", "1500", "g", 1500),
        ("Plum Jam 500 g (Pack of 3)", "None", "None", 1500),
        ("Plum Jam 500 g (Pack of 3)", "1.0", "product_weight", 1500),
        ("Plum Jam 500 g", "0.0", "Ounce", 500),
        ("Chamomile 20 tea bags (Pack of 4)", "nan", "None", 80),
        ("Chamomile 20 tea bags", "20.0", "Count", 20),
        ("Plum Jam", "12.0", "per", None),
    ],
)
def test_the_total_is_read_in_the_title_where_value_and_unit_do_not_tell(title, value, unit, total):
    assert total == expected(one(title, value=value, unit=unit)["total"])


@pytest.mark.parametrize(
    ("title", "pieces"),
    [
        ("Chamomile 20 tea bags", 20),
        ("Espresso, 10 Aurora K-Cup Pods", 10),
        ("Rolls, 2 dozen", 24),
        ("Box of 50 Cigars", 50),
        ("Gum, 45 per pack, 36 packs per case", 45),
        ("Double Chocolate Cookie", None),
        ("Niacin 5000 mcg Tablets", None),
        ("Bars, 12 oz bar", None),
    ],
)
def test_pieces_are_read_from_titles(title, pieces):
    assert quantities.pieces(title) == pieces


def test_a_claim_counts_fully_in_the_name_and_by_half_elsewhere():
    found = one("Organic Gluten-Free Rusks", bullets=("VEGAN and organic.",), description="Non GMO")
    assert (found["organic"], found["gluten_free"], found["vegan"], found["non_gmo"]) == (1, 1, 0.5, 0.5)
    assert found["kosher"] == 0


def test_a_claim_is_a_whole_word():
    found = one("Freshwater Inorganic Kitsch Settler, Genuine")
    assert [found[claim] for claim in ("fresh", "organic", "set", "mini")] == [0, 0, 0, 0]


def test_the_shape_of_the_text_is_measured_after_cleaning():
    found = one("<b>AB</b> cd, 42", description="<p></p>", bullets=("BOLD: text", "<br>"))
    assert math.expm1(found["name_characters"]) == pytest.approx(len("AB cd, 42"))
    assert math.expm1(found["bullets"]) == pytest.approx(1)
    assert math.expm1(found["headed_bullets"]) == pytest.approx(1)
    assert found["has_description"] == 0
    assert found["capitals"] == 0.5


def test_a_size_that_only_a_bullet_states_is_kept_apart():
    found = one("Plum Jam", bullets=("Tasty", "Net weight 500 g"))
    assert math.exp(found["bullet_size"]) == pytest.approx(500)
    assert math.isnan(found["size_grams"])


def test_dimensions_are_a_longest_side_an_area_and_a_volume():
    found = one("Shelf W 60 x D 40 x H 200 cm")
    assert [math.exp(found[name]) for name in ("longest_side", "area", "volume")] == pytest.approx([2, 1.2, 0.48])
    flat = one("Topper 90x200 cm")
    assert math.exp(flat["area"]) == pytest.approx(1.8)
    assert math.isnan(flat["volume"])


def test_dimensions_are_read_in_prose_too_but_a_length_alone_is_not():
    assert math.exp(one("Shelf", bullets=("Size: 60 x 40 cm",))["area"]) == pytest.approx(0.24)
    assert math.isnan(one("Shelf", bullets=("Screws of 2 cm",))["longest_side"])
    assert math.exp(one("Plate, 12 cm", bullets=("Box: 20 x 20 cm",))["longest_side"]) == pytest.approx(0.2)


def test_value_and_unit_may_state_a_length_or_an_area():
    assert math.exp(one("Twine", value="3", unit="feet")["longest_side"]) == pytest.approx(0.9144)
    assert math.exp(one("Foil", value="2", unit="square meters")["area"]) == pytest.approx(2)


def test_a_listing_without_a_name_states_its_quantities_at_its_beginning():
    found = attributes.extract(Listing(rest="Topper for beds, 90x200 cm, 2 kg, pack of 2"))
    assert math.exp(found["size_grams"]) == pytest.approx(2000)
    assert math.exp(found["packs"]) == pytest.approx(2)
    assert math.exp(found["longest_side"]) == pytest.approx(2)
    assert math.isnan(attributes.extract(Listing(rest="word " * 100 + "2 kg"))["size_grams"])


@given(st.builds(Listing, name=st.text(), value=st.text(), unit=st.text(), description=st.text()))
@settings(max_examples=100)
def test_any_text_gives_every_attribute_finite_or_missing(content):
    found = attributes.extract(clean_listing(content))
    assert tuple(found) == attributes.NAMES
    assert not np.isinf(list(found.values())).any()


PARTS = [
    "12", "1/2", "oz", "lb", "x", "\N{MULTIPLICATION SIGN}", "of", "pack", "case", "(", ")", ",", ".", "-", "/",
    "dozen", "twin", "f\N{LATIN SMALL LETTER DOTLESS I}ve", "\N{LATIN SMALL LETTER LONG S}ix", "½", "ml", "g", "0",
    "999999", "per", "count", "%",
]  # fmt: skip


@given(st.lists(st.sampled_from(PARTS), max_size=12).map(" ".join), st.sampled_from(["Ounce", "Fl Oz", "Count", ""]))
@settings(max_examples=300)
def test_any_mixture_of_quantity_words_stays_finite_and_bounded(title, unit):
    found = one(title, value=title, unit=unit)
    values = np.array(list(found.values()))
    assert (np.abs(values[~np.isnan(values)]) < 40).all()


@pytest.mark.parametrize(
    "value", ["0", "1e9", "1e999", "-3", "nan", "inf", "1.2.3", "1,234.5", "12 oz", "", "½", "1/0"]
)
def test_a_hostile_value_gives_no_infinity(value):
    for unit in ("Ounce", "Count", "None"):
        assert not np.isinf(list(one("Plum Jam 12 oz", value=value, unit=unit).values())).any()


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda text: text[:8])
def test_hostile_text_takes_linear_time(hostile):
    started = time.perf_counter()
    content = Listing(name=hostile, bullets=(hostile,), value=hostile, unit=hostile)
    attributes.extract(clean_listing(content))
    assert time.perf_counter() - started < 30


def test_a_matrix_has_a_float32_row_for_every_listing_in_order():
    listings = [Listing(value="1", unit="g"), Listing(), Listing(value="3", unit="g")]
    table = attributes.matrix(map(attributes.extract, listings))
    assert table.shape == (3, len(attributes.NAMES))
    assert table.dtype == np.float32
    assert np.exp(table[:, attributes.NAMES.index("grams")]).round(4).tolist()[::2] == [1, 3]


def test_a_matrix_of_nothing_has_the_columns_and_no_row():
    assert attributes.matrix([]).shape == (0, len(attributes.NAMES))


def test_coverage_counts_what_rows_do_not_state():
    contents = [
        parse("Item Name: Plum Jam, 12 oz (Pack of 2)\nProduct Description: Sweet.\nValue: 24.0\nUnit: Ounce"),
        parse("Item Name: Plum Jam, 12 oz\nValue: None\nUnit: None"),
        parse("Item Name: Plum Jam\nValue: 0\nUnit: Count"),
    ]
    assert attributes.coverage(attributes.matrix(map(attributes.extract, contents))) == {
        "rows": 3,
        "no_name": 0,
        "no_value": 2,
        "no_unit": 1,
        "no_size": 1,
        "no_packs": 2,
        "no_amount": 1,
        "no_description": 2,
    }
