"""Load the encoders that a price model was trained with, and refuse any other."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from pydantic import ValidationError

from pricefuse.encoders.image_text_encoder import ImageTextEncoder
from pricefuse.encoders.precision import PRECISIONS
from pricefuse.encoders.settings import ImageTextEncoderSettings, TextEncoderSettings
from pricefuse.encoders.text_encoder import TextEncoder
from pricefuse.encoders.weights import PACKAGED_PREFIX
from pricefuse.errors import InputError
from pricefuse.settings import Settings

S = TypeVar("S", bound=Settings)
SECTIONS = {"gemma": "embed_gemma", "clip": "embed_clip"}  # of params.yaml, by the name of the encoder's card


@dataclass(frozen=True)
class Encoders:
    """The encoders of a model, each None where the model's features have none of it.

    One item is encoded at a time: what stands beside it in a batch would change the last bits of its vector, and with
    them the price.
    """

    text: TextEncoder | None
    image_text: ImageTextEncoder | None

    def recipe(self, block: str) -> str:
        """Return the digest of what makes the vectors of a feature block."""
        encoder = self.text if block == "gemma" else self.image_text
        return "" if encoder is None else str(encoder.describe()["recipe"])

    def vector(self, block: str, text: str, clip_text: str, jpeg: bytes | None) -> np.ndarray | None:
        """Return the vector of one product, float32 (dimension,), None for an image that is not there."""
        if block == "gemma" and self.text is not None:
            ((_, vector),) = self.text.encode(self.text.chunk([text]))
            return vector
        if self.image_text is None:
            raise ValueError(f"no encoder makes block {block}")
        if block == "clip_text":
            ((_, vector),) = self.image_text.encode_texts([(0, clip_text)])
            return vector
        if jpeg is None:
            return None
        ((_, vector),) = self.image_text.encode_images([(0, jpeg)])
        return vector


def load_encoders(
    recipe: Mapping[str, Any],
    cards: Mapping[str, Any],
    blocks: set[str],
    device: torch.device,
    folders: Mapping[str, Path],
) -> Encoders:
    """Load the encoders that make `blocks`, as the sections of params.yaml in `recipe` say.

    `cards` says of each ("gemma", "clip") what it was in training: a model of the hub is looked for at that commit,
    and computes in that precision. `folders` names folders that an encoder is to be found in instead. Raises InputError
    where one is not here, or would give other vectors than in training.
    """
    text = image_text = None
    if "gemma" in blocks:
        section, card = _asked(recipe, cards, folders, "gemma")
        section["dtype"] = card["resolved_dtype"]
        text = TextEncoder(settings_of(TextEncoderSettings, section, "embed_gemma"), device)
        _require_same(text.describe(), card, "gemma")
    if blocks & {"clip_text", "clip_image"}:
        section, card = _asked(recipe, cards, folders, "clip")
        resolved = card["resolved_dtype"]
        if len(set(resolved.values())) == 1:
            section["dtype"] = resolved["text"]
        image_text = ImageTextEncoder(settings_of(ImageTextEncoderSettings, section, "embed_clip"), device, resolved)
        _require_same(image_text.describe(), card, "clip")
    return Encoders(text, image_text)


def settings_of(kind: type[S], section: Any, name: str) -> S:
    """Return the settings that a price model carries. Raises InputError where they are not such a section."""
    try:
        return kind.model_validate(section)
    except ValidationError as error:
        fault = error.errors()[0]
        place = ".".join(map(str, (name, *fault["loc"])))
        raise InputError(f"model.json, recipe.{place}: {fault['msg']}. The model is another version's") from None


def _asked(
    recipe: Mapping[str, Any], cards: Mapping[str, Any], folders: Mapping[str, Path], name: str
) -> tuple[dict[str, Any], Mapping[str, Any]]:
    """Return the encoder's section of params.yaml, as it is to be loaded here, and its card."""
    card, section = cards.get(name), recipe.get(SECTIONS[name])
    if not (isinstance(card, Mapping) and isinstance(section, Mapping) and _names_its_precision(card, name)):
        raise InputError(f"model.json does not say which encoder {name} is. Run `dvc repro ensemble`")
    asked = dict(section)
    if name in folders:
        asked |= {"model": str(folders[name]), "revision": None}
    elif not (model := str(asked.get("model"))).startswith(PACKAGED_PREFIX) and not Path(model).is_dir():
        asked["revision"] = card.get("revision")  # the commit of a hub model
    return asked, card


def _names_its_precision(card: Mapping[str, Any], name: str) -> bool:
    resolved = card.get("resolved_dtype")
    if name == "clip":
        return isinstance(resolved, Mapping) and all(resolved.get(tower) in PRECISIONS for tower in ("text", "image"))
    return isinstance(resolved, str) and resolved in PRECISIONS


def _require_same(found: Mapping[str, Any], card: Mapping[str, Any], name: str) -> None:
    if found["recipe"] == card.get("recipe"):
        return
    ignored = {"recipe", "model", "revision", "license", "dtype"}
    differ = [
        f"{key} is {found[key]}, was {card.get(key)}" for key in found.keys() - ignored if found[key] != card.get(key)
    ]
    raise InputError(
        f"encoder {name}: {found['model']} gives other vectors than {card.get('model')} did in training"
        f" ({'; '.join(sorted(differ)) or 'its code or its image transform is another'}). Give the folder of the"
        f" encoder that the model was trained with, as encoders={{{name!r}: ...}} or `--encoder {name}=...`"
    )
