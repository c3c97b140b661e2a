"""Encoders on a CUDA device: the vectors of the CPU, with whatever memory there is."""

import numpy as np
import pytest
import torch
from encoded import TEXTS, cosines, in_order, picture
from encoder_settings import image_text_settings, text_settings
from small_clip import save_small_clip

from pricefuse.encoders import image_text_encoder, text_encoder
from pricefuse.encoders.image_text_encoder import ImageTextEncoder
from pricefuse.encoders.text_encoder import TextEncoder

CPU = torch.device("cpu")
MANY = [f"{text} {number}" for number in range(40) for text in TEXTS]


@pytest.fixture
def clip(tmp_path):
    return save_small_clip(tmp_path)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_texts_have_the_vectors_of_the_cpu(dtype, monkeypatch):
    there = TextEncoder(text_settings(dtype=dtype))
    assert there.device.type == "cuda"
    monkeypatch.setattr(text_encoder, "pick_device", lambda: CPU)
    here = TextEncoder(text_settings(dtype="float32"))
    found, expected = (in_order(encoder.encode(encoder.chunk(MANY))) for encoder in (there, here))
    assert cosines(found, expected).min() > 0.999


@pytest.mark.parametrize("dtype", ["float32", "auto"])
def test_images_and_texts_have_the_vectors_of_the_cpu(clip, dtype, monkeypatch):
    there = ImageTextEncoder(image_text_settings(model=clip, dtype=dtype, batch_size=5))
    assert there._lowered == (dtype == "auto")
    monkeypatch.setattr(image_text_encoder, "pick_device", lambda: CPU)
    here = ImageTextEncoder(image_text_settings(model=clip))
    photos = [(n, picture((n * 5, 255 - n * 3, 90), (64 + n, 80))) for n in range(23)]
    images = [in_order(encoder.encode_images(photos)) for encoder in (there, here)]
    texts = [in_order(encoder.encode_texts(enumerate(TEXTS))) for encoder in (there, here)]
    assert cosines(*images).min() > 0.999
    assert cosines(*texts).min() > 0.999


def test_out_of_memory_at_the_second_batch_makes_the_later_ones_smaller(monkeypatch):
    encoder = TextEncoder(text_settings(batch_tokens=1024))
    chunks = encoder.chunk(MANY)
    expected = in_order(encoder.encode(chunks))
    forward, sizes = encoder._forward, []

    def tight(tokens, mask):
        sizes.append(tokens.numel())
        if len(sizes) > 1 and tokens.numel() > 300:
            torch.empty(2**50, device="cuda")  # more than there is: the true error of the true allocator
        return forward(tokens, mask)

    monkeypatch.setattr(encoder, "_forward", tight)
    found = in_order(encoder.encode(chunks))
    assert max(sizes[4:]) <= 300
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_two_passes_give_the_same_bytes():
    encoder = TextEncoder(text_settings(dtype="bfloat16"))
    chunks = encoder.chunk(MANY)
    np.testing.assert_array_equal(*(in_order(encoder.encode(chunks)) for _ in range(2)))
