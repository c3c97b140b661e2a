"""Find and load an open_clip model, in bfloat16 where the device and the model allow it."""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import open_clip
import torch
from open_clip.transformer import TextTransformer
from torchvision.transforms import Compose

from pricefuse.encoders import bundled
from pricefuse.encoders.precision import coarse_in_bfloat16
from pricefuse.encoders.settings import ImageTextEncoderSettings
from pricefuse.encoders.weights import Source, resolve
from pricefuse.errors import InputError

HUB_PREFIX = "hf-hub:"


@dataclass(frozen=True)
class OpenClipModel:
    """A network for evaluation, its transform and tokenizer; `lowered` says that its matrices are in bfloat16."""

    source: Source
    network: Any
    transform: Compose
    tokenizer: Any
    lowered: bool


def load(settings: ImageTextEncoderSettings, device: torch.device) -> OpenClipModel:
    """Load `settings.model`; see `ImageTextEncoder`. Raises InputError where it cannot be loaded."""
    with TemporaryDirectory(prefix="pricefuse-") as scratch:
        source, overrides = _find(settings.model, settings.revision, Path(scratch))
        location = f"local-dir:{source.folder}"

        def create(precision: str) -> tuple[Any, Compose]:
            # The text tower's weights are in the checkpoint: open_clip need not look for them elsewhere.
            network, _, transform = open_clip.create_model_and_transforms(
                location,
                device=device,
                precision=precision,
                pretrained_text=False,
                require_pretrained=True,
                **overrides,
            )
            return network.eval(), transform

        try:
            lowered = device.type == "cuda" and settings.dtype != "float32"
            network, transform = create("bf16" if lowered else "fp32")
            if lowered and not can_be_lowered(network, settings):
                lowered = False
                network, transform = create("fp32")
            tokenizer = open_clip.get_tokenizer(location)
        except torch.OutOfMemoryError as error:
            raise InputError(f"{settings.model}: no memory for it on {device}. Use a smaller model") from error
        except (OSError, ValueError, RuntimeError) as error:
            raise InputError(f"{settings.model}: not a model that open_clip can load ({error})") from error
    return OpenClipModel(source, network, transform, tokenizer, lowered)


def can_be_lowered(network: Any, settings: ImageTextEncoderSettings) -> bool:
    """Return whether the whole network may have its matrices in bfloat16, once and for all.

    open_clip's bf16 does not reach into text towers of other libraries, and `dtype: auto` spares convolutions with
    batch norm: these keep float32 weights, of which autocast makes bfloat16 where it may.
    """
    own_text = isinstance(getattr(network, "text", None), TextTransformer | None)
    return own_text and not (settings.dtype == "auto" and coarse_in_bfloat16(network.visual))


def _find(model: str, revision: str | None, scratch: Path) -> tuple[Source, dict[str, Any]]:
    """Return the model's files, and the arguments that open_clip needs beside them."""
    if model == bundled.IMAGE_TEXT:
        return bundled.image_text(scratch), {}
    architecture, _, tag = model.rpartition("/")
    pretrained = open_clip.get_pretrained_cfg(architecture, tag) if architecture in open_clip.list_models() else {}
    if not pretrained:
        return resolve(model.removeprefix(HUB_PREFIX), revision), {}
    if not (repository := pretrained.get("hf_hub", "").strip("/")):
        raise InputError(f"{model}: open_clip knows no hub copy of it. Use {HUB_PREFIX}<model> or a folder")
    overrides = {f"image_{name}": pretrained[name] for name in ("mean", "std", "interpolation") if name in pretrained}
    return resolve(repository, revision), overrides
