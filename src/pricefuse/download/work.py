"""The work of stage download in another process: blocks of links, or of files with their content, to image records."""

import threading
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

from pricefuse.download.fetcher import Fetcher
from pricefuse.download.malloc import reuse_freed_memory
from pricefuse.download.record import Recorder, Source
from pricefuse.download.settings import DownloadSettings
from pricefuse.workers.block import Block

Row = tuple[int, dict[str, Any]]


class DownloadWork:
    """Computes the rows of all blocks that it has in one pool of threads, a row of each block in turn.

    Blocks of several hosts are thus fetched side by side, and a slow link delays none but itself.
    """

    def __init__(self, recorder: Recorder, connections: int) -> None:
        self._recorder = recorder
        self._pool = ThreadPoolExecutor(connections + recorder.decoders)
        self._lock = threading.Lock()
        self._waiting: deque[deque[tuple[int, Source]]] = deque()  # what is left of each block
        self._finished: SimpleQueue[Future[Row]] = SimpleQueue()
        self._owed = 0

    def prepare(self, block: Block) -> int:
        """Begin with a block; return how many records it will give."""
        rows = [row for row in zip(block.positions, block.items, strict=True) if row[0] in block.wanted]
        with self._lock:
            self._waiting.append(deque(rows))
        for _ in rows:
            self._pool.submit(self._next).add_done_callback(self._finished.put)
        return len(rows)

    def _next(self) -> Row:
        with self._lock:
            rows = self._waiting.popleft()
            position, source = rows.popleft()
            if rows:
                self._waiting.append(rows)
        return position, self._recorder.record(source)

    def records(self, prepared: Iterator[int]) -> Generator[Row, None, None]:
        """Yield as many records as the blocks have rows: those that are finished first, of whatever block.

        They may be of a block that is not drawn yet, because each is begun when it is prepared. Some of the others are
        then yielded when that block is drawn.
        """
        for count in prepared:
            self._owed += count
        while self._owed:
            self._owed -= 1
            yield self._finished.get().result()


@dataclass(frozen=True)
class BuildDownloadWork:
    """Build a DownloadWork in another process; `settings` has that process's share of the connections."""

    settings: DownloadSettings

    def __call__(self) -> DownloadWork:
        reuse_freed_memory()
        return DownloadWork(Recorder(self.settings, Fetcher(self.settings)), self.settings.open_connections)
