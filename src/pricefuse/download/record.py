"""Turn the source of one image into its record: read or fetch it, check it, scale it."""

import hashlib
import threading
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from pricefuse.download.fetch_errors import FetchError
from pricefuse.download.fetcher import Fetcher
from pricefuse.download.settings import DownloadSettings
from pricefuse.images.normalize import ImageError, normalize
from pricefuse.images.perceptual_hash import HASH_BYTES
from pricefuse.resources import available_cores

# Raise it when the same bytes give another record: all records are then computed again.
RECIPE_VERSION = 7
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

FILE, LINK, PROBLEM = "file", "link", "problem"
_ORIGIN = {FILE: "local file", LINK: "network", PROBLEM: "none"}


class Source(NamedTuple):
    """Where a product's image comes from: ("file", its path), ("link", its URL) or ("problem", why there is none).

    `content` is that of the file where it has been read already.
    """

    kind: str
    value: str
    content: bytes | None = None

    @property
    def host(self) -> str | None:
        """The host of a link; None where there is none in it."""
        try:
            return parse_url(self.value).host
        except LocationParseError:
            return None


class Recorder:
    """Makes records with the columns of SCHEMA; safe to share between threads.

    `decoders` images are decoded at a time, by default one more than there are cores, because each waits for the
    interpreter now and then.
    """

    def __init__(self, settings: DownloadSettings, fetcher: Fetcher, decoders: int | None = None) -> None:
        self.decoders = decoders or available_cores() + 1
        self._settings, self._fetcher = settings, fetcher
        self._decoding = threading.Semaphore(self.decoders)

    def record(self, source: Source) -> dict[str, Any]:
        """Return the record of an image; without one it has status "failed" and the reason.

        Whatever is not a property of a link, a server or an image is raised.
        """
        settings = self._settings
        try:
            data = self._read(source)
            with self._decoding:
                image = normalize(
                    data, side=settings.side, quality=settings.jpeg_quality, max_pixels=settings.max_pixels
                )
        except FetchError as error:
            return failure(source, error.reason, transient=error.transient)
        except ImageError as error:
            return failure(source, str(error), transient=False)
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

    def _read(self, source: Source) -> bytes:
        if source.kind == PROBLEM:
            raise FetchError(source.value, transient=False)
        if source.kind == LINK:
            return self._fetcher.fetch(source.value)
        return read_file(source, self._settings.max_bytes) if source.content is None else source.content


def read_file(source: Source, max_bytes: int) -> bytes:
    """Return the content of a local file; raise FetchError where it cannot be read or is too large."""
    try:
        with Path(source.value).open("rb") as file:
            data = file.read(max_bytes + 1)
    except OSError as error:
        raise FetchError("file cannot be read", transient=True) from error
    if len(data) > max_bytes:
        raise FetchError("too large", transient=False)
    return data


def failure(source: Source, reason: str, *, transient: bool) -> dict[str, Any]:
    """Return the record of an image that cannot be had; `transient` is whether another run may fare better."""
    nothing: dict[str, Any] = dict.fromkeys(SCHEMA.names)
    return nothing | {
        "status": "failed",
        "error": reason,
        "transient": transient,
        "truncated": False,
        "source": _ORIGIN[source.kind],
    }
