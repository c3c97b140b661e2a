"""The work of the embedding stages: blocks of texts or images to records, in whatever process."""

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from pricefuse.encoders.chunking import Chunks
from pricefuse.encoders.image_text_encoder import ImageTextEncoder
from pricefuse.encoders.settings import ImageTextEncoderSettings, TextEncoderSettings
from pricefuse.encoders.text_encoder import TextEncoder
from pricefuse.errors import InputError
from pricefuse.workers.block import Block, Record

Kind = Literal["texts", "images"]
Encoder = TypeVar("Encoder", TextEncoder, ImageTextEncoder)


class TextWork:
    """Texts to the records of a TextEncoder; the texts of a block are sorted by length together."""

    def __init__(self, encoder: TextEncoder) -> None:
        self._encoder = encoder

    def prepare(self, block: Block) -> tuple[Block, list[Chunks]]:
        return block, self._encoder.chunk(block.items)

    def records(self, prepared: Iterator[tuple[Block, list[Chunks]]]) -> Generator[tuple[int, Record], None, None]:
        under_way: dict[int, tuple[Block, list[Chunks]]] = {}

        def windows() -> Iterator[list[Chunks]]:
            for number, (block, chunks) in enumerate(prepared):
                under_way.pop(number - 2, None)  # its last batch is done before this block is asked for
                under_way[number] = block, chunks
                yield chunks

        def needed(number: int, n: int) -> bool:
            block, _ = under_way[number]
            return block.positions[n] in block.wanted

        with closing(self._encoder.encode_windows(windows(), needed)) as encoded:
            for finished in encoded:
                for number, n, vector in finished:
                    block, chunks = under_way[number]
                    yield block.positions[n], {"content": self._encoder.content_key(chunks[n]), "vector": vector}


class ImageTextWork:
    """Texts, or images as bytes, to the records of an ImageTextEncoder, in batches of a block's rows in their order."""

    def __init__(self, encoder: ImageTextEncoder, kind: Kind) -> None:
        self._encoder, self._kind = encoder, kind

    def prepare(self, block: Block) -> Block:
        return block

    def records(self, prepared: Iterator[Block]) -> Generator[tuple[int, Record], None, None]:
        wanted: set[int] = set()
        firsts: set[int] = set()  # of the blocks' rows
        images = self._kind == "images"
        encode: Callable[[Iterable[list[tuple[int, Any]]], Callable[[int], bool]], Generator[Any, None, None]] = (
            self._encoder.encode_image_batches if images else self._encoder.encode_text_batches
        )
        with closing(encode(self._batches(prepared, wanted, firsts), firsts.__contains__)) as encoded:
            for position, vector in encoded:
                if position in wanted:
                    wanted.remove(position)
                    yield position, image_record(vector) if images else {"vector": vector}

    def _batches(
        self, prepared: Iterator[Block], wanted: set[int], firsts: set[int]
    ) -> Iterator[list[tuple[int, Any]]]:
        """Yield batches in which a row is wanted; add such rows to `wanted`, and a block's first one to `firsts`."""
        size = self._encoder.batch_size
        for block in prepared:
            wanted |= block.wanted
            rows = list(zip(block.positions, block.items, strict=True))
            first = True
            for start in range(0, len(rows), size):
                batch = rows[start : start + size]
                if any(position in block.wanted for position, _ in batch):
                    if first:
                        firsts.add(batch[0][0])
                        first = False
                    yield batch


def image_record(vector: Any, error: str | None = None) -> dict[str, Any]:
    """Return the record of an image; one without a vector counts as no image, and `error` says why if there is one."""
    return {"has_image": vector is not None, "error": error, "vector": vector}


@dataclass(frozen=True)
class BuildTextWork:
    """Build a TextWork in another process, and refuse to if it would compute other vectors than `describe`'s recipe."""

    settings: TextEncoderSettings
    recipe: str

    def __call__(self) -> TextWork:
        return TextWork(_same(TextEncoder(self.settings), self.recipe, "embed_gemma"))


@dataclass(frozen=True)
class BuildImageTextWork:
    """Build an ImageTextWork in another process, and refuse to if it would compute other vectors."""

    settings: ImageTextEncoderSettings
    recipe: str
    kind: Kind

    def __call__(self) -> ImageTextWork:
        return ImageTextWork(_same(ImageTextEncoder(self.settings), self.recipe, "embed_clip"), self.kind)


def _same(encoder: Encoder, recipe: str, section: str) -> Encoder:
    found = encoder.describe()
    if found["recipe"] != recipe:
        raise InputError(
            f"a worker would compute other vectors than this process with {found['model']}, in"
            f" {found['resolved_dtype']} on {encoder.device}: other weights, or another device. Set {section}.dtype to"
            f" float32 or bfloat16 rather than auto, and {section}.revision"
        )
    return encoder
