"""Preparing a product's text: what the encoders read, and what it costs."""

import numpy as np
import pytest

from pricefuse.text import cleaning
from pricefuse.text.attributes import NAMES
from pricefuse.text.cleaning import clean, clean_listing
from pricefuse.text.listing import MAX_CHARACTERS, Listing, shorten
from pricefuse.text.prepare import MAX_CLIP_CHARACTERS, clip_text, encoder_text, prepare, quantity, without_sizes
from pricefuse.text.settings import CleanSettings

JAM = Listing(
    name="Plum <b>Jam</b>",
    bullets=("Slow cooked", "No pectin!"),
    description="A jam&nbsp;of Crème",
    value="72.0",
    unit="Fl Oz",
    rest="Ships cold",
)
CLEAN_JAM = clean_listing(JAM)


def options(*, labels=False, lowercase=False, ascii_only=False):
    return CleanSettings(labels=labels, lowercase=lowercase, ascii_only=ascii_only)


def test_the_labeled_text_has_the_challenges_labels():
    assert encoder_text(CLEAN_JAM, labels=True) == (
        "Item Name: Plum Jam Bullet Point 1: Slow cooked Bullet Point 2: No pectin! "
        "Product Description: A jam of Crème Ships cold Value: 72.0 Unit: Fl Oz"
    )


def test_the_labeled_text_can_be_lower_cased_ascii():
    text = encoder_text(clean_listing(JAM, ascii_only=True), labels=True, lowercase=True)
    assert text.startswith("item name: plum jam bullet point 1: slow")
    assert "a jam of creme" in text


def test_the_unlabeled_text_reads_as_sentences_with_the_quantity_in_words():
    assert encoder_text(CLEAN_JAM, labels=False) == (
        "Plum Jam. Slow cooked. No pectin! A jam of Crème. Ships cold. 72 Fl Oz"
    )


def test_the_image_text_has_the_most_telling_first():
    assert clip_text(CLEAN_JAM) == "Plum Jam. 72 Fl Oz. Slow cooked. No pectin! A jam of Crème. Ships cold"
    assert clip_text(clean_listing(JAM, ascii_only=True)).isascii()


@pytest.mark.parametrize("name", ["word " * 1_000, "x" * 5_000, "<b>" * 5_000 + "word " * 200])
def test_the_image_text_is_short_and_cut_between_words(name):
    text = clip_text(clean_listing(Listing(name=name, bullets=("bullet",) * 1_000)))
    assert MAX_CLIP_CHARACTERS - 10 < len(text) <= MAX_CLIP_CHARACTERS
    assert text[-4:] in {"word", "xxxx"}


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        ("72.0", "Fl Oz", "72 Fl Oz"),
        ("0.25", "Ounce", "0.25 Ounce"),
        ("1,234.50", "g", "1234.5 g"),
        ("152.39999999999998", "oz", "152.4 oz"),
        ("3.0", "None", "3"),
        ("3.0", "", "3"),
        ("None", "Ounce", ""),
        ("", "", ""),
        ("nan", "nan", ""),
        ("0", "Ounce", ""),
    ],
)
def test_a_quantity_is_written_in_words(value, unit, words):
    assert quantity(Listing(value=value, unit=unit)) == words


def test_an_empty_listing_gives_empty_text_everywhere():
    for raw in ("", "Item Name: <br>\nBullet Point 1: \0\nValue: \nUnit: &nbsp;"):
        for labels in (True, False):
            prepared = prepare(raw, options(labels=labels))
            assert prepared.name == prepared.text == prepared.clip_text == ""
            assert tuple(prepared.attributes) == NAMES


def test_the_options_change_the_encoder_texts_alone():
    raw = "Item Name: Crème <b>Jam</b>\nValue: 72\nUnit: Fl Oz"
    plain = prepare(raw, options())
    changed = prepare(raw, options(labels=True, lowercase=True, ascii_only=True))
    assert (plain.name, plain.text, plain.clip_text) == ("Crème Jam", "Crème Jam. 72 Fl Oz", "Crème Jam. 72 Fl Oz")
    assert changed.text == "item name: creme jam value: 72 unit: fl oz"
    assert changed.clip_text == "Creme Jam. 72 Fl Oz"
    assert changed.name == plain.name
    np.testing.assert_equal(changed.attributes, plain.attributes)


@pytest.mark.parametrize(("ascii_only", "times"), [(False, 1), (True, 2)])
def test_each_field_of_a_listing_is_cleaned_once_and_once_more_for_ascii(cleaned, ascii_only, times):
    prepare(
        "Item Name: n\nBullet Point 1: b\nProduct Description: d\nValue: 1\nUnit: oz", options(ascii_only=ascii_only)
    )
    assert sorted(cleaned) == sorted(["n", "b", "d", "1", "oz", ""] * times)


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_very_long_listing_costs_no_more_than_a_long_one_and_keeps_value_and_unit(cleaned, line_end):
    lines = ["Item Name: Plum Jam", "Product Description: " + "word " * 300_000, "Value: 72.0", "Unit: Fl Oz", ""]
    prepared = prepare(line_end.join(lines), options())
    assert prepared.shortened
    assert MAX_CHARACTERS / 2 < sum(map(len, cleaned)) <= MAX_CHARACTERS
    assert prepared.name == "Plum Jam"
    assert prepared.text.endswith("72 Fl Oz")


@pytest.mark.parametrize("end", ["", "x" * 5_000, "\n" * 5_000])
def test_a_text_of_the_largest_length_is_kept_and_a_longer_one_is_never_longer_than_that(end):
    whole = "x" * MAX_CHARACTERS
    assert shorten(whole) == whole
    assert len(shorten(whole + "x" + end)) <= MAX_CHARACTERS


@pytest.fixture
def cleaned(monkeypatch):
    """The texts that were given to `clean`, in order."""
    given = []

    def recorded(raw, **options):
        given.append(raw)
        return clean(raw, **options)

    monkeypatch.setattr(cleaning, "clean", recorded)
    return given


@pytest.mark.parametrize(
    ("name", "others"),
    [
        ("Rye Crackers, 12 oz", ["Rye Crackers, 16 oz (Pack of 6)", "Rye Crackers 340g", "2 Pack Rye Crackers"]),
        ("Green Tea, 50 Count", ["Green Tea, 100 ct (Pack of 2)", "Green Tea, 2 dozen"]),
        ("Topper 90x200 cm", ["Topper 140 x 200 cm", "Topper W 140 L 200", 'Topper 80" x 36"']),
        ("Vitamin C 500 mg", ["Vitamin C 1000 mg, Pack of 2"]),
    ],
)
def test_variants_differ_in_sizes_alone(name, others):
    def letters(text):
        return "".join(filter(str.isalnum, without_sizes(text)))

    assert {letters(other) for other in others} == {letters(name)}
    assert "".join(filter(str.isdigit, without_sizes(name))) == ""


def test_other_products_stay_apart_without_their_sizes():
    for one, other in (
        ("100 Green Tea Bags", "100 Black Tea Bags"),
        ("Bar, 10g Protein, 2 oz", "Bar, 20g Protein, 2 oz"),
        ("Marker No. 3", "Marker No. 4"),
        ("7 Grain Bread", "9 Grain Bread"),
    ):
        assert without_sizes(one) != without_sizes(other)


def test_a_text_without_a_name_stands_for_it():
    assert prepare("Plum jam, 12 oz. Sweet.", options()).variant_of == "Plum jam, . Sweet."
    assert prepare("Item Name: Plum Jam\nsweet", options()).variant_of == "Plum Jam"
