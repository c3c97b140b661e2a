"""Write finished records to checkpoint files every few seconds, and read them back by position."""

import time
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pricefuse.files import replacing
from pricefuse.progress import progress
from pricefuse.tables.index import CHECKPOINT_PATTERN, RecordIndex, read_checkpoint, record_schema
from pricefuse.tables.parquet import column

Record = Mapping[str, Any]
Records = Generator[tuple[int, Record], None, None]
Compute = Callable[..., Records]  # of the positions that are missing; see `refresh`
# A buffer of this size is written even before its time, which bounds the memory that a refresh needs.
MAX_BUFFER_BYTES = 8 * 2**20


class Reused(dict[str, Any]):
    """A record that `compute` did not compute, but found among earlier ones under another key."""


class Checkpoint:
    """Records of today's catalog by position, each in a checkpoint file of `folder` and none in memory."""

    def __init__(self, folder: Path, schema: pa.Schema, keys: pa.StringArray, checkpoint_s: float) -> None:
        """Number new files after those in `folder`; `keys` are the products' keys, `schema` that of a part."""
        self._folder, self._schema, self._keys, self._checkpoint_s = folder, schema, keys, checkpoint_s
        taken = (int(path.stem.removeprefix("checkpoint-")) for path in folder.glob(CHECKPOINT_PATTERN))
        self._next = max(taken, default=-1) + 1
        self._files: list[Path] = []
        self._file_number = np.full(len(keys), -1, np.int32)
        self._row = np.zeros(len(keys), np.int32)
        self.reused = 0

    def add_earlier(self, index: RecordIndex, positions: np.ndarray, slots: np.ndarray) -> None:
        """Add the earlier rows at `slots`, one for each of `positions`; those of parts are copied to new files.

        The copy takes one pass over the old parts. Every new part can then be assembled by random access to
        memory-mapped files.
        """
        members: list[np.ndarray] = []
        tables: list[pa.Table] = []
        for path, found, rows in index.locate(slots):
            if path.suffix != ".parquet":
                self._register(positions[found], path, rows)
                continue
            members.append(positions[found])
            tables.append(index.read(path, rows))
            # Few large files: a reordered catalog takes some of its rows from every file for every part.
            if sum(table.nbytes for table in tables) > MAX_BUFFER_BYTES:
                self._write(np.concatenate(members), pa.concat_tables(tables))
                members, tables = [], []
        if tables:
            self._write(np.concatenate(members), pa.concat_tables(tables))

    def add_computed(self, compute: Compute, missing: np.ndarray, title: str) -> None:
        """Add what `compute(missing)` yields, also when it is interrupted, with a progress bar named `title`.

        Raises RuntimeError where it yields a position that is not in `missing`, or yields one twice or not at all.
        """
        if not len(missing):
            return
        waiting = np.zeros(len(self._keys), dtype=bool)
        waiting[missing] = True
        buffer: dict[int, Record] = {}
        size, since = 0, time.monotonic()
        with closing(compute(missing)) as records, progress(total=len(missing), title=title, unit="row") as bar:
            try:
                for position, record in records:
                    if not waiting[position]:
                        raise RuntimeError(f"compute gave a record for row {position}, which was not asked for")
                    waiting[position] = False
                    self.reused += isinstance(record, Reused)
                    buffer[position] = record
                    size += sum(_nbytes(value) for value in record.values())
                    bar.update()
                    if size > MAX_BUFFER_BYTES or time.monotonic() - since > self._checkpoint_s:
                        self._write_records(buffer)
                        buffer, size, since = {}, 0, time.monotonic()
            finally:
                if buffer:
                    self._write_records(buffer)
        if lost := np.flatnonzero(waiting).tolist():
            raise RuntimeError(f"compute gave no record for {len(lost)} of {len(missing)} rows, the first at {lost[0]}")

    def read(self, positions: np.ndarray) -> pa.Table:
        """Return the records at `positions`, in that order, mapping only the files that hold them."""
        numbers = self._file_number[positions]
        members, tables = [], []
        for number in np.unique(numbers).tolist():
            members.append(np.flatnonzero(numbers == number))
            rows = self._row[positions[members[-1]]]
            tables.append(read_checkpoint(self._files[number], self._schema).take(pa.array(rows)))
        return pa.concat_tables(tables).take(pa.array(np.argsort(np.concatenate(members)))).combine_chunks()

    def _write_records(self, records: Mapping[int, Record]) -> None:
        positions = np.fromiter(records, np.int64, len(records))
        fields = list(record_schema(self._schema))[1:]
        columns = [column([record[field.name] for record in records.values()], field.type) for field in fields]
        self._write(positions, pa.table([self._keys.take(pa.array(positions)), *columns], record_schema(self._schema)))

    def _write(self, positions: np.ndarray, table: pa.Table) -> None:
        path = self._folder / f"checkpoint-{self._next:06d}.arrow"
        self._next += 1
        # Not table.schema: parquet's metadata in it would end up in the new part, whose bytes would depend on history.
        with replacing(path) as temporary, pa.ipc.new_file(str(temporary), record_schema(self._schema)) as writer:
            writer.write_table(table.combine_chunks())
        self._register(positions, path, np.arange(len(table), dtype=np.int32))

    def _register(self, positions: np.ndarray, path: Path, rows: np.ndarray) -> None:
        self._file_number[positions], self._row[positions] = len(self._files), rows
        self._files.append(path)


def _nbytes(value: Any) -> int:
    return value.nbytes if isinstance(value, np.ndarray) else len(value) if isinstance(value, bytes | str) else 8
