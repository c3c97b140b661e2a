"""Turn every product into an image record: read its local file or fetch its link, check it, scale it.

Key properties:
- Every product gets a record. A missing image never ends the run: its record has the reason.
- A record is keyed by all that determines it (`determinants`), so that another run computes only what is missing.
- Memory is bounded by the number of connections, however many products there are.
"""

import hashlib
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from pricefuse.download.fetch_errors import FetchError
from pricefuse.download.fetcher import Fetcher
from pricefuse.download.local_files import LocalImages, OutsideFolderError, UnreadableFileError, has_scheme
from pricefuse.download.settings import DownloadSettings
from pricefuse.errors import InputError
from pricefuse.images.normalize import ImageError, normalize
from pricefuse.images.perceptual_hash import HASH_BYTES
from pricefuse.resources import available_cores
from pricefuse.thread_pool import map_in_threads

# Raise it when the same bytes give another record: all records are then computed again.
RECIPE_VERSION = 7
ROWS_PER_PART = 500  # some 10 MB
SCHEMA = pa.schema(
    [
        pa.field("status", pa.string()),  # "ok" or "failed"
        pa.field("error", pa.string()),  # why it failed, one of a few reasons; null if it did not
        pa.field("transient", pa.bool_()),  # whether another run may fare better
        pa.field("sha256", pa.string()),  # of `jpeg`, hexadecimal
        pa.field("phash", pa.binary(HASH_BYTES)),  # perceptual hash; null for a plain picture, too
        pa.field("width", pa.int32()),  # pixels
        pa.field("height", pa.int32()),
        pa.field("truncated", pa.bool_()),  # the source ended early: the lower part may be gray
        pa.field("source", pa.string()),  # "local file", "network" or "none"
        pa.field("jpeg", pa.binary()),
    ]
)

_FILE, _LINK, _PROBLEM = "file", "link", "problem"
_ORIGIN = {_FILE: "local file", _LINK: "network", _PROBLEM: "none"}


class Source(NamedTuple):
    """Where a product's image comes from: ("file", its path), ("link", its URL) or ("problem", why there is none)."""

    kind: str
    value: str


class Download:
    """The image records of products given as two sequences of equal length.

    `decoders` images are decoded at a time, by default one more than there are cores, because each waits for the
    interpreter now and then. `make_fetcher` stands in for Fetcher.
    """

    def __init__(
        self,
        sample_ids: Sequence[str],
        image_links: Sequence[str],
        local_images: LocalImages,
        settings: DownloadSettings,
        *,
        decoders: int | None = None,
        make_fetcher: Callable[[DownloadSettings], Fetcher] = Fetcher,
    ) -> None:
        self._settings, self._make_fetcher = settings, make_fetcher
        self._sources = [_source(local_images, *product) for product in zip(sample_ids, image_links, strict=True)]
        self._decoding = threading.Semaphore(decoders or available_cores() + 1)

    def determinants(self, position: int) -> tuple[Any, ...]:
        """Return all that determines a product's record: the content of its local file, else its link; and the recipe.

        The limits are part of it, because an image may be refused for them: raising a limit undoes its refusals. So is
        whether a link's host may be at a private address: allowing a mirror undoes its refusals.

        Raises InputError for a local file that cannot be read.
        """
        kind, value = self._sources[position]
        if kind == _FILE:
            value = _file_sha256(Path(value))
        settings = self._settings
        allowed = kind == _LINK and _host(value) in settings.allowed_hosts
        limits = (settings.max_pixels, settings.max_bytes, settings.max_redirects)
        return ("image", RECIPE_VERSION, settings.side, settings.jpeg_quality, *limits, kind, value, allowed)

    def needs_network(self, position: int) -> bool:
        """Return whether a product's image is neither a file nor known to be missing, but has to be fetched."""
        return self._sources[position].kind == _LINK

    def compute(self, positions: Sequence[int] | np.ndarray) -> Generator[tuple[int, dict[str, Any]], None, None]:
        """Yield (position, record) with the columns of SCHEMA as they finish.

        A product without an image gets a record of status "failed". Closing the iterator ends transfers under way
        within a moment. Whatever is not a property of a link, a server or an image is raised.
        """
        fetcher = self._make_fetcher(self._settings)
        threads = self._settings.open_connections
        records = map_in_threads(
            partial(self._record, fetcher),
            positions,
            threads=threads,
            ahead=2 * threads,
            ordered=False,
            cancel=fetcher.close,
        )
        with closing(records):
            yield from records

    def _record(self, fetcher: Fetcher, position: int) -> dict[str, Any]:
        source, settings = self._sources[position], self._settings
        try:
            data = self._read(fetcher, source)
            with self._decoding:
                image = normalize(
                    data, side=settings.side, quality=settings.jpeg_quality, max_pixels=settings.max_pixels
                )
        except FetchError as error:
            return _failure(source, error.reason, transient=error.transient)
        except ImageError as error:
            return _failure(source, str(error), transient=False)
        return {
            "status": "ok",
            "error": None,
            "transient": False,
            "sha256": hashlib.sha256(image.jpeg).hexdigest(),
            "phash": image.phash,
            "width": image.width,
            "height": image.height,
            "truncated": image.truncated,
            "source": _ORIGIN[source.kind],
            "jpeg": image.jpeg,
        }

    def _read(self, fetcher: Fetcher, source: Source) -> bytes:
        if source.kind == _PROBLEM:
            raise FetchError(source.value, transient=False)
        if source.kind == _LINK:
            return fetcher.fetch(source.value)
        try:
            with Path(source.value).open("rb") as file:
                data = file.read(self._settings.max_bytes + 1)
        except OSError as error:
            raise FetchError("file cannot be read", transient=True) from error
        if len(data) > self._settings.max_bytes:
            raise FetchError("too large", transient=False)
        return data


def summary(counts: Mapping[str, int], total: int, truncated: int) -> dict[str, Any]:
    """Return how many of `total` products have an image, as JSON values, the most frequent reason for none first.

    `counts` are the failures by reason. The `truncated` images are among the ones that are ok: their files end early,
    but enough of each is there.
    """
    failed = sum(counts.values())
    return {
        "products": total,
        "ok": total - failed,
        "failed": failed,
        "failed_share": round(failed / total, 6),
        "truncated": truncated,
        "reasons": dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))),
    }


def failure_table(counts: Mapping[str, int]) -> str:
    """Return the reasons and how many images failed for each, the most frequent first, one a line."""
    lines = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return "\n".join(f"{count:>9,}  {reason}" for reason, count in lines)


def check_failures(counts: Mapping[str, int], total: int, limit: float) -> None:
    """Raise InputError if more than `limit` (a share, 0 to 1) of `total` images failed.

    `counts` are the failures by reason.
    """
    failed = sum(counts.values())
    if failed > limit * total:
        raise InputError(
            f"{failed:,} of {total:,} images ({failed / total:.1%}) are missing; at most {limit:.1%} may fail:\n"
            f"{failure_table(counts)}\n"
            "Run again if the network was the cause (finished images are kept), put the files into the catalog's "
            "images folder, correct the image_link column, or allow a larger share of failures."
        )


def _source(local_images: LocalImages, sample_id: str, image_link: str) -> Source:
    link = image_link.strip()
    try:
        path = local_images.find(sample_id, link)
    except (OutsideFolderError, UnreadableFileError) as error:
        return Source(_PROBLEM, str(error))
    if path is not None:
        return Source(_FILE, str(path))
    if not link:
        return Source(_PROBLEM, "no image link")
    return Source(_LINK, link) if has_scheme(link) else Source(_PROBLEM, "no such file")


def _failure(source: Source, reason: str, *, transient: bool) -> dict[str, Any]:
    nothing: dict[str, Any] = dict.fromkeys(SCHEMA.names)
    return nothing | {
        "status": "failed",
        "error": reason,
        "transient": transient,
        "truncated": False,
        "source": _ORIGIN[source.kind],
    }


def _file_sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); make it readable or remove it") from error


def _host(link: str) -> str | None:
    try:
        return parse_url(link).host
    except LocationParseError:
        return None
