"""Records that are finished but do not stand in their part yet, put away in files every few seconds."""

import time
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from tqdm import tqdm

from pricefuse.files import replacing
from pricefuse.tables.index import PENDING_PATTERN, Earlier, read_pending, record_schema
from pricefuse.tables.parquet import column

Record = Mapping[str, Any]
Records = Generator[tuple[int, Record], None, None]
Compute = Callable[[np.ndarray], Records]
# Buffered records are put away at this size even before their time: it bounds the memory that a refresh needs.
PENDING_BYTES = 8 * 2**20


class Reused(dict[str, Any]):
    """A record that `compute` did not make, but found among earlier ones under another key."""


class Pending:
    """Where the record of each position of today's catalog lies, once `stage` or `compute` has put it away."""

    def __init__(self, folder: Path, schema: pa.Schema, keys: pa.StringArray, checkpoint_s: float) -> None:
        self._folder, self._schema, self._keys, self._checkpoint_s = folder, schema, keys, checkpoint_s
        taken = (int(path.stem.removeprefix("pending-")) for path in folder.glob(PENDING_PATTERN))
        self._next = max(taken, default=-1) + 1
        self._files: list[Path] = []
        self._file = np.full(len(keys), -1, np.int32)
        self._row = np.zeros(len(keys), np.int32)
        self.reused = 0

    def stage(self, earlier: Earlier, positions: np.ndarray, places: np.ndarray) -> None:
        """Take note of the earlier rows at `places`, one for each position, copied out of the parts that they stand in.

        One pass over the old parts copies them, so that every new part can be put together by random access to
        memory-mapped files.
        """
        members: list[np.ndarray] = []
        tables: list[pa.Table] = []
        for path, lying, rows in earlier.locate(places):
            if path.suffix != ".parquet":
                self._note(positions[lying], path, rows)
                continue
            members.append(positions[lying])
            tables.append(earlier.take(path, rows))
            # Few large files: a reordered catalog takes some of its rows from every file for every part.
            if sum(table.nbytes for table in tables) > PENDING_BYTES:
                self._put(np.concatenate(members), pa.concat_tables(tables))
                members, tables = [], []
        if tables:
            self._put(np.concatenate(members), pa.concat_tables(tables))

    def compute(self, compute: Compute, missing: np.ndarray, title: str) -> None:
        """Put away what `compute` yields; raise RuntimeError where it leaves a position out or yields another."""
        if not len(missing):
            return
        open_ = np.zeros(len(self._keys), dtype=bool)
        open_[missing] = True
        buffer: dict[int, Record] = {}
        size, since = 0, time.monotonic()
        progress = tqdm(total=len(missing), desc=title, unit="row", disable=None, smoothing=0.1)
        with closing(compute(missing)) as records, progress:
            try:
                for position, record in records:
                    if not open_[position]:
                        raise RuntimeError(f"compute gave a record for row {position}, which was not asked for")
                    open_[position] = False
                    self.reused += isinstance(record, Reused)
                    buffer[position] = record
                    size += sum(_nbytes(value) for value in record.values())
                    progress.update()
                    if size > PENDING_BYTES or time.monotonic() - since > self._checkpoint_s:
                        self._put_records(buffer)
                        buffer, size, since = {}, 0, time.monotonic()
            finally:
                if buffer:
                    self._put_records(buffer)
        if lost := np.flatnonzero(open_).tolist():
            raise RuntimeError(f"compute gave no record for {len(lost)} of {len(missing)} rows, the first at {lost[0]}")

    def take(self, positions: np.ndarray) -> pa.Table:
        """Return the records at `positions`, in that order, mapping only the files that they lie in."""
        files = self._file[positions]
        members, tables = [], []
        for number in np.unique(files).tolist():
            members.append(np.flatnonzero(files == number))
            rows = self._row[positions[members[-1]]]
            tables.append(read_pending(self._files[number], self._schema).take(pa.array(rows)))
        return pa.concat_tables(tables).take(pa.array(np.argsort(np.concatenate(members)))).combine_chunks()

    def _put_records(self, records: Mapping[int, Record]) -> None:
        positions = np.fromiter(records, np.int64, len(records))
        fields = list(record_schema(self._schema))[1:]
        columns = [column([record[field.name] for record in records.values()], field.type) for field in fields]
        self._put(positions, pa.table([self._keys.take(pa.array(positions)), *columns], record_schema(self._schema)))

    def _put(self, positions: np.ndarray, table: pa.Table) -> None:
        path = self._folder / f"pending-{self._next:06d}.arrow"
        self._next += 1
        # Not table.schema: parquet's notes in it would end up in the new part, and make its bytes depend on history.
        with replacing(path) as temporary, pa.ipc.new_file(str(temporary), record_schema(self._schema)) as writer:
            writer.write_table(table.combine_chunks())
        self._note(positions, path, np.arange(len(table), dtype=np.int32))

    def _note(self, positions: np.ndarray, path: Path, rows: np.ndarray) -> None:
        self._file[positions], self._row[positions] = len(self._files), rows
        self._files.append(path)


def _nbytes(value: Any) -> int:
    return value.nbytes if isinstance(value, np.ndarray) else len(value) if isinstance(value, bytes | str) else 8
