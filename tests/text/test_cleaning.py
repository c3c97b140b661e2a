import time
import tracemalloc
import unicodedata
import warnings

import ftfy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricefuse.text import cleaning
from pricefuse.text.cleaning import clean, clean_listing
from pricefuse.text.listing import Listing


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
        ("<ruby>tea<rt>tee</ruby> leaves<template>a <b>draft</b></template>", "tea leaves"),
        ("<div><template>draft</template>text</b></div>", "text"),
        ("<script>open", ""),
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


MARKUP = [
    "<", ">", "</", "&", ";", "amp;", "lt;", "gt;", "#", "#38;", "&#60;", "p", "b", "div", "<!--", "-->", "script",
    "\N{SMALL LESS-THAN SIGN}", "\N{FULLWIDTH LESS-THAN SIGN}", "Ã", "©", "\u200b", "\u0301", "İ", "\0", "é", "\n",
]  # fmt: skip
WILD = st.one_of(st.text(), st.lists(st.sampled_from(MARKUP), max_size=25).map("".join))


@given(WILD, st.booleans())
@settings(max_examples=500)
def test_cleaning_twice_is_cleaning_once(raw, ascii_only):
    once = clean(raw, ascii_only=ascii_only)
    assert clean(once, ascii_only=ascii_only) == once


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


@pytest.mark.parametrize("tags", ["<div>", "<b>", "<template>", "<br>x</b>"])
def test_tags_are_stripped_without_a_tree_whose_cost_grows_with_its_depth(tags):
    text = tags * 10_000
    tracemalloc.start()
    try:
        clean(text)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 100 * len(text)


def test_a_listing_is_cleaned_field_by_field_and_loses_empty_bullets():
    listing = Listing("<b>Jam</b>", ("<br>", "a&amp;b"), "x\0", "<i>3</i>", "&nbsp;oz", "\n")
    assert clean_listing(listing) == Listing("Jam", ("a&b",), "x", "3", "oz", "")


def as_ftfy_repairs(text):
    return " ".join(ftfy.fix_text(text, cleaning._FTFY).translate(cleaning._VISIBLE).split())


def test_every_character_becomes_what_ftfy_makes_of_it():
    for code in (*range(0x80, 0x3100), *range(0xF900, 0x1_0000), *range(0x1F300, 0x1F700)):
        for text in (f"a{chr(code)}b {chr(code)} 1", f"{chr(code)} ", f"A {chr(code)}"):
            repaired = " ".join(cleaning._repair(text, set(cleaning._UNUSUAL.findall(text))).split())
            assert repaired == as_ftfy_repairs(text), hex(code)


UNUSUAL = (
    "\x0b\x1c\x7f\x85\xe9\xc2\xc3\u0153"
    "\u2019\u201c\u2026\xa0\u200b\u0301\ufb01\uff12\xbd\xb2\xa9\u20ac\u2013\u201a\u65e5\u3000\u3099"
    "\u2714\ufe0f\U0001f336"
)


@given(st.lists(st.sampled_from([*"aA1 .\n", *UNUSUAL]), max_size=12).map("".join))
def test_any_text_becomes_what_ftfy_makes_of_it(text):
    if not text.isascii():
        repaired = " ".join(cleaning._repair(text, set(cleaning._UNUSUAL.findall(text))).split())
        assert repaired == as_ftfy_repairs(text)


def test_ftfy_is_asked_only_where_unusual_characters_meet(monkeypatch):
    sentence = "\u201cIt\u2019s Caf\xe9s\u201d \u2013 \xbd lb"
    plain = clean(sentence)  # what each character becomes is known from here on
    monkeypatch.setattr(cleaning.ftfy, "fix_text", lambda text, _: pytest.fail(text))
    assert clean(sentence) == plain == '"It\'s Caf\xe9s" \u2013 \xbd lb'
    with pytest.raises(pytest.fail.Exception):
        clean("Caf\xc3\xa9")
