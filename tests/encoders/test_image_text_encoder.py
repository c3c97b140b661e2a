"""The image-text encoder: equal to its library's own calls, whatever the batches and the memory."""

import io
import json

import numpy as np
import open_clip
import pytest
import torch
from encoded import TEXTS, cosines, in_order, picture
from encoder_settings import image_text_settings
from PIL import Image

from pricefuse.encoders.image_text_encoder import ImageTextEncoder
from pricefuse.encoders.weights import Source
from pricefuse.errors import InputError

COLORS = ["red", "white", "black", "#336699", "orange", "gold", "olive", "teal", "navy"]


@pytest.mark.parametrize("batch_size", [1, 7, 64])
def test_images_are_encoded_as_the_library_does_in_evaluation(image_text, monkeypatch, batch_size):
    monkeypatch.setattr(image_text, "settings", image_text_settings(batch_size=batch_size))
    found = in_order(image_text.encode_images(enumerate(map(picture, COLORS))))
    pixels = torch.stack([image_text.transform(Image.open(io.BytesIO(picture(color)))) for color in COLORS])
    with torch.inference_mode():
        expected = image_text.network.encode_image(pixels, normalize=True).numpy()
    assert not image_text.network.training
    assert cosines(found, expected).min() > 0.9999
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("batch_size", [2, 32])
def test_texts_have_start_and_end_tokens_and_the_vectors_of_the_sentence_encoder(
    image_text, minilm, monkeypatch, batch_size
):
    """The composed model's text tower is MiniLM, so that its vectors must be MiniLM's where all tokens fit."""
    monkeypatch.setattr(image_text, "settings", image_text_settings(batch_size=batch_size))
    found = in_order(image_text.encode_texts(enumerate(TEXTS[:4])))
    assert cosines(found, minilm.network.encode(TEXTS[:4])).min() > 0.9999


def test_images_keep_the_numbers_that_they_are_given(image_text, monkeypatch):
    monkeypatch.setattr(image_text, "settings", image_text_settings(batch_size=2))
    found = list(image_text.encode_images((10 * i, picture(color)) for i, color in enumerate(COLORS[:5])))
    assert [number for number, _ in found] == [0, 10, 20, 30, 40]


def test_bfloat16_is_for_transformers_alone_unless_it_is_asked_for(composed, image_text, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    auto, coarse = (
        ImageTextEncoder(image_text_settings(model=str(composed), dtype=dtype)) for dtype in ("auto", "bfloat16")
    )
    assert (auto.texts.precision, auto.images.precision) == (torch.bfloat16, torch.float32)
    assert auto.describe()["dtype"] == "auto"
    assert auto.describe()["resolved_dtype"] == {"text": "bfloat16", "image": "float32"}
    assert coarse.images.precision == torch.bfloat16
    texts = [in_order(encoder.encode_texts(enumerate(TEXTS[:4]))) for encoder in (auto, image_text)]
    images = [in_order(encoder.encode_images([(0, picture("olive"))])) for encoder in (auto, image_text)]
    assert cosines(*texts).min() > 0.999
    np.testing.assert_array_equal(*images)
    # Rows are shared where the precision is the same, and only there.
    assert auto.text_key("tea") == coarse.text_key("tea") != image_text.text_key("tea")
    assert auto.image_key("abc") == image_text.image_key("abc") != coarse.image_key("abc")
    assert len({encoder.describe()["recipe"] for encoder in (auto, coarse, image_text)}) == 3


def test_without_memory_for_a_batch_smaller_ones_give_the_same_vectors(image_text, monkeypatch, capsys):
    monkeypatch.setattr(image_text, "settings", image_text_settings(batch_size=4))
    pictures = [picture(color) for color in COLORS]
    expected = in_order(image_text.encode_images(enumerate(pictures)))
    encode, sizes, failures = image_text.images.encode, [], []

    def small_device(batch, **options):
        if len(batch) > 1:
            failures.append(len(batch))
            raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory")
        sizes.append(len(batch))
        return encode(batch, **options)

    monkeypatch.setattr(image_text, "images", image_text.images._replace(encode=small_device))
    np.testing.assert_allclose(in_order(image_text.encode_images(enumerate(pictures))), expected, atol=1e-6)
    assert failures == [4, 2]  # the second and the third batch are small from the start
    assert sizes == [1] * len(COLORS)
    assert capsys.readouterr().out.count("out of memory") == 2


@pytest.mark.parametrize(
    "content", [{}, {"model_cfg": open_clip.get_model_config("ViT-S-32")}], ids=["empty", "no weights"]
)
def test_a_folder_that_is_no_image_text_model_is_refused(tmp_path, content):
    if content:  # open_clip alone would go on with random weights
        (tmp_path / "open_clip_config.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="not a model that open_clip can load"):
        ImageTextEncoder(image_text_settings(model=str(tmp_path)))


def test_an_open_clip_tag_is_its_hub_model_with_the_tags_own_preprocessing(composed, monkeypatch):
    asked = []

    def resolve(repository, revision):
        asked.append((repository, revision))
        return Source(composed, "identity", revision, "MIT")

    monkeypatch.setattr("pricefuse.encoders.open_clip_model.resolve", resolve)
    encoder = ImageTextEncoder(image_text_settings(model="ViT-L-14/laion2b_s32b_b82k", revision="abc"))
    assert asked == [("laion/CLIP-ViT-L-14-laion2B-s32B-b82K", "abc")]
    assert "Normalize(mean=[0.5, 0.5, 0.5], std=[0.5, 0.5, 0.5])" in repr(encoder.transform).replace(
        "(0.5, 0.5, 0.5)", "[0.5, 0.5, 0.5]"
    )
