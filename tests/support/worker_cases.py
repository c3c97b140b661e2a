"""Work whose records depend on the batch that they share, and which can be told to kill its worker, hang or fail."""

import hashlib
import os
import signal
import sys
import time
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa

from pricefuse.errors import InputError
from pricefuse.keys import row_key
from pricefuse.tables.refresh import refresh
from pricefuse.workers.block import Block
from pricefuse.workers.records import records
from pricefuse.workers.settings import WorkersSettings

BLOCK, BATCH, PART = 12, 5, 32
SCHEMA = pa.schema([("error", pa.string()), ("vector", pa.list_(pa.float32(), 4))])
ITEMS = [f"product {number}" for number in range(150)]


def worker_settings(kind="here", **changes):
    values = {"kind": kind, "count": "auto", "threads": "same", "address": None, "public_address": False,
              "download": False, "start_s": 60.0, "silence_s": 60.0}  # fmt: skip
    return WorkersSettings(**values | changes)


@dataclass(frozen=True)
class BuildSums:
    """`faults` is a folder where a fault that acts once leaves a file; `shared` is whether a batch shares its sum."""

    faults: Path
    shared: bool = True
    pause_s: float = 0.0

    def __call__(self):
        if (self.faults / "no start").exists():
            os._exit(3)
        return Sums(self)


class Sums:
    def __init__(self, told):
        self._told = told

    def prepare(self, block):
        return block, [np.frombuffer(hashlib.sha256(item.encode()).digest()[:4], np.uint8) for item in block.items]

    def records(self, prepared):
        for block, values in prepared:
            for start in range(0, len(values), BATCH):
                positions = block.positions[start : start + BATCH]
                if block.wanted.isdisjoint(positions):
                    continue
                for item, position in zip(block.items[start : start + BATCH], positions, strict=True):
                    if position in block.wanted:
                        self._act(item)
                time.sleep(self._told.pause_s)
                batch = np.stack(values[start : start + BATCH]).astype(np.float32)
                vectors = batch + batch.sum() if self._told.shared else batch
                for position, vector in zip(positions, vectors, strict=True):
                    if position in block.wanted:
                        yield position, {"error": None, "vector": vector}

    def _act(self, item):
        if "kill" in item and not ("once" in item and self._done(item)):
            os.kill(os.getpid(), signal.SIGKILL)
        if "hang" in item and not self._done(item):
            time.sleep(600)
        if "refuse" in item:
            raise InputError(f"{item} is not right")

    def _done(self, item):
        """Leave a file for a fault that acts once; return whether it has acted."""
        mark = self._told.faults / item
        if mark.exists():
            return True
        mark.touch()
        return False


def blocks(items, missing, together):
    """Yield blocks as a stage does: of all rows that were missing, the missing ones wanted."""
    asked, rest = {*missing.tolist()}, iter(together.tolist())
    while block := list(islice(rest, BLOCK)):
        yield Block(block, [items[position] for position in block], frozenset(asked.intersection(block)))


def update(folder, items, build, settings, **options):
    """Bring a table up to date, as a stage does."""

    def compute(missing, together):
        return records(settings, blocks(items, missing, together), build, build, title="products", **options)

    keys = [row_key(item) for item in items]
    return refresh(folder, items, keys, compute, SCHEMA, in_batches=True, rows_per_part=PART, checkpoint_s=0.05,
                   title="products")  # fmt: skip


def failed(_position, reason):
    return {"error": f"workers died of it: {reason}", "vector": None}


def content(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def main():
    """Run one update in a process that a test kills."""
    folder, faults, kind, count = sys.argv[1:]
    settings = worker_settings(kind, count=int(count))
    print(update(Path(folder), ITEMS, BuildSums(Path(faults), pause_s=0.05), settings))


if __name__ == "__main__":
    import worker_cases  # not __main__, which a worker could not import

    worker_cases.main()
