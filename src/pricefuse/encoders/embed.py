"""The row mechanism and the encoders together: keys of all products, and records of the ones that are missing.

Products are read some thousand at a time, so that memory does not grow with the catalog, and the next ones are read and
tokenised while these are computed.
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from pricefuse.encoders.batching import mapped
from pricefuse.tables.index import Earlier
from pricefuse.tables.parquet import ID_FIELDS, iter_column, iter_matching, iter_rows, vectors
from pricefuse.tables.refresh import Records, Reused

if TYPE_CHECKING:  # the encoders take seconds to import, and what is done here needs none by itself
    from pricefuse.encoders.chunking import Chunks
    from pricefuse.encoders.image_text_encoder import ImageTextEncoder
    from pricefuse.encoders.text_encoder import TextEncoder

WINDOW = 4096  # texts that are sorted by length together


def column(path: Path, name: str) -> pa.StringArray:
    """Return a string column of a parquet file."""
    return pa.concat_arrays([pa.array([], pa.string()), *iter_column(path, name)])


def text_keys(products: Path, name: str, key: Callable[[str], str]) -> pa.StringArray:
    """Return the key of every text in column `name`."""
    keys = [pa.array([key(text) for text in texts.to_pylist()], pa.string()) for texts in iter_column(products, name)]
    return pa.concat_arrays([pa.array([], pa.string()), *keys])


def image_keys(images: Path, ids: pa.StringArray, key: Callable[[str | None], str]) -> pa.StringArray:
    """Return the key of every image in the rows of `images`; raise InputError where these are not those of `ids`."""
    parts = iter_matching(images, ids, ["sha256"])
    keys = [pa.array([key(sha256) for sha256 in part["sha256"].to_pylist()], pa.string()) for part in parts]
    return pa.concat_arrays([pa.array([], pa.string()), *keys])


def text_records(encoder: "TextEncoder", products: Path, folder: Path, missing: np.ndarray) -> Records:
    """Yield the records of `missing` texts; where `folder` holds one with equal chunks, it is reused."""
    earlier = Earlier(folder, pa.schema([*ID_FIELDS, *encoder.schema]), by="content")

    def chunked(positions: np.ndarray) -> tuple[np.ndarray, list["Chunks"], list[str]]:
        chunks = encoder.chunk(texts_at(products, "text", positions))
        return positions, chunks, [encoder.content_key(each) for each in chunks]

    with closing(mapped(chunked, windows(missing), threads=1, depth=1)) as made:
        for positions, chunks, contents in made:
            places = earlier.find(pa.array(contents, pa.string()))
            found, rest = np.flatnonzero(places >= 0), np.flatnonzero(places < 0)
            for path, members, rows in earlier.locate(places[found]):
                known = vectors(earlier.take(path, rows)["vector"])
                for i, vector in zip(found[members].tolist(), known, strict=True):
                    yield positions[i], Reused(content=contents[i], vector=vector)
            for n, vector in encoder.encode([chunks[i] for i in rest]):
                yield positions[rest[n]], {"content": contents[rest[n]], "vector": vector}


def clip_text_records(encoder: "ImageTextEncoder", products: Path, missing: np.ndarray) -> Records:
    """Yield the records of `missing` texts of CLIP."""
    for positions in windows(missing):
        for i, vector in encoder.encode_texts(texts_at(products, "clip_text", positions)):
            yield positions[i], {"vector": vector}


def image_records(encoder: "ImageTextEncoder", images: Path, missing: np.ndarray) -> Records:
    """Yield the records of `missing` images, read from the rows of `images`: without an image, a null vector."""

    def there() -> Iterator[tuple[int, bytes]]:
        for position, row in iter_rows(images, missing, ["jpeg"]):
            if row["jpeg"] is None:
                absent.append(position)
            else:
                yield position, row["jpeg"]

    absent: list[int] = []
    for position, vector in encoder.encode_images(there()):
        yield position, {"has_image": True, "vector": vector}
    for position in absent:
        yield position, {"has_image": False, "vector": None}


def windows(missing: np.ndarray) -> Iterator[np.ndarray]:
    """Yield positions in runs of WINDOW."""
    return (missing[start : start + WINDOW] for start in range(0, len(missing), WINDOW))


def texts_at(products: Path, name: str, positions: np.ndarray) -> list[str]:
    """Return the texts of column `name` at ascending positions."""
    return [row[name] for _, row in iter_rows(products, positions, [name])]
