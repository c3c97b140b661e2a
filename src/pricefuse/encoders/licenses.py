"""Which license an encoder has, and whether a policy allows it."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from pricefuse.errors import InputError

UNKNOWN = "unknown: see the model's own card"
# As the models' cards stated them in 2025, for models whose files do not say.
KNOWN = {
    "google/embeddinggemma-300m": "Gemma terms of use",
    "qwen/qwen3-embedding-0.6b": "Apache-2.0",
    "sentence-transformers/all-minilm-l6-v2": "Apache-2.0",
    "laion/clip-vit-l-14-laion2b-s32b-b82k": "MIT",
    "marqo/marqo-ecommerce-embeddings-l": "Apache-2.0",
    "marqo/marqo-ecommerce-embeddings-b": "Apache-2.0",
}
MAX_PARAMETERS = 8_000_000_000  # the challenge's limit
MAX_CARD_BYTES = 1_000_000
_FRONT_MATTER = re.compile(r"\A---[ \t]*\r?\n(.*?)^---[ \t]*\r?$", re.DOTALL | re.MULTILINE)
_ALIASES = {
    "apache-license-2.0": "apache-2.0",
    "apache-2": "apache-2.0",
    "mit-license": "mit",
    "the-mit-license": "mit",
}


def stated_license(folder: Path) -> str | None:
    """Return the license that the README.md of a model's folder states in its front matter; None if it states none."""
    try:
        with (folder / "README.md").open("rb") as file:
            text = file.read(MAX_CARD_BYTES).decode("utf-8", errors="replace")
        found = _FRONT_MATTER.match(text)
        metadata = yaml.safe_load(found[1]) if found else None
    except (OSError, yaml.YAMLError, ValueError, RecursionError):
        return None
    if not isinstance(metadata, Mapping):
        return None
    name = metadata.get("license")
    if isinstance(name, str) and name.casefold() == "other" and isinstance(metadata.get("license_name"), str):
        name = metadata["license_name"]
    return " ".join(name.split())[:80] if isinstance(name, str) and name.strip() else None


def require_allowed_name(model: str, policy: Sequence[str]) -> None:
    """Raise InputError where a hub model of this name has a license that `policy` does not allow, as far as is known.

    It needs no files: a model that may not be used is refused before its weights are fetched.
    """
    known = KNOWN.get(model.removeprefix("hf-hub:").lower())
    if policy and known is not None:
        _require(model, known, policy)


def require_allowed(card: Mapping[str, Any], policy: Sequence[str]) -> None:
    """Raise InputError where the encoder of `card` (its `describe`) has a license that `policy` does not allow.

    A policy also limits the encoder to MAX_PARAMETERS, as the challenge does. An empty policy allows everything.
    """
    if not policy:
        return
    _require(str(card["model"]), str(card["license"]), policy)
    if card["parameters"] > MAX_PARAMETERS:
        raise InputError(
            f"{card['model']}: {card['parameters'] / 1e9:.1f} billion parameters, and license_policy in params.yaml"
            f" allows {MAX_PARAMETERS / 1e9:.0f}. Use a smaller model, or set license_policy: []"
        )


def same_license(one: str, other: str) -> bool:
    """Return whether two names mean the same license: `apache-2.0` and `Apache License 2.0` do."""
    return _canonical(one) == _canonical(other)


def _require(model: str, name: str, policy: Sequence[str]) -> None:
    if any(same_license(name, allowed) for allowed in policy):
        return
    state = (
        " If that is not its license, state it as `license:` in the front matter of its README.md."
        if (name == UNKNOWN)
        else ""
    )
    raise InputError(
        f"{model}: its license is {name}, and license_policy in params.yaml allows {', '.join(policy)}. Use another"
        f" model, or set license_policy to what you may use ([] allows everything).{state}"
    )


def _canonical(name: str) -> str:
    plain = re.sub(r"[^a-z0-9.]+", "-", name.casefold()).strip("-")
    return _ALIASES.get(plain, plain)
