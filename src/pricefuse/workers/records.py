"""Compute the records of blocks, wherever the settings say."""

from collections.abc import Iterable
from contextlib import closing

from pricefuse.thread_pool import map_in_threads
from pricefuse.workers.block import Block, Build, Records, Work
from pricefuse.workers.processes import Processes
from pricefuse.workers.scheduler import IN_FLIGHT, Engine, Failed, Scheduler
from pricefuse.workers.settings import WorkersSettings


def records(
    settings: WorkersSettings,
    blocks: Iterable[Block],
    here: Build,
    elsewhere: Build,
    *,
    title: str,
    failed: Failed | None = None,
    silence: bool = True,
    in_flight: int = IN_FLIGHT,
) -> Records:
    """Yield (position, record) for each wanted row of `blocks`, in any order; their bytes do not depend on `settings`.

    `here` builds the work in this process; `elsewhere` builds it in another one, and must be picklable. Of `title` and
    `failed`, and of `in_flight`, the blocks of a worker, see `Scheduler`. A worker that is silent for long is replaced
    unless `silence` is False, as for work that may give no record for hours.
    Raises InputError where workers are asked for that cannot be had.
    """
    if settings.kind == "here":
        yield from _here(here(), blocks)
        return
    scheduler = Scheduler(
        engine(settings, elsewhere),
        blocks,
        title=title,
        failed=failed,
        start_s=settings.start_s,
        silence_s=settings.silence_s if silence else float("inf"),
        in_flight=in_flight,
    )
    yield from scheduler.records()


def _here(work: Work, blocks: Iterable[Block]) -> Records:
    """Compute in this process; the next block is prepared while one is computed."""
    with closing(map_in_threads(work.prepare, blocks, threads=1, ahead=1)) as prepared:
        yield from work.records(each for _, each in prepared)


def engine(settings: WorkersSettings, build: Build) -> Engine:
    """Return what starts the workers."""
    count = None if settings.count == "auto" else settings.count
    threads = own_threads() if settings.threads == "same" else settings.threads
    if settings.kind == "processes":
        return Processes(build, count, threads)
    from pricefuse.workers.ray_cluster import RayCluster  # noqa: PLC0415 - Ray is optional, and takes a second

    return RayCluster(build, count, threads, settings.address, public_address=settings.public_address)


def own_threads() -> int:
    """Return the CPU threads that this process computes with."""
    import torch  # noqa: PLC0415 - takes seconds, and this process may have no need of it

    return int(torch.get_num_threads())


def worker_count(settings: WorkersSettings) -> int:
    """Return how many workers `records` starts at the most; for `auto`, the machine or the cluster is asked."""
    if settings.count != "auto":
        return settings.count
    with closing(engine(settings, _nothing)) as found:
        return found.count


def _nothing() -> Work:
    raise NotImplementedError
