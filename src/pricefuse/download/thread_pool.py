"""Work that waits, spread over threads that stop when they are told to."""

import contextlib
import itertools
import queue
import threading
import time
from collections.abc import Callable, Collection, Generator
from concurrent.futures import Future
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

POLL_S = 0.2  # how soon a thread that cannot put its result away notices that it should stop
STOP_GRACE_S = 2.0


def in_parallel(
    work: Callable[[Item], Result], items: Collection[Item], threads: int, *, cancel: Callable[[], None]
) -> Generator[tuple[Item, Result], None, None]:
    """Yield (item, work(item)) as they finish, never more than a few ahead of the caller.

    What `work` raises is raised here. However the generator ends, it calls `cancel`, which is to end the work under
    way, starts no more and waits STOP_GRACE_S at the most: the threads are daemons, so that neither a silent name
    server nor a slow disk can hold up the end of the process.
    """
    crew = _Crew(work, items, min(threads, len(items)))
    try:
        for _ in items:
            item, outcome = crew.finished.get()
            yield item, outcome.result()
    finally:
        cancel()
        crew.stop()


class _Crew(Generic[Item, Result]):
    def __init__(self, work: Callable[[Item], Result], items: Collection[Item], threads: int) -> None:
        self.finished: queue.Queue[tuple[Item, Future[Result]]] = queue.Queue(maxsize=2 * threads)
        self._work, self._items = work, iter(items)
        self._taking, self._stopped = threading.Lock(), threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stopped.set()
        until = time.monotonic() + STOP_GRACE_S
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _run(self) -> None:
        while not self._stopped.is_set():
            with self._taking:
                taken = list(itertools.islice(self._items, 1))
            if not taken:
                return
            self._finish(taken[0])

    def _finish(self, item: Item) -> None:
        outcome: Future[Result] = Future()
        try:
            outcome.set_result(self._work(item))
        except BaseException as error:  # noqa: BLE001 - it belongs to the caller's thread
            outcome.set_exception(error)
        while not self._stopped.is_set():
            with contextlib.suppress(queue.Full):
                self.finished.put((item, outcome), timeout=POLL_S)
                return
