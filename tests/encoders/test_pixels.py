"""The evaluation transform in two halves."""

import io

import open_clip
import pytest
import torch
from encoded import picture
from PIL import Image
from torchvision.transforms import Compose, Resize

from pricefuse.encoders.pixels import PixelTransform


@pytest.mark.parametrize("resize_mode", ["shortest", "longest", "squash"])
@pytest.mark.parametrize("size", [(260, 300), (30, 500)])
def test_both_halves_give_the_bits_of_the_whole_transform(resize_mode, size):
    whole = open_clip.image_transform(64, is_train=False, resize_mode=resize_mode)
    halves = PixelTransform(whole)
    photos = [picture(color, size) for color in ("#123456", "gold", "teal")]
    pixels = torch.stack([halves.decode(photo) for photo in photos])
    assert pixels.dtype == torch.uint8
    expected = torch.stack([whole(Image.open(io.BytesIO(photo))) for photo in photos])
    assert torch.equal(halves.normalize(pixels), expected)


def test_a_transform_that_does_not_end_in_normalize_is_refused():
    with pytest.raises(TypeError, match="Resize"):
        PixelTransform(Compose([Resize(8), Resize(8)]))
