"""Synthetic products: families of variants, and plausible prices."""

from collections import defaultdict
from dataclasses import replace
from random import Random

import numpy as np
import pytest

from pricefuse.demo.assortment import BRANDS
from pricefuse.demo.product import Tier, draw_products
from pricefuse.errors import InputError


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


def test_a_tier_changes_the_price_by_its_effect_alone(products):
    kraft, gold = (replace(products[0], tier=tier).log_price for tier in (Tier.KRAFT, Tier.GOLD))
    assert gold - kraft == pytest.approx(0.6)


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
