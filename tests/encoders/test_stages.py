"""The embedding stages: missing images, and the true architectures with random weights from a user's folder."""

import hashlib
import io
import json
from pathlib import Path
from tempfile import TemporaryDirectory

import architectures
import numpy as np
import open_clip
import pandas as pd
import pyarrow as pa
import pytest
import torch
from encoded import cosines, in_order, picture
from PIL import Image
from sentence_transformers import SentenceTransformer

from pricefuse.encoders import bundled
from pricefuse.features.blocks import stored_vectors
from pricefuse.keys import row_key
from pricefuse.tables.parquet import iter_parts
from pricefuse.tables.refresh import refresh


def embed_clip(folder, run_stage, write_params, model):
    write_params(folder, {"embed_clip.model": model, "embed_clip.dtype": "float32"})
    outputs = {"text-out": "clip_text", "image-out": "clip_image", "card": "clip.json"}
    paths = {"products": "products.parquet", "images": "images", **outputs}
    run_stage("embed_clip", folder, *[part for name, path in paths.items() for part in (f"--{name}", path)])


def write_images(folder, ids, images):
    schema = pa.schema([("sha256", pa.string()), ("jpeg", pa.binary())])
    digests = [image and hashlib.sha256(image).hexdigest() for image in images]

    def compute(missing):
        for position in missing:
            yield position, {"sha256": digests[position], "jpeg": images[position]}

    refresh(folder, ids, [row_key(i) for i in ids], compute, schema)


@pytest.mark.slow
def test_a_missing_image_is_masked_and_never_embedded(tmp_path, clean, run_stage, write_params, image_text):
    ids, jpegs = ["a", "b", "c"], [picture("red"), None, picture("red")]
    clean(tmp_path, [f"product {sample_id}" for sample_id in ids], ids)
    write_images(tmp_path / "images", ids, jpegs)
    embed_clip(tmp_path, run_stage, write_params, bundled.IMAGE_TEXT)
    table = pa.concat_tables(iter_parts(tmp_path / "clip_image"))
    assert table["has_image"].to_pylist() == [True, False, True]
    vectors = np.concatenate(list(stored_vectors(tmp_path / "clip_image", ids)))
    assert np.isnan(vectors[1]).all()
    assert cosines(vectors[0], in_order(image_text.encode_images([(0, jpegs[0])]))[0]).min() > 0.9999
    card = json.loads((tmp_path / "clip.json").read_text())
    assert (card["license"], card["resolved_dtype"]) == ("Apache-2.0", {"text": "float32", "image": "float32"})


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_embeddinggemma_is_loaded_from_a_folder_by_the_stage(tmp_path, clean, run_stage, write_params):
    ids = list("abc")
    clean(tmp_path, ["green tea", "", "fine green tea " * 60], ids)
    texts = pd.read_parquet(tmp_path / "products.parquet")["text"].tolist()
    with TemporaryDirectory() as folder:
        architectures.embeddinggemma(Path(folder))
        settings = {"model": folder, "prompt": "title: none | text: ", "chunk_tokens": 64, "dtype": "float32"}
        write_params(tmp_path, {f"embed_gemma.{key}": value for key, value in settings.items()})
        out, card = tmp_path / "gemma", tmp_path / "gemma.json"
        run_stage("embed_gemma", tmp_path, "--products", "products.parquet", "--out", out, "--card", card)
        reference = SentenceTransformer(folder, device="cpu", local_files_only=True)
        expected = reference.encode([f"title: none | text: {text}" for text in texts[:2]])
    found = np.concatenate(list(stored_vectors(out, ids)))
    assert found.shape == (3, 768)
    assert cosines(found[:2], expected).min() > 0.9999
    assert cosines(found[:1], found[2:]).max() < 0.99999
    described = json.loads(card.read_text())
    assert described["parameters"] > 300e6
    assert described["identity"].startswith("sha256:")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_vit_l_14_is_loaded_from_a_folder_by_the_stage(tmp_path, clean, run_stage, write_params):
    ids, jpegs = ["a", "b"], [picture("red"), picture("navy")]
    clean(tmp_path, ["product a", "product b"], ids)
    write_images(tmp_path / "images", ids, jpegs)
    with TemporaryDirectory() as folder:
        architectures.vit_l_14(Path(folder))
        embed_clip(tmp_path, run_stage, write_params, folder)
        model, _, transform = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    cleaned = pd.read_parquet(tmp_path / "products.parquet")["clip_text"].tolist()
    with torch.inference_mode():
        pixels = torch.stack([transform(Image.open(io.BytesIO(jpeg))) for jpeg in jpegs])
        images = model.eval().encode_image(pixels, normalize=True).numpy()
        texts = model.encode_text(open_clip.get_tokenizer("ViT-L-14")(cleaned), normalize=True).numpy()
    found = np.concatenate(list(stored_vectors(tmp_path / "clip_image", ids)))
    assert found.shape == (2, 768)
    assert cosines(found, images).min() > 0.9999
    assert cosines(np.concatenate(list(stored_vectors(tmp_path / "clip_text", ids))), texts).min() > 0.9999
    assert json.loads((tmp_path / "clip.json").read_text())["parameters"] > 420e6
