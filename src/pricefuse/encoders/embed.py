"""Compute the keys and the embedding records of a catalog's products, in blocks of a few thousand.

    products.parquet, images --> blocks of the rows that are missing --> workers --> records

Files are read in one pass, so that neither time nor memory depends on their row groups.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pricefuse.encoders.image_text_encoder import ImageTextEncoder
from pricefuse.encoders.text_encoder import TextEncoder
from pricefuse.encoders.work import BuildImageTextWork, BuildTextWork, ImageTextWork, TextWork, image_record
from pricefuse.errors import InputError
from pricefuse.tables.index import RecordIndex
from pricefuse.tables.parquet import ID_FIELDS, iter_column, iter_matching, iter_rows, vectors
from pricefuse.tables.refresh import Records, Reused
from pricefuse.workers.block import Block, LostRowsError
from pricefuse.workers.records import records
from pricefuse.workers.settings import WorkersSettings

TEXTS_A_BLOCK = 4096  # texts that are sorted by length together
# A multiple of all batches but odd ones: 32 items on a CPU, and on a GPU those that `batching` gives it by its memory.
ITEMS_A_BLOCK = 1536
MAX_LOST_SHOWN = 5


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
    encoder: TextEncoder,
    products: Path,
    folder: Path,
    workers: WorkersSettings,
    missing: np.ndarray,
    together: np.ndarray,
) -> Records:
    """Yield the records of the texts at `missing`; a record of `folder` with equal chunks is reused.

    Blocks are made of the texts at `together`, `missing` among them; see `refresh`. Raises InputError where texts kill
    the workers that encode them.
    """
    index = RecordIndex(folder, pa.schema([*ID_FIELDS, *encoder.schema]), by="content", parts_only=True)
    known: set[int] = set()
    if len(index.keys):
        for position, record in _reused(encoder, products, index, together):
            known.add(position)
            if _among([position], missing):
                yield position, record

    def blocks() -> Iterator[Block]:
        for positions, texts in text_windows(products, "text", together):
            rows = [(position, text) for position, text in zip(positions.tolist(), texts, strict=True)
                    if position not in known]  # fmt: skip
            yield from _block(rows, missing)

    recipe = encoder.describe()["recipe"]
    yield from _all_or_error(
        partial(records, workers, blocks(), lambda: TextWork(encoder), BuildTextWork(encoder.settings, recipe)),
        products,
    )


def _reused(
    encoder: TextEncoder, products: Path, index: RecordIndex, positions: np.ndarray
) -> Iterator[tuple[int, Reused]]:
    """Yield (position, record) of the texts whose chunks `index` has a record of."""
    for window, texts in text_windows(products, "text", positions):
        contents = [encoder.content_key(each) for each in encoder.chunk(texts)]
        slots = index.find(pa.array(contents, pa.string()))
        found = np.flatnonzero(slots >= 0)
        for path, members, rows in index.locate(slots[found]):
            known = vectors(index.read(path, rows)["vector"])
            for i, vector in zip(found[members].tolist(), known, strict=True):
                yield int(window[i]), Reused(content=contents[i], vector=vector)


def clip_text_records(
    encoder: ImageTextEncoder, products: Path, workers: WorkersSettings, missing: np.ndarray, together: np.ndarray
) -> Records:
    """Yield the records of CLIP's texts at `missing`, in blocks of those at `together`; see `text_records`."""
    texts = ((position, row["clip_text"]) for position, row in iter_rows(products, together, ["clip_text"]))
    recipe = encoder.describe()["recipe"]
    yield from _all_or_error(
        partial(
            records, workers, _blocks(texts, missing),
            lambda: ImageTextWork(encoder, "texts"), BuildImageTextWork(encoder.settings, recipe, "texts"),
        ),
        products,
    )  # fmt: skip


def image_records(
    encoder: ImageTextEncoder, images: Path, workers: WorkersSettings, missing: np.ndarray, together: np.ndarray
) -> Records:
    """Yield the records of the images at `missing`, from the rows of `images`, in blocks of those at `together`.

    Without an image the vector is null; so it is for one that kills the workers that encode it, and `error` says so.
    """
    absent: list[int] = []

    def present() -> Iterator[tuple[int, bytes]]:
        for position, row in iter_rows(images, together, ["jpeg"]):
            if row["jpeg"] is not None:
                yield position, row["jpeg"]
            else:
                absent.append(position)

    recipe = encoder.describe()["recipe"]
    yield from records(
        workers, _blocks(present(), missing),
        lambda: ImageTextWork(encoder, "images"), BuildImageTextWork(encoder.settings, recipe, "images"),
        title="images",
        failed=lambda _, reason: image_record(None, f"workers died of it: {reason}"),
    )  # fmt: skip
    for position in _among(absent, missing):
        yield position, image_record(None)


def text_windows(products: Path, name: str, positions: np.ndarray) -> Iterator[tuple[np.ndarray, list[str]]]:
    """Yield ascending `positions`, int64, and the texts of column `name` there, TEXTS_A_BLOCK at a time."""
    rows = iter_rows(products, positions, [name])
    while window := list(islice(rows, TEXTS_A_BLOCK)):
        yield np.array([position for position, _ in window]), [row[name] for _, row in window]


def _blocks(rows: Iterator[tuple[int, Any]], missing: np.ndarray) -> Iterator[Block]:
    while block := list(islice(rows, ITEMS_A_BLOCK)):
        yield from _block(block, missing)


def _block(rows: Iterable[tuple[int, Any]], missing: np.ndarray) -> Iterator[Block]:
    """Yield the block of `rows`, if any of them is missing."""
    positions, items = [position for position, _ in rows], [item for _, item in rows]
    if wanted := _among(positions, missing):
        yield Block(positions, items, frozenset(wanted))


def _among(positions: Sequence[int], missing: np.ndarray) -> list[int]:
    """Return those of `positions` that ascending `missing` has; a set of them would take ten times its memory."""
    asked = np.asarray(positions, np.int64)
    nearest = np.minimum(np.searchsorted(missing, asked), len(missing) - 1)
    return asked[missing[nearest] == asked].tolist() if len(missing) else []


def _all_or_error(run: Callable[..., Records], products: Path) -> Records:
    """Yield what `run` yields; raise InputError in the end where texts killed their workers: no record tells of it."""
    try:
        with closing(run(title="texts")) as computed:
            yield from computed
    except LostRowsError as lost:
        ids = column(products, "sample_id")
        shown = "; ".join(
            f"{ids[position].as_py()} (row {position}): {reason}"
            for position, reason in islice(sorted(lost.reasons.items()), MAX_LOST_SHOWN)
        )
        raise InputError(
            f"{products}: the workers died of {len(lost.reasons)} texts, all others are embedded. {shown}. Correct the"
            " texts in the catalog, or remove the rows"
        ) from None
