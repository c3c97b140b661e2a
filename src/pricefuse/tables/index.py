"""The rows that earlier runs left in a folder, found by their key."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pricefuse.tables.parquet import ID_FIELDS, part_paths

# A record with these columns may be a failure: `error` says why, `transient` whether another run should try again.
ERROR, TRANSIENT = "error", "transient"
PENDING_PATTERN = "pending-*.arrow"


class Earlier:
    """The settled rows of `folder`: those in its parts and, put away by a run that did not end, in pending files.

    A row whose `transient` column is true is not settled; with `retry_failed`, nor is one with an `error`. Files that
    cannot be read, or have other columns than `schema`, are `unusable`, each for a reason. In memory are a key and a
    place a row.
    """

    def __init__(self, folder: Path, schema: pa.Schema, *, by: str = "key", retry_failed: bool = False) -> None:
        """Index `folder` by the string column `by`; `schema` is that of a part, its first columns ID_FIELDS."""
        self._schema, self._by, self._retry_failed = schema, by, retry_failed
        self._files: list[Path] = []
        self.unusable: dict[Path, str] = {}
        keys: list[pa.StringArray] = [pa.array([], pa.string())]
        numbers, rows = [np.zeros(0, np.int32)], [np.zeros(0, np.int32)]
        # A row that stands in both is found in the pending file, so that it need not be copied there.
        for path in [*sorted(folder.glob(PENDING_PATTERN)), *part_paths(folder)]:
            if (settled := self._settled(path)) is not None:
                rows.append(settled[0])
                keys.append(settled[1])
                numbers.append(np.full(len(settled[0]), len(self._files), np.int32))
                self._files.append(path)
        self.keys: pa.StringArray = pa.concat_arrays(keys)
        self._numbers, self._rows = np.concatenate(numbers), np.concatenate(rows)

    def find(self, keys: pa.StringArray) -> np.ndarray:
        """Return the place of each key's row, int64 (keys,), -1 where there is none."""
        found = pc.fill_null(pc.index_in(keys, value_set=self.keys), -1)
        return found.to_numpy(zero_copy_only=False).astype(np.int64)

    def locate(self, places: np.ndarray) -> Iterator[tuple[Path, np.ndarray, np.ndarray]]:
        """Yield each file with any of `places`, which of them (as indices) lie in it, and at which of its rows."""
        numbers = self._numbers[places]
        for number in np.unique(numbers).tolist():
            members = np.flatnonzero(numbers == number)
            yield self._files[number], members, self._rows[places[members]]

    def take(self, path: Path, rows: np.ndarray) -> pa.Table:
        """Return rows of one of the files, without their products' ids."""
        read = read_part if path.suffix == ".parquet" else read_pending
        return read(path, self._schema).take(pa.array(rows))

    def _settled(self, path: Path) -> tuple[np.ndarray, pa.StringArray] | None:
        """Return the rows, int32, that need no other try, and their keys; None where the file cannot be used."""
        wanted = [name for name in dict.fromkeys((self._by, TRANSIENT, ERROR)) if name in self._schema.names]
        try:
            if path.suffix == ".parquet":
                _check(pq.read_schema(path), self._schema)
                table = pq.read_table(path, columns=wanted)
            else:
                table = read_pending(path, self._schema).select(wanted)
        except (pa.ArrowException, OSError) as error:
            self.unusable[path] = str(error)
            return None
        settled = ~_mask(pc.is_null(table[self._by]))
        if TRANSIENT in wanted:
            settled &= ~_mask(pc.fill_null(table[TRANSIENT], False))
        if ERROR in wanted and self._retry_failed:
            settled &= _mask(pc.is_null(table[ERROR]))
        rows = np.flatnonzero(settled).astype(np.int32)
        # `take` copies: a view would keep a memory-mapped file in memory.
        return rows, table[self._by].combine_chunks().take(pa.array(rows))


def record_schema(schema: pa.Schema) -> pa.Schema:
    """Return the columns of a row that has no product yet: all but the product's id."""
    return pa.schema([field for field in schema if field.name != ID_FIELDS[0].name])


def read_part(path: Path, schema: pa.Schema) -> pa.Table:
    return pq.read_table(path, columns=record_schema(schema).names)


def read_pending(path: Path, schema: pa.Schema) -> pa.Table:
    """Map a pending file; raise ArrowInvalid where it has other columns than `schema` asks for."""
    with pa.memory_map(str(path)) as source:
        table = pa.ipc.open_file(source).read_all()
    _check(table.schema, record_schema(schema))
    return table


def _check(found: pa.Schema, schema: pa.Schema) -> None:
    if not found.equals(schema):
        raise pa.ArrowInvalid("it has other columns than this version writes")


def _mask(column: pa.ChunkedArray) -> np.ndarray:
    return column.to_numpy()
