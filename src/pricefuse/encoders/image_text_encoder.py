"""Encode texts and images into one space with an open_clip model and its evaluation transform."""

import io
import os
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import open_clip
import pyarrow as pa
import torch
import transformers
from PIL import Image

from pricefuse.device import pick_device
from pricefuse.encoders import bundled
from pricefuse.encoders.batch_runner import Batch, BatchRunner
from pricefuse.encoders.batching import MAX_CPU_ITEMS, cap_on_cpu
from pricefuse.encoders.precision import dtype_name, pick_dtype
from pricefuse.encoders.settings import ImageTextEncoderSettings
from pricefuse.encoders.weights import Source, resolve
from pricefuse.errors import InputError
from pricefuse.keys import row_key
from pricefuse.thread_pool import map_in_threads

HUB_PREFIX = "hf-hub:"
RECIPE_VERSION = 2  # raise it when this module computes other vectors for the same texts and images


class Tower(NamedTuple):
    """One half of the model, and the precision that its matrices are multiplied in."""

    encode: Callable[..., torch.Tensor]
    precision: torch.dtype


class ImageTextEncoder:
    """Texts and images to L2-normalized float32 vectors of one space."""

    def __init__(self, settings: ImageTextEncoderSettings) -> None:
        """Load `settings.model` for evaluation.

        It is `packaged:minilm-efficientnet-lite0`, `<architecture>/<open_clip tag>` such as
        `ViT-L-14/laion2b_s32b_b82k`, `hf-hub:<model>`, or a folder with an open_clip_config.json and weights. Raises
        InputError where it cannot be loaded.
        """
        # The stage has a progress bar of its own.
        transformers.utils.logging.disable_progress_bar()
        self.settings = settings
        self.device = pick_device()
        with TemporaryDirectory(prefix="pricefuse-") as scratch:
            self.source, overrides = _find(settings.model, settings.revision, Path(scratch))
            location = f"local-dir:{self.source.folder}"
            try:
                # The text tower's weights are in the checkpoint: open_clip need not look for them elsewhere.
                network, _, self.transform = open_clip.create_model_and_transforms(
                    location, device=self.device, pretrained_text=False, require_pretrained=True, **overrides
                )
                self.tokenizer = open_clip.get_tokenizer(location)
            except (OSError, ValueError, RuntimeError) as error:
                raise InputError(f"{settings.model}: not a model that open_clip can load ({error})") from error
        self.network = network.eval()
        self.texts = Tower(network.encode_text, pick_dtype(settings.dtype, self.device))
        self.images = Tower(network.encode_image, pick_dtype(settings.dtype, self.device, network.visual))
        self.parameters = sum(parameter.numel() for parameter in network.parameters())
        ((_, vector),) = self.encode_texts([""])
        self.dimension = len(vector)

    @property
    def batch_size(self) -> int:
        """The items of a batch: as set, within what a CPU is busy with."""
        return cap_on_cpu(self.settings.batch_size, self.device, MAX_CPU_ITEMS)

    @property
    def text_schema(self) -> pa.Schema:
        """The columns of a text's record: the vector, float32 (dimension,)."""
        return pa.schema([("vector", pa.list_(pa.float32(), self.dimension))])

    @property
    def image_schema(self) -> pa.Schema:
        """The columns of an image's record: has_image, and the vector, float32 (dimension,), null without an image."""
        return pa.schema([("has_image", pa.bool_()), ("vector", pa.list_(pa.float32(), self.dimension))])

    def describe(self) -> dict[str, Any]:
        """Return the entries of a model card for this encoder, as JSON values; `dtype` is the setting."""
        return {
            "model": self.settings.model,
            "revision": self.source.revision,
            "identity": self.source.identity,
            "recipe": row_key(self.text_recipe, self.image_recipe),
            "license": self.source.license,
            "parameters": self.parameters,
            "dimension": self.dimension,
            "dtype": self.settings.dtype,
            "resolved_dtype": {"text": dtype_name(self.texts.precision), "image": dtype_name(self.images.precision)},
        }

    @property
    def text_recipe(self) -> str:
        """Digest of all that determines a text's vector but the text.

        It holds the precision that `dtype` resolved to for this tower, so that float32 and bfloat16 rows never stand in
        one table; an explicit `dtype` lets machines with and without a GPU share rows.
        """
        return row_key(RECIPE_VERSION, self.source.identity, "text", dtype_name(self.texts.precision))

    @property
    def image_recipe(self) -> str:
        """Digest of all that determines an image's vector but the image; of precision, see `text_recipe`."""
        precision = dtype_name(self.images.precision)
        return row_key(RECIPE_VERSION, self.source.identity, "image", precision, repr(self.transform))

    def text_key(self, text: str) -> str:
        """Return a digest of all that determines a text's vector."""
        return row_key(self.text_recipe, text)

    def image_key(self, sha256: str | None) -> str:
        """Return a digest of all that determines an image's vector, from its bytes' digest; None is for no image."""
        return row_key(self.image_recipe, sha256)

    def encode_texts(self, texts: Sequence[str]) -> Generator[tuple[int, np.ndarray], None, None]:
        """Yield (index, vector float32 (dimension,)) for every text, in order; texts beyond the context are cut.

        Raises InputError where the encoder gives a vector that is not finite, or memory does not suffice for one text.
        """
        size = self.batch_size
        batches = (
            (range(len(texts))[start : start + size], (self.tokenizer(list(texts[start : start + size])),))
            for start in range(0, len(texts), size)
        )
        yield from self._vectors(self.texts, batches)

    def encode_images(self, images: Iterable[tuple[int, bytes]]) -> Generator[tuple[int, np.ndarray], None, None]:
        """Yield (index, vector float32 (dimension,)) for every (index, encoded RGB image), in order.

        The next batches are decoded, on all cores, while one is computed. Raises InputError as `encode_texts`.
        """

        def decode(image: tuple[int, bytes]) -> torch.Tensor:
            return self.decode(image[1])

        # Pillow and torchvision release the interpreter while they work: threads are enough.
        decoded = map_in_threads(decode, images, threads=os.cpu_count() or 1, ahead=2 * self.batch_size)
        with closing(decoded):
            yield from self.encode_decoded((index, pixels) for (index, _), pixels in decoded)

    def encode_decoded(
        self, images: Iterable[tuple[int, torch.Tensor]]
    ) -> Generator[tuple[int, np.ndarray], None, None]:
        """Yield (index, vector float32 (dimension,)) for every (index, pixels as `decode` returns them), in order."""
        yield from self._vectors(self.images, _pixel_batches(iter(images), self.batch_size))

    def decode(self, image: bytes) -> torch.Tensor:
        """Return an image's pixels, float32 (channels, height, width), by the evaluation transform."""
        return self.transform(Image.open(io.BytesIO(image)).convert("RGB"))

    def _vectors(self, tower: Tower, batches: Iterable[Batch]) -> Generator[tuple[int, np.ndarray], None, None]:
        def forward(batch: torch.Tensor) -> torch.Tensor:
            mixed = torch.autocast(self.device.type, tower.precision, enabled=tower.precision != torch.float32)
            with torch.inference_mode(), mixed:
                return tower.encode(batch, normalize=True)

        remedy = "Use a smaller model"
        runner = BatchRunner(forward, self.device, model=self.settings.model, section="embed_clip", remedy=remedy)
        for indices, vectors in runner.run(batches):
            yield from zip(indices, vectors, strict=True)


def _pixel_batches(images: Iterator[tuple[int, torch.Tensor]], size: int) -> Iterator[Batch]:
    while batch := list(islice(images, size)):
        yield [index for index, _ in batch], (torch.stack([pixels for _, pixels in batch]),)


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
