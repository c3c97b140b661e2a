"""The models that are installed as packages."""

import errno
import io
import os
import subprocess
import sys

import pytest
from encoded import in_order
from paths import ROOT
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
def test_a_composition_that_does_not_fit_the_disk_is_an_error_of_the_disk(tmp_path):
    """As stage embed_clip reports in one line: safetensors has it as text alone."""
    code = (
        "import resource, sys, pathlib\n"
        "from pricefuse.encoders import bundled\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20))\n"
        "try:\n    bundled.image_text(pathlib.Path(sys.argv[1]))\n"
        "except OSError as error:\n    sys.exit(error.errno)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path], check=False, env={**os.environ, "PYTHONPATH": str(ROOT / "src")}
    )
    assert done.returncode == errno.EFBIG


def test_two_compositions_are_byte_identical(tmp_path, composed):
    again = bundled.image_text(tmp_path).folder
    one, two = (file_digest(folder / "open_clip_model.safetensors") for folder in (composed, again))
    assert one == two
