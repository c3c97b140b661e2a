"""Blocks of rows, and the work that turns them into records."""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

Record = Mapping[str, Any]
Records = Generator[tuple[int, Record], None, None]


@dataclass(frozen=True)
class Block:
    """Some rows, with all that is needed to compute their records: nobody has to share a file system.

    `items` holds, for each of the rows at `positions`, what its record is computed from. Only the rows at `wanted` get
    a record; the others fill the batches that they share, so that a batch is the same however often a run was cut
    short. Blocks of one `lane` all go to one worker.
    """

    positions: Sequence[int]
    items: Sequence[Any]
    wanted: frozenset[int]
    lane: int | None = None

    def only(self, wanted: Iterable[int]) -> "Block":
        """Return the same rows, of which fewer get a record."""
        return replace(self, wanted=frozenset(wanted))

    def halves(self) -> tuple["Block", "Block"]:
        """Return the wanted rows in two blocks, and no others: what kills a worker is in one of them."""
        rows = [(position, item) for position, item in zip(self.positions, self.items, strict=True)
                if position in self.wanted]  # fmt: skip
        middle = len(rows) // 2
        first, second = (
            Block([position for position, _ in half], [item for _, item in half],
                  frozenset(position for position, _ in half), self.lane)
            for half in (rows[:middle], rows[middle:])
        )  # fmt: skip
        return first, second


class Work(Protocol):
    """What a process does with blocks; it is built once in each, and holds the model."""

    def prepare(self, block: Block) -> Any:
        """Return what `records` needs of a block. It runs in a thread of its own, while earlier blocks are computed."""

    def records(self, prepared: Iterator[Any]) -> Iterable[tuple[int, Record]]:
        """Yield (position, record) for each wanted row of the blocks, in any order.

        A block is drawn when the one before it is nearly done. No record may depend on the blocks before or after its
        own.
        """


Build = Callable[[], Work]


class LostRowsError(RuntimeError):
    """Rows that killed every worker that computed them, `reasons` by position."""

    def __init__(self, reasons: Mapping[int, str]) -> None:
        super().__init__(f"{len(reasons)} rows killed their workers")
        self.reasons = dict(reasons)
