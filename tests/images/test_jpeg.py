import io

import numpy as np
import pytest
from PIL import Image

from pricefuse.images import jpeg


def encoded(size=(203, 150), **settings) -> bytes:
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(0, 256, (20, 30, 3), dtype=np.uint8))
    coarse.resize(size).save(buffer := io.BytesIO(), "JPEG", quality=90, **settings)
    return buffer.getvalue()


def by_pillow(data: bytes, scale: int) -> np.ndarray:
    image = Image.open(io.BytesIO(data))
    image.draft(None, (image.width // scale, image.height // scale))
    return np.asarray(image)


@pytest.mark.parametrize("scale", [1, 2, 4, 8])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"subsampling": 0},
        {"subsampling": 1},
        {"progressive": True},
        {"keep_rgb": True},
        {"restart_marker_rows": 1},
        {"comment": b"\xff\xda" * 9},
    ],
)
def test_the_pixels_are_pillows(settings, scale):
    data = encoded(**settings)
    expected = by_pillow(data, scale)
    found = jpeg.pixels(data, expected.shape[1], expected.shape[0])
    assert found.dtype == np.uint8
    assert np.array_equal(found[..., :3], expected)
    assert (found[..., 3] == 255).all()


def test_a_file_that_ends_early_is_left_to_others():
    data = encoded()
    assert jpeg.pixels(data[: len(data) // 2], 203, 150) is None
    assert jpeg.pixels(data[:-2], 203, 150) is None
    assert jpeg.pixels(b"", 203, 150) is None


def test_a_damaged_file_is_left_to_others():
    data = bytearray(encoded())
    data[len(data) // 2 : len(data) // 2 + 40] = b"\xff\x01" * 20
    assert jpeg.pixels(bytes(data), 203, 150) is None


@pytest.mark.parametrize("size", [(2030, 1500), (203, 151), (204, 150), (100, 75), (2000, 10)])
def test_a_picture_of_another_size_than_its_header_told_is_refused(size):
    assert jpeg.pixels(encoded(size), 203, 150) is None
