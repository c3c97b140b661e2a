"""Bound the memory that images take while they are decoded, each of them and all threads' together.

Key properties:
- What an image will take is known from its header, before a pixel is decoded.
- Images wait for each other, in the order in which they come, so that a large one is not passed over for ever.
"""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

MAX_DECODED_BYTES = 512 * 2**20


class MemoryBudget:
    """So many bytes, shared between threads. A thread must not reserve more while it holds a reservation."""

    def __init__(self, total: int) -> None:
        self._free = self.total = total
        self._changed = threading.Condition()
        self._waiting: deque[object] = deque()

    @contextmanager
    def reserved(self, amount: int) -> Iterator[None]:
        """Wait until `amount` bytes are free and all that asked before have theirs; give them back at the end.

        Raises ValueError for more than there are in all.
        """
        if amount > self.total:
            raise ValueError(f"{amount:,} bytes of {self.total:,}")
        turn = object()
        with self._changed:
            self._waiting.append(turn)
            try:
                self._changed.wait_for(lambda: self._waiting[0] is turn and amount <= self._free)
                self._free -= amount
            finally:
                self._waiting.remove(turn)
                self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._free += amount
                self._changed.notify_all()


# One for the whole process.
DECODING = MemoryBudget(MAX_DECODED_BYTES)
