"""Loading an open_clip model, in float32 and with its matrices in bfloat16."""

import dataclasses

import pytest
import torch
from encoded import TEXTS, cosines, in_order, picture
from encoder_settings import image_text_settings
from small_clip import save_small_clip

from pricefuse.encoders import open_clip_model
from pricefuse.encoders.image_text_encoder import ImageTextEncoder


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return save_small_clip(tmp_path_factory.mktemp("clip"))


def lower(loaded, network):
    """What `load` gives on CUDA, here on a CPU: open_clip's bf16."""
    return dataclasses.replace(loaded, network=network, lowered=True)


def test_weights_in_bfloat16_give_nearly_the_same_vectors_normalized_in_float32(clip, monkeypatch):
    settings = image_text_settings(model=clip, dtype="bfloat16")
    exact = ImageTextEncoder(image_text_settings(model=clip))
    load = open_clip_model.load

    def lowered(settings, device):
        loaded = load(settings, device)
        network = loaded.network
        open_clip_model.open_clip.convert_weights_to_lp(network, dtype=torch.bfloat16)
        return lower(loaded, network)

    monkeypatch.setattr(open_clip_model, "load", lowered)
    coarse = ImageTextEncoder(settings)
    assert coarse.network.visual.conv1.weight.dtype == torch.bfloat16
    photos = [(n, picture(color, (80, 70 + n))) for n, color in enumerate(("red", "gold", "teal", "#102030"))]
    for found, expected in (
        (in_order(coarse.encode_images(photos)), in_order(exact.encode_images(photos))),
        (in_order(coarse.encode_texts(enumerate(TEXTS))), in_order(exact.encode_texts(enumerate(TEXTS)))),
    ):
        assert cosines(found, expected).min() > 0.999
        assert abs((found**2).sum(1) - 1).max() < 1e-5


def test_only_open_clips_own_towers_are_lowered(clip, composed):
    device = torch.device("cpu")
    own = open_clip_model.load(image_text_settings(model=clip), device).network
    other = open_clip_model.load(image_text_settings(model=str(composed)), device).network
    auto = image_text_settings(model=clip, dtype="auto")
    assert open_clip_model.can_be_lowered(own, auto)
    assert not open_clip_model.can_be_lowered(other, auto)  # MiniLM is transformers' own
    own.visual.add_module("convolutions", torch.nn.BatchNorm2d(3))
    assert not open_clip_model.can_be_lowered(own, auto)
    assert open_clip_model.can_be_lowered(own, image_text_settings(model=clip, dtype="bfloat16"))
