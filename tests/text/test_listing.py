import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricefuse.text.listing import Listing, parse

LISTING = """Item Name: Plum Jam, 12 oz (Pack of 6)
Bullet Point 1: Slow cooked
Bullet Point 2: No pectin: only fruit
Product Description: A jam.
It has two lines.
Value: 72.0
Unit: Ounce
"""


def test_a_listing_is_taken_apart_into_its_fields():
    assert parse(LISTING) == Listing(
        name="Plum Jam, 12 oz (Pack of 6)",
        bullets=("Slow cooked", "No pectin: only fruit"),
        description="A jam.\nIt has two lines.",
        value="72.0",
        unit="Ounce",
    )


def test_windows_and_old_mac_line_ends_and_a_byte_order_mark_change_nothing():
    assert parse("\ufeff" + LISTING.replace("\n", "\r\n")) == parse(LISTING)
    assert parse(LISTING.replace("\n", "\r")) == parse(LISTING)


def test_a_single_bullet_has_no_number():
    assert parse("Bullet Point: Slow cooked").bullets == ("Slow cooked",)


def test_any_field_may_be_missing_or_empty():
    assert parse("") == Listing()
    assert parse("Item Name:\nBullet Point 1:\nProduct Description: \nValue:\nUnit:") == Listing()
    assert parse("Value: 3\n") == Listing(value="3")


def test_bullets_and_description_run_over_lines():
    parsed = parse("Bullet Point 1: one\nstill one\nBullet Point 2: two\nProduct Description:\n\nthree")
    assert parsed == Listing(bullets=("one\nstill one", "two"), description="three")


def test_text_that_follows_no_label_is_the_rest():
    parsed = parse("Loose words\nItem Name: Jam\nmore words\nValue: 1\nUnit: Count\nlast words")
    assert parsed == Listing(name="Jam", value="1", unit="Count", rest="Loose words\nmore words\nlast words")


@pytest.mark.parametrize(
    "prose", ["The Value: great", "Item Names: many", "unit: lower case", "Values: 3", "Value 3: x"]
)
def test_a_label_within_prose_is_no_field(prose):
    parsed = parse(f"Item Name: Jam\nProduct Description: Good.\n{prose}\nValue: 2\nUnit: Count")
    assert parsed == Listing(name="Jam", description=f"Good.\n{prose}", value="2", unit="Count")


def test_the_first_name_and_the_last_value_and_unit_count():
    parsed = parse("Item Name: Jam\nProduct Description: Good\nValue: great\nItem Name: Jelly\nValue: 2\nUnit: Count")
    assert parsed == Listing(name="Jam", description="Good\nValue: great\nItem Name: Jelly", value="2", unit="Count")


def test_two_descriptions_are_one():
    assert parse("Product Description: a\nBullet Point 1: b\nProduct Description: c").description == "a\nc"


@given(st.lists(st.sampled_from(["Item Name:", "Bullet Point 1:", "Value: ", "Unit:", "\n", "\r", "word", "", "\0"])))
def test_no_word_is_lost(pieces):
    text = "".join(f"{piece}w{number}" if piece.endswith(("d", ":")) else piece for number, piece in enumerate(pieces))
    parsed = parse(text)
    kept = "\n".join((parsed.name, *parsed.bullets, parsed.description, parsed.value, parsed.unit, parsed.rest))
    for number, piece in enumerate(pieces):
        assert not piece.endswith(("d", ":")) or f"w{number}" in kept


@pytest.mark.parametrize(
    "hostile",
    [
        "x" * 1_000_000,
        " " * 100_000,
        "\0" * 100_000,
        "\n" * 100_000,
        "Value: 1\n" * 10_000,
        "Item Name: a\n" * 10_000,
        "Bullet Point 1: b\n" * 10_000,
        "Product Description: c\nline\n" * 10_000,
        "Item Name" + " " * 100_000 + ":",
        "Bullet Point " + "9" * 100_000,
    ],
    ids=lambda text: repr(text[:12]),
)
def test_hostile_text_takes_linear_time(hostile):
    started = time.perf_counter()
    parse(hostile)
    assert time.perf_counter() - started < 20


def test_a_label_repeated_ten_thousand_times_gives_as_many_bullets():
    assert parse("Bullet Point 1: b\n" * 10_000).bullets == ("b",) * 10_000
