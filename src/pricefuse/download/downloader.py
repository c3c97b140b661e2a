"""Turn every product into an image record: read its local file or fetch its link, check it, scale it.

Key properties:
- Every product gets a record. A missing image never ends the run: its record has the reason.
- A record is keyed by all that determines it (`determinants`), so that another run computes only what is missing.
- Memory is bounded by the number of connections, however many products there are.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from pricefuse.download.dispatch import dispatch
from pricefuse.download.fetcher import Fetcher
from pricefuse.download.local_files import LocalImages, OutsideFolderError, UnreadableFileError, has_scheme
from pricefuse.download.record import FILE, LINK, PROBLEM, RECIPE_VERSION, SCHEMA, Recorder, Source
from pricefuse.download.settings import DownloadSettings
from pricefuse.errors import InputError
from pricefuse.thread_pool import map_in_threads
from pricefuse.workers.block import Records
from pricefuse.workers.settings import WorkersSettings

__all__ = ["ROWS_PER_PART", "SCHEMA", "Download", "check_failures", "failure_table", "summary"]

ROWS_PER_PART = 500  # some 10 MB


class Download:
    """The image records of products given as two sequences of equal length.

    `decoders` is the Recorder's, `make_fetcher` stands in for Fetcher. `workers` fetch and decode where they are told
    to `download`; by default this process does.
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
        workers: WorkersSettings | None = None,
    ) -> None:
        self._settings, self._decoders, self._make_fetcher = settings, decoders, make_fetcher
        self._workers = workers if workers and workers.download and workers.kind != "here" else None
        self._sources = [_source(local_images, *product) for product in zip(sample_ids, image_links, strict=True)]

    def determinants(self, position: int) -> tuple[Any, ...]:
        """Return all that determines a product's record: the content of its local file, else its link; and the recipe.

        The limits are part of it, because an image may be refused for them: raising a limit undoes its refusals. So is
        whether a link's host may be at a private address: allowing a mirror undoes its refusals.

        Raises InputError for a local file that cannot be read.
        """
        source, settings = self._sources[position], self._settings
        kind, value = source.kind, source.value
        if kind == FILE:
            value = _file_sha256(Path(value))
        allowed = kind == LINK and source.host in settings.allowed_hosts
        limits = (settings.max_pixels, settings.max_bytes, settings.max_redirects)
        return ("image", RECIPE_VERSION, settings.side, settings.jpeg_quality, *limits, kind, value, allowed)

    def needs_network(self, position: int) -> bool:
        """Return whether a product's image is neither a file nor known to be missing, but has to be fetched."""
        return self._sources[position].kind == LINK

    def compute(self, positions: Sequence[int] | np.ndarray) -> Records:
        """Yield (position, record) with the columns of SCHEMA as they finish.

        A product without an image gets a record of status "failed". Closing the iterator ends transfers under way
        within a moment. Whatever is not a property of a link, a server or an image is raised.
        """
        if self._workers is None:
            return self._here(positions)
        rows = ((position, self._sources[position]) for position in map(int, positions))
        return dispatch(rows, self._settings, self._workers)

    def _here(self, positions: Sequence[int] | np.ndarray) -> Records:
        fetcher = self._make_fetcher(self._settings)
        recorder = Recorder(self._settings, fetcher, self._decoders)
        threads = self._settings.open_connections
        records = map_in_threads(
            lambda position: recorder.record(self._sources[position]),
            positions,
            threads=threads,
            ahead=2 * threads,
            ordered=False,
            cancel=fetcher.close,
        )
        with closing(records):
            yield from records


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
        return Source(PROBLEM, str(error))
    if path is not None:
        return Source(FILE, str(path))
    if not link:
        return Source(PROBLEM, "no image link")
    return Source(LINK, link) if has_scheme(link) else Source(PROBLEM, "no such file")


def _file_sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); make it readable or remove it") from error
