"""The text of a synthetic product: what it states, and the mess of real catalogs."""

import html
import re
from collections import defaultdict
from dataclasses import replace
from random import Random

import numpy as np
import pytest
from demo_catalog import listing_of, name_of, stated_quantity

from pricefuse.demo.assortment import CLAIMS, UNITS
from pricefuse.demo.product import Tier, draw_products


def test_variants_without_a_size_in_their_name_share_the_name(products, texts):
    names = defaultdict(set)
    for product, text in zip(products, texts, strict=True):
        if not product.sized_name:
            names[product.family].add(name_of(text))
    assert all(len(shared) == 1 for shared in names.values())


def test_the_text_tells_total_quantity_and_pack_of_every_product(products, texts):
    for product, text in zip(products, texts, strict=True):
        total, pack = stated_quantity(product, text)
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
