"""The encoders: equal to their libraries' own calls, whatever the batches, chunks and missing images."""

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
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image
from sentence_transformers import SentenceTransformer

from pricefuse.encoders import bundled as packaged
from pricefuse.encoders import weights as source
from pricefuse.encoders.chunking import Chunker
from pricefuse.encoders.device import pick_dtype
from pricefuse.encoders.image_text_encoder import ImageTextEncoder
from pricefuse.encoders.text_encoder import TextEncoder
from pricefuse.errors import InputError
from pricefuse.features.matrix import stored_vectors
from pricefuse.keys import row_key
from pricefuse.tables import refresh as rows
from pricefuse.tables.parquet import iter_parts

TEXTS = ["Green tea, 20 bags", "", "🍵 thé vert ☕", "Tea " * 30, "x" * 900, "Olive oil 1 L " * 40, "   "]


def picture(colour, size=(260, 300)):
    Image.new("RGB", size, colour).save(buffer := io.BytesIO(), "PNG")
    return buffer.getvalue()


def cosines(left, right):
    left, right = np.atleast_2d(left), np.atleast_2d(right)
    return (left * right).sum(1) / np.linalg.norm(left, axis=1) / np.linalg.norm(right, axis=1)


def in_order(numbered):
    return np.stack([vector for _, vector in sorted(numbered, key=lambda pair: pair[0])])


@pytest.fixture(scope="module")
def minilm():
    return TextEncoder(packaged.MINILM, chunk_tokens=256, dtype="float32")


@pytest.fixture(scope="module")
def image_text():
    return ImageTextEncoder(packaged.IMAGE_TEXT, dtype="float32")


# ── text ──


@pytest.mark.parametrize("batch_tokens", [1, 256 * 7, 256 * 64])
def test_texts_that_fit_are_encoded_as_the_library_does(minilm, batch_tokens):
    minilm.batch_tokens = batch_tokens
    found = in_order(minilm.encode(minilm.chunk(TEXTS)))
    assert found.dtype == np.float32
    assert cosines(found, minilm.network.encode(TEXTS)).min() > 0.9999


def test_long_texts_are_the_token_weighted_mean_of_their_chunks():
    encoder = TextEncoder(packaged.MINILM, chunk_tokens=34)
    text = " ".join(f"word{i} of tea" for i in range(40))
    (chunks,) = encoder.chunk([text])
    assert len(chunks.texts) > 3
    tokenizer = encoder.network.tokenizer
    counts = [len(tokenizer(chunk, add_special_tokens=False)["input_ids"]) for chunk in chunks.texts]
    assert list(chunks.tokens) == counts
    assert max(counts) <= 32
    expected = np.average(encoder.network.encode(list(chunks.texts)), axis=0, weights=counts)
    ((_, found),) = encoder.encode([chunks])
    assert cosines(found, expected).min() > 0.9999
    assert np.linalg.norm(found) == pytest.approx(1, abs=1e-5)


@settings(max_examples=60)
@example("\u0301中🍵", 8)
@example("\u0301" * 40, 8)
@given(st.text(alphabet=st.sampled_from("ab é🍵中\n.-ßÆ\u0301"), max_size=300), st.integers(3, 40))
def test_chunks_fit_the_window_and_lose_nothing(minilm, text, window):
    chunker = Chunker(minilm.tokenizer, prompt="", chunk_tokens=window, longest=None)
    (chunks,) = chunker.chunk([text])
    assert max(map(len, chunks.ids)) <= window
    assert [minilm.tokenizer(chunk)["input_ids"] for chunk in chunks.texts] == [ids.tolist() for ids in chunks.ids]
    assert "".join("".join(chunks.texts).split()) == "".join(text.split())


def test_a_text_of_100_000_characters_is_chunked_whole(minilm):
    text = "a fine tea from the hills " * 4000
    (chunks,) = minilm.chunk([text])
    assert " ".join(chunks.texts).split() == text.split()
    assert sum(chunks.tokens) == 24_000


def test_the_prompt_stands_before_every_chunk_and_takes_its_room():
    plain = TextEncoder(packaged.MINILM, chunk_tokens=34)
    prompted = TextEncoder(packaged.MINILM, chunk_tokens=34, prompt="title: none | text: ")
    text = "green tea " * 60
    (short,), (long,) = plain.chunk([text]), prompted.chunk([text])
    assert all(chunk.startswith("title: none | text: green tea") for chunk in long.texts)
    assert prompted.chunker.room < plain.chunker.room
    assert len(long.texts) > len(short.texts)
    with pytest.raises(InputError, match="leaves no room for text"):
        TextEncoder(packaged.MINILM, chunk_tokens=8, prompt="title: none | text: ")


def test_a_key_holds_the_window_and_a_content_key_only_the_chunks():
    coarse, fine = TextEncoder(packaged.MINILM, chunk_tokens=64), TextEncoder(packaged.MINILM, chunk_tokens=32)
    unnormalised = TextEncoder(packaged.MINILM, chunk_tokens=64, normalize=False)
    texts = ["green tea", "green tea " * 100]
    contents = {
        name: [encoder.content_key(chunks) for chunks in encoder.chunk(texts)]
        for name, encoder in {"coarse": coarse, "fine": fine, "unnormalised": unnormalised}.items()
    }
    assert contents["coarse"][0] == contents["fine"][0]
    assert contents["coarse"][1] != contents["fine"][1]
    assert contents["coarse"][0] != contents["unnormalised"][0]
    assert len({encoder.key("green tea") for encoder in (coarse, fine, unnormalised)}) == 3
    assert len({encoder.describe()["recipe"] for encoder in (coarse, fine, unnormalised)}) == 3


def test_without_memory_for_a_batch_smaller_ones_give_the_same_vectors(monkeypatch, capsys):
    encoder = TextEncoder(packaged.MINILM, chunk_tokens=64, batch_tokens=2000)
    chunks = encoder.chunk(["fine green tea " * (i % 9) for i in range(60)])
    expected = in_order(encoder.encode(chunks))
    forward, sizes = encoder._forward, []

    def small_device(ids):
        if len(ids) * max(map(len, ids)) > 300:
            raise torch.OutOfMemoryError("CUDA out of memory")
        sizes.append(len(ids))
        return forward(ids)

    monkeypatch.setattr(encoder, "_forward", small_device)
    assert cosines(in_order(encoder.encode(chunks)), expected).min() > 0.9999
    said = capsys.readouterr().out
    assert said.count("out of memory") <= 4  # the batches that follow are small from the start
    assert encoder.batch_tokens <= 300

    monkeypatch.setattr(encoder, "_forward", lambda ids: small_device(ids * 100))
    with pytest.raises(InputError, match="no memory for one chunk of"):
        list(encoder.encode(chunks))


def test_without_memory_for_a_batch_of_images_smaller_ones_give_the_same_vectors(image_text, monkeypatch, capsys):
    pictures = [picture(colour) for colour in ("red", "white", "black", "gold", "teal")]
    expected = in_order(image_text.encode_images(enumerate(pictures)))
    encode = image_text.images.encode

    def small_device(batch, **options):
        if len(batch) > 2:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory")
        return encode(batch, **options)

    monkeypatch.setattr(image_text, "images", image_text.images._replace(encode=small_device))
    monkeypatch.setattr(image_text, "batch_size", 5)
    assert cosines(in_order(image_text.encode_images(enumerate(pictures))), expected).min() > 0.9999
    assert "out of memory: batches of at most" in capsys.readouterr().out


# ── image and text ──


@pytest.mark.parametrize("batch_size", [1, 7, 64])
def test_images_are_encoded_as_the_library_does_in_evaluation(image_text, batch_size):
    colours = ["red", "white", "black", "#336699", "orange", "gold", "olive", "teal", "navy"]
    image_text.batch_size = batch_size
    found = in_order(image_text.encode_images(enumerate(map(picture, colours))))
    pixels = torch.stack([image_text.transform(Image.open(io.BytesIO(picture(colour)))) for colour in colours])
    with torch.inference_mode():
        expected = image_text.network.encode_image(pixels, normalize=True).numpy()
    assert not image_text.network.training
    assert cosines(found, expected).min() > 0.9999
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)


def test_texts_have_start_and_end_tokens_and_the_vectors_of_the_sentence_encoder(image_text, minilm):
    """The composed model's text tower is MiniLM, so that its vectors must be MiniLM's where all tokens fit."""
    found = in_order(image_text.encode_texts(TEXTS[:4]))
    assert cosines(found, minilm.network.encode(TEXTS[:4])).min() > 0.9999


def test_bfloat16_is_for_transformers_alone_unless_it_is_asked_for(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    composed = ImageTextEncoder(packaged.IMAGE_TEXT)
    assert (composed.texts.precision, composed.images.precision) == (torch.bfloat16, torch.float32)
    assert ImageTextEncoder(packaged.IMAGE_TEXT, dtype="bfloat16").images.precision == torch.bfloat16
    transformer = open_clip.create_model("ViT-S-32", load_weights=False)
    assert pick_dtype("auto", torch.device("cpu"), transformer.visual) == torch.bfloat16
    exact = ImageTextEncoder(packaged.IMAGE_TEXT, dtype="float32")
    texts = [in_order(encoder.encode_texts(TEXTS[:4])) for encoder in (composed, exact)]
    images = [in_order(encoder.encode_images([(0, picture("olive"))])) for encoder in (composed, exact)]
    assert cosines(*texts).min() > 0.999
    np.testing.assert_array_equal(*images)


def test_the_composed_model_tells_real_things_apart(image_text):
    """Zero-shot: each picture is nearest to its own label. scikit-learn's sample photos are real ones."""
    from sklearn.datasets import load_sample_images

    labels = ["a photo of a palace", "a photo of a daisy", "a photo of a keyboard", "a photo of a dog"]
    photos = []
    for array in load_sample_images().images:  # a Chinese palace, a flower
        Image.fromarray(array).save(buffer := io.BytesIO(), "PNG")
        photos.append(buffer.getvalue())
    similar = in_order(image_text.encode_images(enumerate(photos))) @ in_order(image_text.encode_texts(labels)).T
    assert similar.argmax(1).tolist() == [0, 1]


def test_two_compositions_are_byte_identical(tmp_path):
    digests = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        packaged.image_text(tmp_path / name)
        digests.append(source.file_digest(tmp_path / name / "open_clip_model.safetensors"))
    assert digests[0] == digests[1]


def test_a_missing_image_is_masked_and_never_embedded(tmp_path, run_stage, write_params, image_text):
    ids = ["a", "b", "c"]
    jpegs = [picture("red"), None, picture("red")]
    write_images(tmp_path / "images", ids, jpegs)
    embed_clip(tmp_path, run_stage, write_params, packaged.IMAGE_TEXT, ids)
    table = pa.concat_tables(iter_parts(tmp_path / "clip_image"))
    assert table["has_image"].to_pylist() == [True, False, True]
    vectors = np.concatenate(list(stored_vectors(tmp_path / "clip_image", ids)))
    assert np.isnan(vectors[1]).all()
    assert cosines(vectors[0], in_order(image_text.encode_images([(0, jpegs[0])]))[0]).min() > 0.9999


# ── where the weights come from ──


def test_a_folder_is_known_by_its_content_not_by_its_name(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.safetensors").write_bytes(b"weights")
    first, second = source.resolve(str(tmp_path / "one"), None), source.resolve(str(tmp_path / "two"), None)
    assert first.identity == second.identity
    (tmp_path / "two" / "model.safetensors").write_bytes(b"other")
    assert source.resolve(str(tmp_path / "two"), None).identity != first.identity


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("./no/such/folder", "no such folder"),
        ("some-org/some-model", "hub cannot be reached.*packaged:"),
        ("packaged:all-MiniLM-L6-v3", "no such packaged model"),
        ("not a name!", "no such folder, and no such model on the hub"),
    ],
)
def test_a_model_that_cannot_be_had_says_what_to_do(model, message):
    with pytest.raises(InputError, match=message):
        TextEncoder(model, chunk_tokens=64)


@pytest.mark.parametrize(
    "content", [{}, {"model_cfg": open_clip.get_model_config("ViT-S-32")}], ids=["empty", "no weights"]
)
def test_a_folder_that_is_no_image_text_model_is_refused(tmp_path, content):
    if content:  # open_clip alone would go on with random weights
        (tmp_path / "open_clip_config.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="not a model that open_clip can load"):
        ImageTextEncoder(str(tmp_path))


def test_a_folder_that_is_no_sentence_transformer_is_refused(tmp_path):
    with pytest.raises(InputError, match="not a model that sentence-transformers can load"):
        TextEncoder(str(tmp_path), chunk_tokens=64)


def test_an_open_clip_tag_is_its_hub_model_with_the_tags_own_preprocessing(tmp_path, monkeypatch):
    asked = []

    def resolve(repository, revision):
        asked.append((repository, revision))
        return packaged.image_text(tmp_path)

    monkeypatch.setattr("pricefuse.encoders.image_text_encoder.resolve", resolve)
    encoder = ImageTextEncoder("ViT-L-14/laion2b_s32b_b82k", revision="abc")
    assert asked == [("laion/CLIP-ViT-L-14-laion2B-s32B-b82K", "abc")]
    assert "Normalize(mean=[0.5, 0.5, 0.5], std=[0.5, 0.5, 0.5])" in repr(encoder.transform).replace(
        "(0.5, 0.5, 0.5)", "[0.5, 0.5, 0.5]"
    )


def test_float16_is_not_offered():
    with pytest.raises(InputError, match="dtype 'float16'"):
        TextEncoder(packaged.MINILM, chunk_tokens=64, dtype="float16")


# ── the true architectures, with random weights, from a user's folder ──


@pytest.mark.timeout(600)
def test_embeddinggemma_is_loaded_from_a_folder_by_the_stage(tmp_path, run_stage, write_params):
    with TemporaryDirectory() as folder:
        architectures.embeddinggemma(Path(folder))
        settings = {"model": folder, "prompt": "title: none | text: ", "chunk_tokens": 64, "dtype": "float32"}
        write_params(tmp_path, {f"embed_gemma.{key}": value for key, value in settings.items()})
        pd.DataFrame({"sample_id": list("abc"), "text": ["green tea", "", "fine green tea " * 60]}).to_parquet(
            tmp_path / "products.parquet"
        )
        out, card = tmp_path / "gemma", tmp_path / "gemma.json"
        run_stage("embed_gemma", tmp_path, "--products", "products.parquet", "--out", out, "--card", card)
        reference = SentenceTransformer(folder, device="cpu", local_files_only=True)
        expected = reference.encode(["title: none | text: green tea", "title: none | text: "])
    found = np.concatenate(list(stored_vectors(out, list("abc"))))
    assert found.shape == (3, 768)
    assert cosines(found[:2], expected).min() > 0.9999
    assert cosines(found[:1], found[2:]).max() < 0.99999
    described = json.loads(card.read_text())
    assert described["parameters"] > 300e6
    assert described["identity"].startswith("folder:")


@pytest.mark.timeout(600)
def test_vit_l_14_is_loaded_from_a_folder_by_the_stage(tmp_path, run_stage, write_params):
    ids, jpegs = ["a", "b"], [picture("red"), picture("navy")]
    write_images(tmp_path / "images", ids, jpegs)
    with TemporaryDirectory() as folder:
        architectures.vit_l_14(Path(folder))
        embed_clip(tmp_path, run_stage, write_params, folder, ids)
        model, _, transform = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    with torch.inference_mode():
        pixels = torch.stack([transform(Image.open(io.BytesIO(jpeg))) for jpeg in jpegs])
        images = model.eval().encode_image(pixels, normalize=True).numpy()
        texts = model.encode_text(
            open_clip.get_tokenizer("ViT-L-14")(["product a", "product b"]), normalize=True
        ).numpy()
    found = np.concatenate(list(stored_vectors(tmp_path / "clip_image", ids)))
    assert found.shape == (2, 768)
    assert cosines(found, images).min() > 0.9999
    assert cosines(np.concatenate(list(stored_vectors(tmp_path / "clip_text", ids))), texts).min() > 0.9999
    assert json.loads((tmp_path / "clip.json").read_text())["parameters"] > 420e6


def embed_clip(folder, run_stage, write_params, model, ids):
    write_params(folder, {"embed_clip.model": model, "embed_clip.dtype": "float32"})
    texts = [f"product {sample_id}" for sample_id in ids]
    pd.DataFrame({"sample_id": ids, "clip_text": texts}).to_parquet(folder / "products.parquet")
    outputs = {"text-out": "clip_text", "image-out": "clip_image", "card": "clip.json"}
    paths = {"products": "products.parquet", "images": "images", **outputs}
    run_stage("embed_clip", folder, *[part for name, path in paths.items() for part in (f"--{name}", path)])


def write_images(folder, ids, images):
    schema = pa.schema([("sha256", pa.string()), ("jpeg", pa.binary())])
    digests = [image and hashlib.sha256(image).hexdigest() for image in images]

    def compute(missing):
        for position in missing:
            yield position, {"sha256": digests[position], "jpeg": images[position]}

    rows.refresh(folder, ids, [row_key(i) for i in ids], compute, schema)
