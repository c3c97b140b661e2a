import time
import unicodedata
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricefuse.text.cleaning import CLIP_CHARACTERS, clean, clip_text, encoder_text, quantity
from pricefuse.text.listing import Content

JAM = Content(
    name="Plum <b>Jam</b>",
    bullets=("Slow cooked", "No pectin!"),
    description="A jam&nbsp;of Crème",
    value="72.0",
    unit="Fl Oz",
    rest="Ships cold",
)


@pytest.mark.parametrize(
    ("raw", "plain"),
    [
        ("", ""),
        ("  two \t\n  words ", "two words"),
        ("<p>one</p>two<br/>three", "one two three"),
        ("<ul><li>a</li><li>b</li></ul>", "a b"),
        ("un<b>believ</b>able", "unbelievable"),
        ('<a href="x.html" title="x > y">link</a>', "link"),
        ("<P CLASS=x>upper</P>", "upper"),
        ("<script>if (a<b) {}</script>kept<style>p {}</style>", "kept"),
        ("a<!-- note > -->b", "a b"),
        ("<!DOCTYPE html><p>x", "x"),
        ("weights < 5 oz", "weights < 5 oz"),
        ("3 <b", "3 <b"),
        ("<3 jam <", "<3 jam <"),
        ("a <!-- never closed", "a <!-- never closed"),
        ("salt &amp; pepper", "salt & pepper"),
        ("salt &amp;amp;amp; pepper", "salt & pepper"),
        ("it&amp;#39;s &#x2713; &eacute;", "it's ✓ é"),
        ("&lt;p&gt;escaped&lt;/p&gt;", "escaped"),
        ("AT&T, R&D; Arts&parade", "AT&T, R&D; Arts&parade"),
        ("a &copy b <i>c</i>", "a &copy b c"),
        ("CrÃ¨me brÃ»lÃ©e", "Crème brûlée"),
        ("cafe\u0301", "café"),
        ("Aunt’s “best”", 'Aunt\'s "best"'),  # noqa: RUF001
        ("zero\u200bwidth\ufeff, soft\u00adhyphen", "zerowidth, softhyphen"),
        ("nul\0 bell\a \ufe0f \u2028 \ud800 \ue000 \ufffd", "nul bell"),
        ("Brand™ & Mark®", "Brand™ & Mark®"),
        ("file.txt", "file.txt"),
    ],
)
def test_text_comes_out_plain(raw, plain):
    assert clean(raw) == plain


@pytest.mark.parametrize(
    ("raw", "plain"),
    [
        ("Crème Ångström", "Creme Angstrom"),
        ("Brand™ Mark®", "Brand Mark"),
        ("fresh🍎apples 日本", "fresh apples"),
        ("5–6 × 2½ ft²", "5-6 x 2 1/2 ft2"),  # noqa: RUF001
        ("Weißwurst Æbleskiver Łódź", "Weisswurst AEbleskiver Lodz"),
        ("wait…", "wait..."),
    ],
)
def test_ascii_only_keeps_what_has_a_look_alike(raw, plain):
    assert clean(raw, ascii_only=True) == plain


def test_lowercase_is_an_option():
    assert clean("ÀB &EACUTE;", lowercase=True) == "àb é"


MARKUP = [
    "<", ">", "</", "&", ";", "amp;", "lt;", "gt;", "#", "#38;", "&#60;", "p", "b", "div", "<!--", "-->", "script",
    "\N{SMALL LESS-THAN SIGN}", "\N{FULLWIDTH LESS-THAN SIGN}", "Ã", "©", "\u200b", "\u0301", "İ", "\0", "é", "\n",
]  # fmt: skip
WILD = st.one_of(st.text(), st.lists(st.sampled_from(MARKUP), max_size=25).map("".join))


@given(WILD, st.booleans(), st.booleans())
@settings(max_examples=500)
def test_cleaning_twice_is_cleaning_once(raw, lowercase, ascii_only):
    once = clean(raw, lowercase=lowercase, ascii_only=ascii_only)
    assert clean(once, lowercase=lowercase, ascii_only=ascii_only) == once


@given(WILD)
@settings(max_examples=200)
def test_clean_text_is_folded_composed_and_visible(raw):
    text = clean(raw)
    assert text == " ".join(text.split())
    assert unicodedata.is_normalized("NFC", text)
    assert not {unicodedata.category(character) for character in text} & {"Cc", "Cf", "Cs", "Co"}
    assert clean(raw, ascii_only=True).isascii()


@pytest.mark.parametrize(
    "hostile",
    [
        "<div>" * 10_000,
        "</div>" * 10_000,
        "<b>x</i>" * 5_000,
        "<" * 30_000,
        "<!--" * 20_000,
        "<!--" * 20_000 + "-->",
        '<a href="' * 10_000,
        "<p a='>" * 10_000,
        "<<b>b>" * 3_000,
        "<" * 5_000 + "b>" * 5_000,
        "&" + "amp;" * 25_000,
        "&lt;" * 20_000,
        "&" * 100_000,
        "<script>" * 10_000,
        "\u200b" * 100_000,
        "Ã©" * 50_000,
        "<!" * 50_000,
    ],
    ids=lambda text: repr(text[:10]),
)
def test_hostile_text_takes_linear_time(hostile):
    started = time.perf_counter()
    text = clean(hostile)
    assert time.perf_counter() - started < 30
    assert clean(text) == text


def test_cleaning_warns_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for text in ("https://example.org/<", "file.txt", "<?xml version='1.0'?><p>x", "<p>./path</p>"):
            clean(text)


def test_the_labelled_text_has_the_challenges_labels():
    assert encoder_text(JAM, labels=True) == (
        "Item Name: Plum Jam Bullet Point 1: Slow cooked Bullet Point 2: No pectin! "
        "Product Description: A jam of Crème Ships cold Value: 72.0 Unit: Fl Oz"
    )


def test_the_labelled_text_can_be_lower_cased_ascii():
    text = encoder_text(JAM, labels=True, lowercase=True, ascii_only=True)
    assert text.startswith("item name: plum jam bullet point 1: slow")
    assert "a jam of creme" in text


def test_the_unlabelled_text_reads_as_sentences_with_the_quantity_in_words():
    assert encoder_text(JAM, labels=False) == ("Plum Jam. Slow cooked. No pectin! A jam of Crème. Ships cold. 72 Fl Oz")


def test_the_image_text_has_the_most_telling_first():
    assert clip_text(JAM) == "Plum Jam. 72 Fl Oz. Slow cooked. No pectin! A jam of Crème. Ships cold"
    assert clip_text(JAM, ascii_only=True).isascii()


@pytest.mark.parametrize("name", ["word " * 1_000, "x" * 5_000, "<b>" * 5_000 + "word " * 200])
def test_the_image_text_is_short_and_cut_between_words(name):
    text = clip_text(Content(name=name, bullets=("bullet",) * 1_000))
    assert CLIP_CHARACTERS - 10 < len(text) <= CLIP_CHARACTERS
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
    assert quantity(Content(value=value, unit=unit)) == words


def test_an_empty_listing_gives_empty_text_everywhere():
    for empty in (Content(), Content(name="<br>", bullets=("\0",), value=" ", unit="&nbsp;")):
        assert encoder_text(empty, labels=True) == encoder_text(empty, labels=False) == clip_text(empty) == ""
