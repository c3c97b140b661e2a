"""Blocks of images for workers: the links of a host all go to one worker, local files to any.

Only where one process sends all requests to a host do the limits for that host hold, the pauses that it asks for, and
the decision to give up on it. A redirect's target counts at the worker that follows it.
"""

import heapq
import zlib
from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter

from pricefuse.download.record import Source
from pricefuse.workers.block import Block

LANES = 64  # whatever the number of workers
# A slow link may take a minute, and so does its block then: much has to be under way, in several blocks.
LINKS_A_BLOCK = 512
IN_FLIGHT = 8  # blocks of a worker
# This process holds up to twice as many blocks of files as are in flight, which is 64 MB a worker.
FILES_A_BLOCK, BYTES_A_BLOCK = 64, 4 * 2**20

Row = tuple[int, Source]
Stream = Iterator[tuple[float, Block]]  # blocks, each with the share of the stream that comes before it


def lane_of(link: Source) -> int:
    """Return the lane of a link, from 0 to LANES - 1: the same for all links of a host."""
    return zlib.crc32((link.host or "").encode()) % LANES


def link_blocks(lane: int, rows: Sequence[Row], fair_share: int) -> Stream:
    """Yield the blocks of a lane: IN_FLIGHT at the least, where it has as many rows.

    A worker takes IN_FLIGHT blocks as soon as it is ready: one of each lane would leave no lane to the workers that are
    ready after it. So many of a lane follow each other in `interleaved`, therefore, that the first worker takes no more
    lanes of this size than make its `fair_share` of all rows.
    """
    size = min(LINKS_A_BLOCK, -(-len(rows) // IN_FLIGHT))
    together = -(-IN_FLIGHT // max(1, fair_share // len(rows)))
    for number, start in enumerate(range(0, len(rows), size)):
        yield 0.0 if number < together else start / len(rows), _block(rows[start : start + size], lane)


def file_blocks(rows: Iterable[Row], total: int) -> Stream:
    """Yield blocks of files that have been read, `total` at the most; any worker may have them."""
    done, size = 0, 0
    block: list[Row] = []
    for row in rows:
        length = len(row[1].content or b"")
        if len(block) == FILES_A_BLOCK or (block and size + length > BYTES_A_BLOCK):
            yield done / total, _block(block)
            done, size, block = done + len(block), 0, []
        block.append(row)
        size += length
    if block:
        yield done / total, _block(block)


def interleaved(streams: Iterable[Stream]) -> Iterator[Block]:
    """Merge streams so that all have come equally far at any time, and end together.

    The last of them would otherwise keep one worker busy and leave the others idle.
    """
    return (block for _, block in heapq.merge(*streams, key=itemgetter(0)))


def _block(rows: Sequence[Row], lane: int | None = None) -> Block:
    positions = [position for position, _ in rows]
    return Block(positions, [source for _, source in rows], frozenset(positions), lane)
