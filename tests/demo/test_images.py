"""The image of a synthetic product: what it shows, and files that show nothing."""

from dataclasses import replace
from io import BytesIO
from random import Random

import numpy as np
import pytest
from demo_catalog import photo_of
from PIL import Image, UnidentifiedImageError

from pricefuse.demo.assortment import CATEGORIES
from pricefuse.demo.image_files import Condition, encode_photo, odd_conditions
from pricefuse.demo.product import Tier
from pricefuse.demo.rendering import render


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


@pytest.mark.parametrize("category", CATEGORIES, ids=lambda category: category.noun)
def test_the_picture_tells_the_tier(products, category):
    product = next(item for item in products if item.category is category)
    kraft, colored, gold = (
        np.asarray(photo_of(replace(product, tier=tier)).convert("HSV"))[90:220, 90:166].reshape(-1, 3).mean(0)
        for tier in (Tier.KRAFT, Tier.COLORED, Tier.GOLD)
    )
    assert gold[2] + 40 < min(kraft[2], colored[2])  # black is darker
    assert 10 < kraft[0] < 60  # brown paper is orange of a middling lightness
    assert kraft[2] + 15 < colored[2]


def test_the_same_product_is_drawn_alike_but_not_framed_alike(products):
    one, two = (np.asarray(render(products[0], design_rng=Random(0), camera_rng=Random(n))) for n in (1, 2))
    assert one.shape == two.shape == (256, 256, 4)
    assert (one != two).any()


def test_each_odd_condition_is_met_in_a_catalog_of_any_size():
    assert set(odd_conditions(21)) == set(Condition) - {Condition.SOUND}
    assert len(odd_conditions(1500)) > len(odd_conditions(21))
