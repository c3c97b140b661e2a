"""Find an encoder's files, in a folder or on the model hub, and identify them by their content."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
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

from pricefuse.encoders.licenses import KNOWN, UNKNOWN, stated_license
from pricefuse.errors import InputError
from pricefuse.keys import file_digest

PACKAGED_PREFIX = "packaged:"
# Copies of the same weights: for other frameworks, and as pickles. Of a hub model only safetensors are fetched.
OTHER_FRAMEWORKS = ("*.h5", "*.msgpack", "*.onnx", "*.gguf", "onnx/*", "openvino/*")
PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt")
DOCUMENTATION = ("*.md", "license*", "notice*", "*.png", "*.jpg", "*.jpeg", "*.gif", "*.svg", "*.webp", "*.pdf")


@dataclass(frozen=True)
class Source:
    """A folder with an encoder's files.

    `identity` is a digest of their content, whatever the folder is called; `revision` the commit of a hub model or the
    version of a package, None for a folder.
    """

    folder: Path
    identity: str
    revision: str | None
    license: str


def resolve(model: str, revision: str | None) -> Source:
    """Return the files of `model`: an existing folder, or else a model of the hub at `revision` (None: newest).

    The identity of both is a digest of the weights and configuration, so that a commit that only edits a model's README
    changes no key, and a copy in a folder shares rows with the hub's. Raises InputError where `model` is neither, is
    gated for this account, or the hub cannot be reached.
    """
    folder = Path(model).expanduser()
    if folder.is_dir():
        return Source(folder, _identity(folder), None, stated_license(folder) or UNKNOWN)
    if model.startswith(PACKAGED_PREFIX):
        raise InputError(f"{model}: no such packaged model here. params.yaml names the one for each encoder")
    if model.startswith((".", "/", "~")):
        raise InputError(f"{model}: no such folder. Set `model` in params.yaml to a folder with the encoder's files")
    try:
        folder = _snapshot(model, revision)
    except GatedRepoError:
        raise InputError(
            f"{model}: the hub requires its license to be accepted first. Do so on the model's page, then log in with"
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
    return Source(folder, _identity(folder), commit, stated_license(folder) or KNOWN.get(model.lower(), UNKNOWN))


def _snapshot(model: str, revision: str | None) -> Path:
    """Return the folder of a hub model; one whose commit is known, and that is here already, needs no network."""
    ignored = [*OTHER_FRAMEWORKS, *PICKLES]
    if revision is not None:
        try:
            return Path(snapshot_download(model, revision=revision, ignore_patterns=ignored, local_files_only=True))
        except LocalEntryNotFoundError:
            pass
    return Path(snapshot_download(model, revision=revision, ignore_patterns=ignored))


def _identity(folder: Path) -> str:
    """Return a SHA-256 over the names and contents of the files of `folder` that can change a vector."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and _matters(path, folder):
            digest.update(f"{path.relative_to(folder).as_posix()}\0{file_digest(path)}\0".encode())
    return f"sha256:{digest.hexdigest()}"


def _matters(path: Path, folder: Path) -> bool:
    """Return whether a file can change a vector: no documentation, hidden file, or copy of the weights.

    A pickle counts where no safetensors file is beside it: then it holds the weights that are loaded.
    """
    name = path.relative_to(folder)
    if any(part.startswith(".") for part in name.parts):
        return False
    if _matches(path.name.lower(), DOCUMENTATION) or _matches(name.as_posix(), OTHER_FRAMEWORKS):
        return False
    return not (_matches(path.name, PICKLES) and any(path.parent.glob("*.safetensors")))


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
