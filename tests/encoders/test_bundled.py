"""The models that are installed as packages."""

import io

import pytest
from encoded import in_order
from PIL import Image

from pricefuse.encoders import bundled
from pricefuse.encoders.weights import file_digest


def test_the_composed_model_tells_real_things_apart(image_text):
    """Zero-shot: each picture is nearest to its own label. scikit-learn's sample photos are real ones."""
    from sklearn.datasets import load_sample_images

    labels = ["a photo of a palace", "a photo of a daisy", "a photo of a keyboard", "a photo of a dog"]
    photos = []
    for array in load_sample_images().images:  # a Chinese palace, a flower
        Image.fromarray(array).save(buffer := io.BytesIO(), "PNG")
        photos.append(buffer.getvalue())
    similar = (
        in_order(image_text.encode_images(enumerate(photos))) @ in_order(image_text.encode_texts(enumerate(labels))).T
    )
    assert similar.argmax(1).tolist() == [0, 1]


@pytest.mark.slow
def test_two_compositions_are_byte_identical(tmp_path, composed):
    again = bundled.image_text(tmp_path).folder
    one, two = (file_digest(folder / "open_clip_model.safetensors") for folder in (composed, again))
    assert one == two
