"""Compute the keys and the embedding records of a catalog's products, in windows of a few thousand.

Files are read in one pass, so that neither time nor memory depends on their row groups, and the next window is
tokenized while this one is on the device.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import pyarrow as pa

from pricefuse.tables.index import RecordIndex
from pricefuse.tables.parquet import ID_FIELDS, iter_column, iter_matching, iter_rows, vectors
from pricefuse.tables.refresh import Records, Reused
from pricefuse.thread_pool import map_in_threads

if TYPE_CHECKING:  # the encoders take seconds to import, and nothing here needs them at run time
    from pricefuse.encoders.chunking import Chunks
    from pricefuse.encoders.image_text_encoder import ImageTextEncoder
    from pricefuse.encoders.text_encoder import TextEncoder

WINDOW_ROWS = 4096  # texts that are sorted by length together

T = TypeVar("T")
TextWindow = tuple[np.ndarray, list[str]]


def column(path: Path, name: str) -> pa.StringArray:
    """Return a string column of a parquet file."""
    return pa.concat_arrays([pa.array([], pa.string()), *iter_column(path, name)])


def text_keys(products: Path, name: str, key: Callable[[str], str]) -> pa.StringArray:
    """Return the key of every text in column `name`."""
    keys = [pa.array([key(text) for text in texts.to_pylist()], pa.string()) for texts in iter_column(products, name)]
    return pa.concat_arrays([pa.array([], pa.string()), *keys])


def image_keys(images: Path, ids: pa.StringArray, key: Callable[[str | None], str]) -> pa.StringArray:
    """Return the key of every image in the rows of `images`; raise InputError where they do not match `ids`."""
    parts = iter_matching(images, ids, ["sha256"])
    keys = [pa.array([key(sha256) for sha256 in part["sha256"].to_pylist()], pa.string()) for part in parts]
    return pa.concat_arrays([pa.array([], pa.string()), *keys])


def text_records(
    encoder: "TextEncoder", products: Path, folder: Path, missing: np.ndarray, together: np.ndarray
) -> Records:
    """Yield the records of the texts at `missing`; a record of `folder` with equal chunks is reused.

    Batches are made of the texts at `together`, `missing` among them; see `refresh`.
    """
    index = RecordIndex(folder, pa.schema([*ID_FIELDS, *encoder.schema]), by="content", parts_only=True)
    asked = {*missing.tolist()}

    def chunked(window: TextWindow) -> tuple[list["Chunks"], list[str]]:
        chunks = encoder.chunk(window[1])
        return chunks, [encoder.content_key(each) for each in chunks]

    reused: deque[tuple[int, Reused]] = deque()
    waiting: dict[int, list[tuple[int, str]]] = {}  # (position, content) of the texts to encode, by window

    def to_encode() -> Generator[list["Chunks"], None, None]:
        windows = text_windows(products, "text", together)
        with closing(map_in_threads(chunked, windows, threads=1, ahead=1)) as tokenized:
            for number, ((positions, _), (chunks, contents)) in enumerate(tokenized):
                slots = index.find(pa.array(contents, pa.string()))
                found, rest = np.flatnonzero((slots >= 0) & np.isin(positions, missing)), np.flatnonzero(slots < 0)
                for path, members, rows in index.locate(slots[found]):
                    known = vectors(index.read(path, rows)["vector"])
                    for i, vector in zip(found[members].tolist(), known, strict=True):
                        reused.append((positions[i], Reused(content=contents[i], vector=vector)))
                waiting.pop(number - 2, None)  # its last batch is done before this window is asked for
                waiting[number] = [(positions[i], contents[i]) for i in rest]
                yield [chunks[i] for i in rest]

    def needed(number: int, n: int) -> bool:
        return waiting[number][n][0] in asked

    with closing(to_encode()) as windows, closing(encoder.encode_windows(windows, needed)) as encoded:
        for finished in encoded:
            while reused:
                yield reused.popleft()
            for number, n, vector in finished:
                position, content = waiting[number][n]
                yield position, {"content": content, "vector": vector}
        yield from reused


def clip_text_records(
    encoder: "ImageTextEncoder", products: Path, missing: np.ndarray, together: np.ndarray
) -> Records:
    """Yield the records of CLIP's texts at `missing`, in batches of those at `together`; see `refresh`."""
    asked = {*missing.tolist()}
    texts = ((position, row["clip_text"]) for position, row in iter_rows(products, together, ["clip_text"]))
    for position, vector in encoder.encode_texts(_needed_batches(texts, encoder.batch_size, asked)):
        if position in asked:
            yield position, {"vector": vector}


def image_records(encoder: "ImageTextEncoder", images: Path, missing: np.ndarray, together: np.ndarray) -> Records:
    """Yield the records of the images at `missing`, from the rows of `images`, in batches of those at `together`.

    Without an image the vector is null.
    """
    asked = {*missing.tolist()}

    def present() -> Iterator[tuple[int, bytes]]:
        for position, row in iter_rows(images, together, ["jpeg"]):
            if row["jpeg"] is not None:
                yield position, row["jpeg"]
            elif position in asked:
                absent.append(position)

    absent: list[int] = []
    for position, vector in encoder.encode_images(_needed_batches(present(), encoder.batch_size, asked)):
        if position in asked:
            yield position, {"has_image": True, "vector": vector}
    for position in absent:
        yield position, {"has_image": False, "vector": None}


def _needed_batches(items: Iterator[tuple[int, T]], size: int, asked: set[int]) -> Iterator[tuple[int, T]]:
    """Leave out the batches of `size` items in which no position was asked for."""
    while batch := list(islice(items, size)):
        if any(position in asked for position, _ in batch):
            yield from batch


def text_windows(products: Path, name: str, positions: np.ndarray) -> Iterator[TextWindow]:
    """Yield ascending `positions`, int64, and the texts of column `name` there, WINDOW_ROWS at a time."""
    rows = iter_rows(products, positions, [name])
    while window := list(islice(rows, WINDOW_ROWS)):
        yield np.array([position for position, _ in window]), [row[name] for _, row in window]
