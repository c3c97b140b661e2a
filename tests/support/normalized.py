"""Call normalize with usual arguments, and look at its result."""

import io

import numpy as np
import pytest
from PIL import Image

from pricefuse.images.normalize import ImageError, normalize


def normal(data, side=512, quality=92, max_pixels=1_000_000):
    return normalize(data, side=side, quality=quality, max_pixels=max_pixels)


def seen(data, **options):
    return np.asarray(Image.open(io.BytesIO(normal(data, **options).jpeg))).astype(int)


def assert_corners(pixels, colors, tolerance=14):
    height, width, _ = pixels.shape
    for (x, y), color in zip(((1, 1), (3, 1), (1, 3), (3, 3)), colors, strict=True):
        found = pixels[y * height // 4, x * width // 4]
        assert np.abs(found - color).max() <= tolerance, (found, color)


def reason(data, **options):
    with pytest.raises(ImageError) as caught:
        normal(data, **options)
    return str(caught.value)
