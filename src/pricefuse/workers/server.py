"""The part of a worker that is the same wherever it runs: take blocks, compute one, prepare the next, hand out records.

put -> [prepare, in a thread] -> [records, in a thread] -> take
"""

import pickle
import queue
import socket
import threading
import time
import traceback
from collections.abc import Iterator
from typing import Any

from pricefuse.workers.block import Block, Build, Record, Work
from pricefuse.workers.fingerprint import fingerprint
from pricefuse.workers.messages import Finished, Message, Raised, Ready

GATHER_S = 0.05  # records that are finished within it travel together
MAX_RECORDS = 4096  # in a message


class BlockServer:
    """Build the work, and then compute blocks as they come. Threads do it; the caller's is free to talk.

    Whatever is raised is handed out as a message, and nothing follows it.
    """

    def __init__(self, build: Build) -> None:
        self._build = build
        self._blocks: queue.SimpleQueue[Block] = queue.SimpleQueue()
        self._prepared: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._out: queue.SimpleQueue[tuple[int, Record] | Message] = queue.SimpleQueue()
        threading.Thread(target=self._guarded, args=[self._compute], daemon=True).start()

    def put(self, block: Block) -> None:
        """Add a block to those that are to be computed."""
        self._blocks.put(block)

    def take(self, seconds: float) -> list[Message]:
        """Return what there is to tell, and wait for it up to so many seconds."""
        try:
            found = [self._out.get(timeout=seconds)]
        except queue.Empty:
            return []
        until = time.monotonic() + GATHER_S
        while isinstance(found[-1], tuple) and len(found) < MAX_RECORDS:
            try:
                found.append(self._out.get(timeout=max(0.0, until - time.monotonic())))
            except queue.Empty:
                break
        records = [each for each in found if isinstance(each, tuple)]
        others = [each for each in found if not isinstance(each, tuple)]
        return [*([Finished(records)] if records else []), *others]

    def _compute(self) -> None:
        work = self._build()
        self._out.put(Ready(fingerprint(), socket.gethostname()))
        threading.Thread(target=self._guarded, args=[self._prepare, work], daemon=True).start()
        while True:
            for position, record in work.records(self._at_hand()):
                self._out.put((position, record))

    def _prepare(self, work: Work) -> None:
        while True:
            self._prepared.put(work.prepare(self._blocks.get()))

    def _at_hand(self) -> Iterator[Any]:
        """Yield prepared blocks until there is none; wait for the first one alone.

        What waits for the end of the blocks, such as the last batch on a device, is then finished rather than kept.
        """
        yield self._prepared.get()
        while True:
            try:
                following = self._prepared.get_nowait()
            except queue.Empty:
                return
            yield following

    def _guarded(self, run: Any, *arguments: Any) -> None:
        try:
            run(*arguments)
        except BaseException as error:  # noqa: BLE001 - it belongs to the process that gave the work
            self._out.put(Raised(_pickled(error), "".join(traceback.format_exception(error))))


def _pickled(error: BaseException) -> bytes | None:
    """Return the exception's pickle, None where it has none that can be read again."""
    try:
        content = pickle.dumps(error)
        pickle.loads(content)  # noqa: S301 - written in the line above
    except Exception:  # noqa: BLE001 - whatever its class does there
        return None
    return content
