"""A picture's hash outlives compression and scaling, tells pictures apart, and is none for a plain one."""

import numpy as np
import pytest
from image_bytes import encoded, photograph
from normalized import normal
from PIL import Image, ImageOps

from pricefuse.features.pictures import MAX_BITS
from pricefuse.images.perceptual_hash import HASH_BYTES, perceptual_hash


def bits_apart(one, other):
    one, other = (np.unpackbits(np.frombuffer(phash, np.uint8)) for phash in (one, other))
    return int((one != other).sum())


def saved(image, quality=90):
    return normal(encoded(image, "JPEG", quality=quality)).phash


@pytest.mark.parametrize("seed", range(3))
def test_a_picture_that_was_saved_again_or_scaled_is_known_again(seed):
    picture = photograph(seed=seed)
    expected = saved(picture)
    assert len(expected) == HASH_BYTES
    for copy in (saved(picture, 50), saved(picture.resize((150, 150)), 75), normal(encoded(picture, "PNG")).phash):
        assert bits_apart(copy, expected) <= MAX_BITS
    for other in (photograph(seed=seed + 10), ImageOps.flip(picture)):
        assert bits_apart(saved(other), expected) > 5 * MAX_BITS


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_plain_picture_has_no_hash(level):
    noise = np.random.default_rng(0).normal(level, 3, (300, 300, 3)).clip(0, 255).astype(np.uint8)
    assert perceptual_hash(Image.fromarray(noise)) is None
    assert saved(Image.new("RGB", (300, 300), (level, level, level))) is None
