"""Where the weights come from, and what they are identified by."""

from pathlib import Path

import pytest

from pricefuse.encoders import weights
from pricefuse.errors import InputError

MODEL = {
    "model.safetensors": b"weights",
    "config.json": b"{}",
    "tokenizer.json": b"{}",
    "vocab.txt": b"tea",
    "1_Pooling/config.json": b"{}",
    "README.md": b"a model",
    "LICENSE": b"MIT",
    ".gitattributes": b"*.bin lfs",
    "images/curve.png": b"a curve",
    "pytorch_model.bin": b"the weights as a pickle",
    "onnx/model.onnx": b"the weights for another framework",
}
CHANGES_NOTHING = ("README.md", "LICENSE", ".gitattributes", "images/curve.png", "pytorch_model.bin", "onnx/model.onnx")


def write(folder, files):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A hub whose newest commit has the files given; its cache links to blobs, as the real one does."""

    def publish(commit, files):
        blobs, snapshot = tmp_path / "blobs", tmp_path / "snapshots" / commit
        blobs.mkdir(exist_ok=True)
        for name, content in files.items():
            blob = blobs / f"{commit}-{name.replace('/', '-')}"
            blob.write_bytes(content)
            (snapshot / name).parent.mkdir(parents=True, exist_ok=True)
            (snapshot / name).symlink_to(blob)
        monkeypatch.setattr(weights, "snapshot_download", lambda *_, **__: str(snapshot))

    return publish


def test_a_folder_is_known_by_its_content_not_by_its_name(tmp_path):
    one, two = (weights.resolve(str(write(tmp_path / name, MODEL)), None) for name in ("one", "two"))
    assert one.identity == two.identity
    assert one.revision is None


@pytest.mark.parametrize("name", MODEL)
@pytest.mark.parametrize("change", ["edited", "removed"])
def test_only_files_that_can_change_a_vector_change_the_identity(tmp_path, name, change):
    before = weights.resolve(str(write(tmp_path / "before", MODEL)), None).identity
    files = {**MODEL, name: b"other"} if change == "edited" else {key: MODEL[key] for key in MODEL if key != name}
    after = weights.resolve(str(write(tmp_path / "after", files)), None).identity
    if change == "edited" or name != "model.safetensors":
        assert (after == before) == (name in CHANGES_NOTHING)


def test_a_pickle_without_safetensors_beside_it_is_what_is_loaded_and_counts(tmp_path):
    files = {"model.safetensors": b"weights", "2_Dense/pytorch_model.bin": b"weights"}
    before = weights.resolve(str(write(tmp_path / "one", files)), None).identity
    other = weights.resolve(str(write(tmp_path / "two", {**files, "2_Dense/pytorch_model.bin": b"other"})), None)
    assert other.identity != before


def test_an_edited_readme_on_the_hub_changes_the_revision_and_not_the_identity(hub, tmp_path, capsys):
    hub("c0ffee", MODEL)
    first = weights.resolve("google/embeddinggemma-300m", None)
    assert "newest revision is c0ffee" in capsys.readouterr().out
    hub("decade", {**MODEL, "README.md": b"an edited description"})
    second = weights.resolve("google/embeddinggemma-300m", None)
    hub("facade", {**MODEL, "model.safetensors": b"other weights"})
    third = weights.resolve("google/embeddinggemma-300m", "facade")
    assert [source.revision for source in (first, second, third)] == ["c0ffee", "decade", "facade"]
    assert first.identity == second.identity != third.identity
    assert first.license == "Gemma terms of use"
    # A copy in a folder shares rows with the hub's.
    assert weights.resolve(str(write(tmp_path / "copy", MODEL)), None).identity == first.identity


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
    assert not Path(model).exists()
    with pytest.raises(InputError, match=message):
        weights.resolve(model, None)


def test_a_model_of_the_hub_whose_commit_is_known_is_found_in_the_local_cache(monkeypatch, tmp_path):
    """The hub's own library looks for it, in a cache of the real layout, and no network is there."""
    commit = "0123456789abcdef0123456789abcdef01234567"
    snapshot = tmp_path / "models--some--model/snapshots" / commit
    write(snapshot, MODEL | {"README.md": b"---\nlicense: mit\n---\n"})
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    found = weights.resolve("some/model", commit)
    assert (found.folder, found.revision, found.license) == (snapshot, commit, "mit")
    with pytest.raises(InputError, match="the hub cannot be reached, and its cache lacks it"):
        weights.resolve("some/model", commit.replace("0", "f"))
