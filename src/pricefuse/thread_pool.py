"""Run work that waits or releases the interpreter in threads: downloads, decoding, tokenizing."""

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

STOP_GRACE_S = 2.0


def map_in_threads(
    work: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    threads: int,
    ahead: int,
    ordered: bool = True,
    cancel: Callable[[], None] = lambda: None,
) -> Generator[tuple[Item, Result], None, None]:
    """Yield (item, work(item)), computed in up to `threads` threads, up to `ahead` items ahead of the caller.

    Items are drawn in the caller's thread, so that their iterator need not be thread-safe. They are yielded in order,
    or as they finish where `ordered` is false. What `work` raises is raised here.

    However the generator ends, it calls `cancel`, which should end the work under way, and drops the items that were
    not begun. It waits at most STOP_GRACE_S seconds for its threads: they are daemons, so that neither a silent name
    server nor a slow disk can delay the end of the process.
    """
    pool = _Pool(work, threads, ordered=ordered)
    try:
        for item in items:
            pool.submit(item)
            if pool.outstanding > ahead:
                yield pool.next_finished()
        while pool.outstanding:
            yield pool.next_finished()
    finally:
        cancel()
        pool.stop()


class _Pool(Generic[Item, Result]):
    def __init__(self, work: Callable[[Item], Result], threads: int, *, ordered: bool) -> None:
        self.outstanding = 0
        self._work, self._max_threads, self._ordered = work, threads, ordered
        self._todo: queue.SimpleQueue[tuple[Item, Future[Result]] | None] = queue.SimpleQueue()
        self._submitted: deque[tuple[Item, Future[Result]]] = deque()
        self._finished: queue.SimpleQueue[tuple[Item, Future[Result]]] = queue.SimpleQueue()
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []

    def submit(self, item: Item) -> None:
        task = item, Future[Result]()
        self._todo.put(task)
        if self._ordered:
            self._submitted.append(task)
        self.outstanding += 1
        if len(self._threads) < self._max_threads:
            thread = threading.Thread(target=self._run, daemon=True)
            self._threads.append(thread)
            thread.start()

    def next_finished(self) -> tuple[Item, Result]:
        item, outcome = self._submitted.popleft() if self._ordered else self._finished.get()
        self.outstanding -= 1
        return item, outcome.result()

    def stop(self) -> None:
        self._stopped.set()
        for _ in self._threads:
            self._todo.put(None)
        until = time.monotonic() + STOP_GRACE_S
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _run(self) -> None:
        while (task := self._todo.get()) is not None and not self._stopped.is_set():
            item, outcome = task
            try:
                outcome.set_result(self._work(item))
            except BaseException as error:  # noqa: BLE001 - it belongs to the caller's thread
                outcome.set_exception(error)
            if not self._ordered:
                self._finished.put((item, outcome))
