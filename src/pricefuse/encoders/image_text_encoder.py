"""The image-text encoder: open_clip, loaded the ordinary way, with its evaluation transform."""

import io
import os
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import chain, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import open_clip
import pyarrow as pa
import torch
from PIL import Image

from pricefuse.encoders import bundled as packaged
from pricefuse.encoders.batching import mapped
from pricefuse.encoders.device import out_of_memory, pick_device, pick_dtype, quiet
from pricefuse.encoders.weights import Source, resolve
from pricefuse.errors import InputError
from pricefuse.keys import row_key

HUB_PREFIX = "hf-hub:"
RECIPE_VERSION = 2  # raise it when this module makes other vectors of the same texts and images


class Tower(NamedTuple):
    """One half of the model, and the precision that its matrices are multiplied in."""

    encode: Callable[..., torch.Tensor]
    precision: torch.dtype


class ImageTextEncoder:
    """Texts and images to L2-normalised float32 vectors of one space."""

    def __init__(self, model: str, *, revision: str | None = None, batch_size: int = 32, dtype: str = "auto") -> None:
        """Load `model`: `packaged:minilm-efficientnet-lite0`, `<architecture>/<open_clip tag>` such as
        `ViT-L-14/laion2b_s32b_b82k`, `hf-hub:<model>`, or a folder with an open_clip_config.json and weights.

        Raises InputError where it cannot be had.
        """
        quiet()
        self.device = pick_device()
        self.model, self.batch_size, self.dtype = model, batch_size, dtype
        with TemporaryDirectory(prefix="pricefuse-") as scratch:
            self.source, overrides = _find(model, revision, Path(scratch))
            location = f"local-dir:{self.source.folder}"
            try:
                # The text tower's weights are in the checkpoint: open_clip need not look for them elsewhere.
                network, _, self.transform = open_clip.create_model_and_transforms(
                    location, device=self.device, pretrained_text=False, require_pretrained=True, **overrides
                )
                self.tokenizer = open_clip.get_tokenizer(location)
            except (OSError, ValueError, RuntimeError) as error:
                raise InputError(f"{model}: not a model that open_clip can load ({error})") from error
        self.network = network.eval()
        self.texts = Tower(network.encode_text, pick_dtype(dtype, self.device))
        self.images = Tower(network.encode_image, pick_dtype(dtype, self.device, network.visual))
        self.parameters = sum(parameter.numel() for parameter in network.parameters())
        self.dimension = int(self._run(self.texts, self.tokenizer([""])).shape[1])

    @property
    def text_schema(self) -> pa.Schema:
        """The columns of a text's record: the vector, float32 (dimension,)."""
        return pa.schema([("vector", pa.list_(pa.float32(), self.dimension))])

    @property
    def image_schema(self) -> pa.Schema:
        """The columns of an image's record: has_image, and the vector, float32 (dimension,), null without an image."""
        return pa.schema([("has_image", pa.bool_()), ("vector", pa.list_(pa.float32(), self.dimension))])

    def describe(self) -> dict[str, Any]:
        """Return what a model card says of this encoder, as JSON values."""
        return {
            "model": self.model,
            "revision": self.source.revision,
            "identity": self.source.identity,
            "recipe": self.recipe,
            "licence": self.source.licence,
            "parameters": self.parameters,
            "dimension": self.dimension,
            "dtype": self.dtype,
        }

    @property
    def recipe(self) -> str:
        """Digest of all but the text or image that determines a vector.

        Of `dtype`, what was asked for: a team mate without a GPU can reuse rows that were computed on one.
        """
        return row_key(RECIPE_VERSION, self.source.identity, self.dtype, repr(self.transform))

    def text_key(self, text: str) -> str:
        """Digest of all that determines a text's vector."""
        return row_key(self.recipe, "text", text)

    def image_key(self, sha256: str | None) -> str:
        """Digest of all that determines an image's vector, from its bytes' digest; None stands for no image."""
        return row_key(self.recipe, "image", sha256)

    def encode_texts(self, texts: Sequence[str]) -> Generator[tuple[int, np.ndarray], None, None]:
        """Yield (index, vector float32 (dimension,)) for every text, the longest first."""
        order = sorted(range(len(texts)), key=lambda i: -len(texts[i]))
        batches = ((batch, self.tokenizer([texts[i] for i in batch])) for batch in _batches(order, self.batch_size))
        yield from self._vectors(self.texts, batches)

    def encode_images(self, images: Iterable[tuple[int, bytes]]) -> Generator[tuple[int, np.ndarray], None, None]:
        """Yield (index, vector float32 (dimension,)) for every (index, encoded RGB image), in order.

        The next batches are decoded, on all cores, while one is computed.
        """
        # Pillow and torchvision release the interpreter while they work: threads are enough.
        with closing(mapped(self.decode, images, threads=os.cpu_count() or 1, depth=2 * self.batch_size)) as decoded:
            yield from self.encode_decoded(decoded)

    def encode_decoded(
        self, images: Iterable[tuple[int, torch.Tensor]]
    ) -> Generator[tuple[int, np.ndarray], None, None]:
        """Yield (index, vector float32 (dimension,)) for every (index, pixels as `decode` gives them), in order."""
        batches = (tuple(zip(*batch, strict=True)) for batch in _batches(images, self.batch_size))
        yield from self._vectors(self.images, ((ids, torch.stack(pixels)) for ids, pixels in batches))

    def decode(self, image: tuple[int, bytes]) -> tuple[int, torch.Tensor]:
        """Return an image's index and its pixels, float32 (channels, height, width), by the evaluation transform."""
        return image[0], self.transform(Image.open(io.BytesIO(image[1])).convert("RGB"))

    def _vectors(
        self, tower: Tower, batches: Iterable[tuple[Sequence[int], torch.Tensor]]
    ) -> Generator[tuple[int, np.ndarray], None, None]:
        """Yield each item's vector; the next batch is under way on the device while one is fetched and stored."""
        under_way: tuple[Sequence[int], torch.Tensor] | None = None
        for batch in chain(batches, [None]):
            done = under_way
            under_way = None if batch is None else (batch[0], self._run(tower, batch[1]))
            if done is None:
                continue
            vectors = done[1].float().cpu().numpy()
            if not np.isfinite(vectors).all():
                raise InputError(f"{self.model} gives vectors that are not finite. Set embed_clip.dtype to float32")
            yield from zip(done[0], vectors, strict=True)

    def _run(self, tower: Tower, batch: torch.Tensor) -> torch.Tensor:
        """Return the batch's vectors, on the device; where memory runs out, in halves."""
        try:
            mixed = torch.autocast(self.device.type, tower.precision, enabled=tower.precision != torch.float32)
            with torch.inference_mode(), mixed:
                return tower.encode(batch.to(self.device, non_blocking=True), normalize=True)
        except RuntimeError as error:
            if not out_of_memory(error):
                raise
            if len(batch) == 1:
                raise InputError(f"{self.model}: no memory for a single item. Use a smaller model") from error
        # Beyond the handler: the exception's traceback would keep the tensors of the failed attempt.
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        self.batch_size = min(self.batch_size, (len(batch) + 1) // 2)
        print(f"out of memory: batches of at most {self.batch_size:,} from here on")
        return torch.cat([self._run(tower, half) for half in batch.split((len(batch) + 1) // 2)])


def _find(model: str, revision: str | None, scratch: Path) -> tuple[Source, dict[str, Any]]:
    """Return the model's files, and what open_clip must be told beside them."""
    if model == packaged.IMAGE_TEXT:
        return packaged.image_text(scratch), {}
    architecture, _, tag = model.rpartition("/")
    pretrained = open_clip.get_pretrained_cfg(architecture, tag) if architecture in open_clip.list_models() else {}
    if not pretrained:
        return resolve(model.removeprefix(HUB_PREFIX), revision), {}
    if not (repository := pretrained.get("hf_hub", "").strip("/")):
        raise InputError(f"{model}: open_clip knows no hub copy of it. Use {HUB_PREFIX}<model> or a folder")
    overrides = {f"image_{name}": pretrained[name] for name in ("mean", "std", "interpolation") if name in pretrained}
    return resolve(repository, revision), overrides


def _batches(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    items = iter(items)
    while batch := list(islice(items, size)):
        yield batch
