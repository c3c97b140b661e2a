"""Where an encoder's weights come from: a package, a folder, or the model hub."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from pricefuse.errors import InputError

PACKAGED_PREFIX = "packaged:"
# Other frameworks' copies of the same weights, and pickles: only safetensors are fetched.
NOT_FETCHED = ["*.bin", "*.pt", "*.pth", "*.ckpt", "*.h5", "*.msgpack", "*.onnx", "*.gguf", "onnx/*", "openvino/*"]
UNKNOWN_LICENCE = "unknown: see the model's own card"
# As the models' cards stated them in 2025. The challenge allows MIT and Apache-2.0 only.
LICENCES = {
    "google/embeddinggemma-300m": "Gemma terms of use",
    "qwen/qwen3-embedding-0.6b": "Apache-2.0",
    "sentence-transformers/all-minilm-l6-v2": "Apache-2.0",
    "laion/clip-vit-l-14-laion2b-s32b-b82k": "MIT",
    "marqo/marqo-ecommerce-embeddings-l": "Apache-2.0",
    "marqo/marqo-ecommerce-embeddings-b": "Apache-2.0",
}


@dataclass(frozen=True)
class Source:
    """A folder with an encoder's files; `identity` names their content, whatever the folder is called."""

    folder: Path
    identity: str
    revision: str | None
    licence: str


def resolve(model: str, revision: str | None) -> Source:
    """Return the files of `model`: a folder that is there, or else a model of the hub, fetched at `revision`.

    Raises InputError where `model` is neither, is gated for this account, or the hub cannot be reached.
    """
    folder = Path(model).expanduser()
    if folder.is_dir():
        return Source(folder, f"folder:{_digest(folder)}", None, UNKNOWN_LICENCE)
    if model.startswith(PACKAGED_PREFIX):
        raise InputError(
            f"{model}: no such packaged model here. params.yaml names the one that there is for each encoder"
        )
    if model.startswith((".", "/", "~")):
        raise InputError(f"{model}: no such folder. Set `model` in params.yaml to a folder with the encoder's files")
    try:
        folder = Path(snapshot_download(model, revision=revision, ignore_patterns=NOT_FETCHED))
    except GatedRepoError:
        raise InputError(
            f"{model}: the hub wants its licence accepted first. Do so on the model's page, then log in with"
            " `hf auth login` (or set HF_TOKEN)"
        ) from None
    except (RepositoryNotFoundError, RevisionNotFoundError, HFValidationError):
        at = f" at revision {revision}" if revision else ""
        raise InputError(f"{model}: no such folder, and no such model on the hub{at}. Check params.yaml") from None
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        raise InputError(
            f"{model}: the hub cannot be reached, and its cache lacks it ({type(error).__name__}). Set `model` to a"
            f" folder with the encoder's files, or to one of the `{PACKAGED_PREFIX}` models, which need no network"
        ) from None
    commit = folder.name
    if revision is None:
        print(f"{model}: the hub's newest revision is {commit}; set `revision` to it to make this run repeatable")
    return Source(folder, f"hub:{model}@{commit}", commit, LICENCES.get(model.lower(), UNKNOWN_LICENCE))


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file, as hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest(folder: Path) -> str:
    """Return a SHA-256 over the names and contents of all files below `folder`, but for hidden ones, as hex."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if path.is_file() and not any(part.startswith(".") for part in name.parts):
            digest.update(f"{name.as_posix()}\0{file_digest(path)}\0".encode())
    return digest.hexdigest()
