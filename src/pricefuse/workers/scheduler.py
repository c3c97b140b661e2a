"""Give blocks to workers, and take back their records, whatever becomes of the workers.

Algorithm:
1. Start as many workers as there are, or blocks if these are fewer. Each that is ready gets two blocks: one to compute,
   one to prepare.
2. A worker that dies, or gives no record for too long, is replaced. What is left of its blocks goes to the front, and
   each is computed alone from then on: if another worker dies, it is clear of what.
3. A block that killed MAX_DEATHS workers alone is halved, and so is each half that kills one more, down to one row:
   that row has failed.

Key properties:
- Every wanted row gets one record, and none gets two: a record counts when it is here.
- What a record is computed from does not depend on the workers: blocks are made before, and halved only where they
  kill.
- It ends: with all records, or with an error that says what to do. A cluster that starts no worker, workers that die
  while they start, and rows that kill whatever is before or behind them all end it.
"""

import math
import pickle
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Protocol

from pricefuse.errors import InputError
from pricefuse.workers.block import Block, LostRowsError, Record, Records
from pricefuse.workers.fingerprint import differences, fingerprint
from pricefuse.workers.messages import Died, Finished, Message, Raised, Ready

IN_FLIGHT = 2  # blocks of a worker: one is computed, one prepared
MAX_DEATHS = 3  # of workers by one block
MAX_FAILED_STARTS = 3  # one after the other
MAX_FAILED_ROWS = 5  # one after the other, without a record in between
TICK_S = 1.0
SAY_AFTER_S = 30.0

Failed = Callable[[int, str], Record]


class Engine(Protocol):
    """What starts workers, one in each slot from 0 to `count` - 1, and carries blocks and messages."""

    count: int

    def start(self, slot: int) -> None:
        """Begin to start a worker; `Ready` will come, or `Died`, or `Raised`."""

    def send(self, slot: int, block: Block) -> None:
        """Give a block to a worker that is ready."""

    def wait(self, seconds: float) -> list[tuple[int, Message]]:
        """Return what workers have to say, each with its slot; wait for it up to so many seconds."""

    def stop(self, slot: int) -> None:
        """End a worker at once; nothing more comes from it."""

    def close(self) -> None:
        """End all workers."""

    def describe(self) -> str:
        """Return what there is to compute with, in a sentence without a full stop."""


@dataclass(eq=False)
class _Task:
    block: Block
    left: set[int]
    deaths: int = 0
    alone: bool = False

    def rest(self) -> "_Task":
        return _Task(self.block.only(self.left), set(self.left), self.deaths, alone=True)

    def halves(self) -> list["_Task"]:
        return [
            _Task(half, set(half.wanted), MAX_DEATHS - 1, alone=True) for half in self.block.only(self.left).halves()
        ]


@dataclass(eq=False)
class _Slot:
    since: float  # when it was started, or was last heard of
    ready: bool = False
    tasks: list[_Task] = field(default_factory=list)


class Scheduler:
    """One pass of `engine`'s workers over blocks."""

    def __init__(
        self,
        engine: Engine,
        blocks: Iterable[Block],
        *,
        title: str,
        failed: Failed | None = None,
        start_s: float = math.inf,
        silence_s: float = math.inf,
        in_flight: int = IN_FLIGHT,
    ) -> None:
        """Prepare a pass. `title` names the rows in messages.

        `failed` gives the record of a row that killed its workers, from its position and the reason; without it, such
        rows are an error in the end. No worker may take longer than `start_s` seconds to start when none is there, and
        none may be silent for longer than `silence_s` when it has a block. It has at most `in_flight` blocks: with two,
        one is prepared while the other is computed; with one, few large blocks are spread evenly.
        """
        self._engine, self._title, self._failed = engine, title, failed
        self._start_s, self._silence_s, self._in_flight = start_s, silence_s, in_flight
        self._blocks = (_Task(block, set(block.wanted)) for block in blocks if block.wanted)
        self._queue: deque[_Task] = deque()
        self._owners: dict[int, tuple[_Slot, _Task]] = {}  # by position: who computes it
        self._slots: dict[int, _Slot] = {}
        self._lanes: dict[int, int] = {}
        self._lost: dict[int, str] = {}
        self._failed_starts = self._failed_rows = 0
        self._said = False

    def records(self) -> Records:
        """Yield (position, record) for each wanted row of all blocks, in any order.

        Raises InputError where no worker starts, and LostRowsError in the end where rows killed their workers and
        `failed` was not given. What a worker raises is raised here, its traceback as the cause.
        """
        with closing(self._engine):
            self._queue.extend(islice(self._blocks, self._engine.count))
            for slot in range(min(self._engine.count, len(self._queue))):
                self._start(slot)
            while self._feed():
                for slot, message in self._engine.wait(TICK_S):
                    yield from self._heard(slot, message)
                for slot in self._silent():
                    self._engine.stop(slot)
                    yield from self._died(slot, f"it gave no record for {self._silence_s:,.0f} s")
                self._require_a_worker()
        if self._lost:
            raise LostRowsError(self._lost)

    def _start(self, slot: int) -> None:
        self._slots[slot] = _Slot(time.monotonic())
        self._engine.start(slot)

    def _feed(self) -> bool:
        """Give blocks to all workers that are ready; return whether anything is left to wait for."""
        for number, slot in self._slots.items():
            while slot.ready and len(slot.tasks) < self._in_flight and (task := self._next(number, slot)) is not None:
                if not slot.tasks:
                    slot.since = time.monotonic()
                slot.tasks.append(task)
                self._owners |= dict.fromkeys(task.left, (slot, task))
                self._engine.send(number, task.block)
        return bool(self._queue) or any(slot.tasks for slot in self._slots.values())

    def _next(self, number: int, slot: _Slot) -> _Task | None:
        if any(task.alone for task in slot.tasks):
            return None
        look_ahead = self._in_flight * self._engine.count
        for place, task in enumerate(chain(list(self._queue), self._drawn(look_ahead))):
            if task.block.lane is not None and self._lanes.setdefault(task.block.lane, number) != number:
                continue
            if task.alone and slot.tasks:
                return None  # it comes when this worker has nothing else
            del self._queue[place]
            return task
        return None

    def _drawn(self, look_ahead: int) -> Iterator[_Task]:
        """Draw blocks into the queue, as long as it is short."""
        while len(self._queue) <= look_ahead and (task := next(self._blocks, None)) is not None:
            self._queue.append(task)
            yield task

    def _heard(self, number: int, message: Message) -> Records:
        slot = self._slots[number]
        if isinstance(message, Finished):
            slot.since = time.monotonic()
            self._failed_rows = 0
            for position, record in message.records:
                owner, task = self._owners.pop(position)
                task.left.discard(position)
                if not task.left:
                    owner.tasks.remove(task)
                yield position, record
        elif isinstance(message, Ready):
            if found := differences(fingerprint(), message.fingerprint):
                raise InputError(
                    f"{self._title}: the worker on {message.host} has {found}, and may compute other records. Have the"
                    " same checkout and requirements there, and do not change them during a run"
                )
            slot.ready, slot.since = True, time.monotonic()
            self._failed_starts = 0
        elif isinstance(message, Raised):
            raise _exception(message)
        elif isinstance(message, Died):
            yield from self._died(number, message.reason)

    def _died(self, number: int, reason: str) -> Records:
        slot = self._slots[number]
        if not slot.ready:
            self._failed_starts += 1
            if self._failed_starts >= MAX_FAILED_STARTS:
                raise InputError(
                    f"{self._title}: {MAX_FAILED_STARTS} workers died while they started, the last one because"
                    f" {reason}. Ask for fewer workers if it was memory"
                )
        tasks = [task.rest() for task in slot.tasks]
        left = sum(len(task.left) for task in tasks)
        print(f"{self._title}: a worker died: {reason}. Another one takes its work, rows: {left:,}")
        self._lanes = {lane: owner for lane, owner in self._lanes.items() if owner != number}
        if len(tasks) == 1:
            tasks[0].deaths += 1
        for task in reversed(tasks):
            if task.deaths < MAX_DEATHS:
                self._queue.appendleft(task)
            elif len(task.left) > 1:
                self._queue.extendleft(reversed(task.halves()))
            else:
                yield from self._lose(min(task.left), reason)
        del self._slots[number]
        if self._queue or any(True for _ in self._drawn(0)):
            self._start(number)

    def _lose(self, position: int, reason: str) -> Records:
        del self._owners[position]
        self._failed_rows += 1
        if self._failed_rows >= MAX_FAILED_ROWS:
            raise InputError(
                f"{self._title}: workers die whatever they are given, the last one because {reason}."
                f" {self._engine.describe()}. Ask for fewer workers if it was memory"
            )
        if self._failed is None:
            self._lost[position] = reason
        else:
            yield position, self._failed(position, reason)

    def _silent(self) -> list[int]:
        now = time.monotonic()
        return [number for number, slot in self._slots.items() if slot.tasks and now - slot.since > self._silence_s]

    def _require_a_worker(self) -> None:
        if not self._slots or any(slot.ready for slot in self._slots.values()):
            return
        waited = time.monotonic() - max(slot.since for slot in self._slots.values())
        if waited > self._start_s:
            raise InputError(
                f"{self._title}: no worker has started within {self._start_s:,.0f} s. {self._engine.describe()}."
                " Ask for fewer workers, or raise workers.start_s"
            )
        if waited > SAY_AFTER_S and not self._said:
            self._said = True
            print(f"{self._title}: waiting for a worker to start. {self._engine.describe()}")


class _WorkerTraceback(Exception):  # noqa: N818 - it only carries a text
    """What a traceback in another process said."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


def _exception(raised: Raised) -> BaseException:
    """Return what a worker raised, with its traceback as the cause."""
    if raised.error is None:
        return RuntimeError(f"a worker raised an exception:\n{raised.traceback}")
    error: BaseException = pickle.loads(raised.error)  # noqa: S301 - of a process that this one started
    error.__cause__ = _WorkerTraceback(raised.traceback)
    return error
