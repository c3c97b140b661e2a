import numpy as np
import pytest
from PIL import Image

from pricefuse.images.resize import REDUCING_GAP, resampled, resized


def noise(width: int, height: int, mode: str = "RGB") -> Image.Image:
    values = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values).convert(mode)


def difference(one: Image.Image, other: Image.Image) -> int:
    return int(np.abs(np.asarray(one, np.int16) - np.asarray(other, np.int16)).max())


@pytest.mark.parametrize("size", [(64, 48), (1, 1), (5, 240), (300, 220), (53, 41)])
@pytest.mark.parametrize("box", [(0.0, 0.0, 320.0, 240.0), (0.0, 0.0, 319.25, 239.5)])
def test_it_is_pillows_filter(size, box):
    image = noise(320, 240)
    found = resized(image, size, box)
    expected = image.resize(size, Image.Resampling.BICUBIC, box=box, reducing_gap=REDUCING_GAP)
    assert (found.mode, found.size) == ("RGB", size)
    assert difference(found, expected) <= 1


@pytest.mark.parametrize("mode", ["L", "CMYK", "RGB"])
def test_the_color_space_stays(mode):
    image = noise(90, 90, mode)
    found = resized(image, (40, 40), (0.0, 0.0, 90.0, 90.0))
    assert found.mode == mode
    assert difference(found, image.resize((40, 40), Image.Resampling.BICUBIC)) <= 1


def test_the_fourth_channel_tells_nothing():
    pixels = np.random.default_rng(0).integers(0, 256, (80, 100, 4), dtype=np.uint8)
    size, box = (50, 40), (0.0, 0.0, 100.0, 80.0)
    found = resampled(pixels, size, box)
    assert found.mode == "RGB"
    assert difference(found, resized(Image.fromarray(pixels[..., :3].copy()), size, box)) == 0
