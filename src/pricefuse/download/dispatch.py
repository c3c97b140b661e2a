"""Have workers fetch and decode images, within the limits that hold for this process."""

from collections.abc import Iterable, Iterator
from contextlib import closing

from pricefuse.download.fetch_errors import FetchError
from pricefuse.download.lanes import IN_FLIGHT, Row, file_blocks, interleaved, lane_of, link_blocks
from pricefuse.download.record import FILE, LINK, PROBLEM, Source, failure, read_file
from pricefuse.download.settings import DownloadSettings
from pricefuse.download.work import BuildDownloadWork
from pricefuse.workers.block import Record, Records
from pricefuse.workers.records import records, worker_count
from pricefuse.workers.settings import WorkersSettings


def dispatch(rows: Iterable[Row], settings: DownloadSettings, workers: WorkersSettings) -> Records:
    """Yield (position, record) for each of `rows`, in any order.

    Files are read by this process, whose file system the workers need not share. An image that kills the workers that
    decode it gets a record of status "failed". Nobody is taken for dead for being silent: a host may want a long pause.
    """
    files: dict[int, Source] = {}
    lanes: dict[int, list[Row]] = {}
    for position, source in rows:
        if source.kind == PROBLEM:
            yield position, failure(source, source.value, transient=False)
        elif source.kind == FILE:
            files[position] = source
        else:
            lanes.setdefault(lane_of(source), []).append((position, source))
    if not files and not lanes:
        return

    unread: list[tuple[int, Record]] = []

    def contents() -> Iterator[Row]:
        for position, source in files.items():
            try:
                content = read_file(source, settings.max_bytes)
            except FetchError as error:
                unread.append((position, failure(source, error.reason, transient=error.transient)))
            else:
                yield position, Source(FILE, "", content)

    def failed(position: int, reason: str) -> Record:
        kind = FILE if position in files else LINK
        return failure(Source(kind, ""), f"workers died of it: {reason}", transient=False)

    count = worker_count(workers) if files else min(worker_count(workers), len(lanes))
    fair_share = sum(map(len, lanes.values())) // count
    streams = [link_blocks(lane, links, fair_share) for lane, links in lanes.items()]
    build = BuildDownloadWork(with_share(settings, min(count, len(lanes))))
    computed = records(
        workers.model_copy(update={"count": count}),
        interleaved([*streams, file_blocks(contents(), len(files))]),
        build,
        build,
        title="images",
        failed=failed,
        silence=False,
        in_flight=IN_FLIGHT,
    )
    with closing(computed):
        yield from computed
    yield from unread


def with_share(settings: DownloadSettings, workers: int) -> DownloadSettings:
    """Return the settings of each of the `workers` that fetch links: its share of the connections, one at the least."""
    return settings.model_copy(update={"connections": max(1, settings.open_connections // max(1, workers))})
