"""Encode texts and images into one space with an open_clip model and its evaluation transform."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import islice
from typing import Any, NamedTuple, TypeVar

import numpy as np
import pyarrow as pa
import torch
import transformers
from torch.nn import functional

from pricefuse.device import pick_device
from pricefuse.encoders import open_clip_model
from pricefuse.encoders.batch_runner import Batch, BatchRunner
from pricefuse.encoders.batching import batch_items
from pricefuse.encoders.pixels import PixelTransform
from pricefuse.encoders.precision import dtype_name, pick_dtype
from pricefuse.encoders.settings import ImageTextEncoderSettings
from pricefuse.keys import row_key
from pricefuse.resources import available_cores
from pricefuse.thread_pool import map_in_threads

RECIPE_VERSION = 3  # raise it when this module computes other vectors for the same texts and images
Item = TypeVar("Item")
Begins = Callable[[int], bool]


class Tower(NamedTuple):
    """One half of the model, the precision that its matrices are multiplied in, and the numbers that it is given."""

    encode: Callable[..., torch.Tensor]
    precision: torch.dtype
    prepare: Callable[[torch.Tensor], torch.Tensor]


class ImageTextEncoder:
    """Texts and images to L2-normalized float32 vectors of one space."""

    def __init__(
        self,
        settings: ImageTextEncoderSettings,
        device: torch.device | None = None,
        precisions: Mapping[str, str] | None = None,
    ) -> None:
        """Load `settings.model` for evaluation.

        It is `packaged:minilm-efficientnet-lite0`, `<architecture>/<open_clip tag>` such as
        `ViT-L-14/laion2b_s32b_b82k`, `hf-hub:<model>`, or a folder with an open_clip_config.json and weights.
        `device` is the one of `pick_device`, and `precisions` (the dtypes' names of "text" and "image") follow from
        `settings.dtype`, unless they are given. Raises InputError where the model cannot be loaded.
        """
        # The stage has a progress bar of its own.
        transformers.utils.logging.disable_progress_bar()
        self.settings = settings
        self.device = device or pick_device()
        loaded = open_clip_model.load(settings, self.device)
        self.source, self.network, self.tokenizer = loaded.source, loaded.network, loaded.tokenizer
        self.pixels = PixelTransform(loaded.transform)
        self.transform, self._lowered = loaded.transform, loaded.lowered
        given = precisions or {}
        texts = pick_dtype(given.get("text", settings.dtype), self.device)
        images = pick_dtype(given.get("image", settings.dtype), self.device, self.network.visual)
        self.texts = Tower(self.network.encode_text, texts, lambda tokens: tokens)
        self.images = Tower(self.network.encode_image, images, self.pixels.normalize)
        self.parameters = sum(parameter.numel() for parameter in self.network.parameters())
        ((_, vector),) = self.encode_texts([(0, "")])
        self.dimension = len(vector)

    @property
    def batch_size(self) -> int:
        """The items of a batch."""
        return batch_items(self.settings.batch_size, self.device)

    @property
    def text_schema(self) -> pa.Schema:
        """The columns of a text's record: the vector, float32 (dimension,)."""
        return pa.schema([("vector", pa.list_(pa.float32(), self.dimension))])

    @property
    def image_schema(self) -> pa.Schema:
        """The columns of an image's record: has_image, error, and vector, float32 (dimension,), null without an image.

        `error` says why an image has no vector; it is null for others.
        """
        vector = pa.list_(pa.float32(), self.dimension)
        return pa.schema([("has_image", pa.bool_()), ("error", pa.string()), ("vector", vector)])

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

    def encode_texts(self, texts: Iterable[tuple[int, str]]) -> Generator[tuple[int, np.ndarray], None, None]:
        """Yield (index, vector float32 (dimension,)) for every (index, text), in order.

        Texts beyond the context are cut. Raises InputError where the encoder gives a vector that is not finite, or
        memory does not suffice for one text.
        """
        return self.encode_text_batches(_batched(texts, self.batch_size))

    def encode_text_batches(
        self, batches: Iterable[Sequence[tuple[int, str]]], begins: Begins = lambda _: False
    ) -> Generator[tuple[int, np.ndarray], None, None]:
        """Yield as `encode_texts` for texts that are batched already.

        A batch `begins` a block, by the index of its first item, where memory that ran out before is to be forgotten.
        """
        tokenized = (
            ([index for index, _ in batch], (self.tokenizer([text for _, text in batch]),)) for batch in batches
        )
        yield from self._vectors(self.texts, tokenized, begins)

    def encode_images(self, images: Iterable[tuple[int, bytes]]) -> Generator[tuple[int, np.ndarray], None, None]:
        """Yield (index, vector float32 (dimension,)) for every (index, encoded RGB image), in order.

        The next batches are decoded, on all cores, while one is computed. Raises InputError as `encode_texts`.
        """
        return self.encode_image_batches(_batched(images, self.batch_size))

    def encode_image_batches(
        self, batches: Iterable[Sequence[tuple[int, bytes]]], begins: Begins = lambda _: False
    ) -> Generator[tuple[int, np.ndarray], None, None]:
        """Yield as `encode_images` for images that are batched already; of `begins`, see `encode_text_batches`."""
        sizes: deque[int] = deque()

        def images() -> Iterator[tuple[int, bytes]]:
            for batch in batches:
                sizes.append(len(batch))
                yield from batch

        def decode(image: tuple[int, bytes]) -> torch.Tensor:
            return self.pixels.decode(image[1])

        # Pillow and torchvision release the interpreter while they work: threads are enough.
        decoded = map_in_threads(decode, images(), threads=available_cores(), ahead=2 * self.batch_size)
        with closing(decoded):
            items = ((index, pixels) for (index, _), pixels in decoded)
            grouped = ([first, *islice(items, sizes.popleft() - 1)] for first in items)
            yield from self._pixel_vectors(grouped, begins)

    def encode_decoded(
        self, images: Iterable[tuple[int, torch.Tensor]]
    ) -> Generator[tuple[int, np.ndarray], None, None]:
        """Yield (index, vector float32 (dimension,)) for every (index, pixels of `PixelTransform.decode`), in order."""
        return self._pixel_vectors(_batched(images, self.batch_size))

    def _pixel_vectors(
        self, batches: Iterable[Sequence[tuple[int, torch.Tensor]]], begins: Begins = lambda _: False
    ) -> Generator[tuple[int, np.ndarray], None, None]:
        stacked = (
            ([index for index, _ in batch], (torch.stack([pixels for _, pixels in batch]),)) for batch in batches
        )
        yield from self._vectors(self.images, stacked, begins)

    def _vectors(
        self, tower: Tower, batches: Iterable[Batch], begins: Begins
    ) -> Generator[tuple[int, np.ndarray], None, None]:
        mixed = tower.precision != torch.float32 and not self._lowered

        def forward(batch: torch.Tensor) -> torch.Tensor:
            with torch.inference_mode():
                given = tower.prepare(batch)
                if self._lowered and given.is_floating_point():
                    given = given.to(tower.precision)
                with torch.autocast(self.device.type, tower.precision, enabled=mixed):
                    vectors = tower.encode(given)
                return functional.normalize(vectors.float(), dim=-1)

        remedy = "Use a smaller model"
        runner = BatchRunner(forward, self.device, model=self.settings.model, section="embed_clip", remedy=remedy)

        def noted() -> Iterator[Batch]:
            for batch in batches:
                if begins(batch[0][0]):
                    runner.begin_block()
                yield batch

        for indices, vectors in runner.run(noted()):
            yield from zip(indices, vectors, strict=True)


def _batched(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch
