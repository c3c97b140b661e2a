"""Work that answers at once, so that what a benchmark measures is the way of a block to a worker and back."""

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pricefuse.workers.block import Block

DIMENSION = 384


@dataclass(frozen=True)
class BuildInstantWork:
    """`mark` is a file whose appearance says that the worker that touched it has killed itself.

    `row_s` are the seconds that a device would take for a row; meanwhile the worker sleeps, as it would.
    """

    mark: Path | None = None
    row_s: float = 0.0

    def __call__(self) -> "InstantWork":
        return InstantWork(self.mark, self.row_s)


class InstantWork:
    def __init__(self, mark: Path | None, row_s: float) -> None:
        self._mark, self._row_s = mark, row_s
        self._vector = np.ones(DIMENSION, np.float32)

    def prepare(self, block: Block) -> Block:
        return block

    def records(self, prepared: Iterator[Block]) -> Iterator[tuple[int, dict[str, Any]]]:
        for block in prepared:
            if self._mark is not None and "kill" in block.items and not self._mark.exists():
                self._mark.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(self._row_s * len(block.positions))
            for position in block.positions:
                yield position, {"content": "digest of some chunks, of 32 ch", "vector": self._vector + position}
