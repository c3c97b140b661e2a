"""Find the rows that earlier runs left in a folder by their keys."""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pricefuse.tables.parquet import ID_FIELDS, part_paths

# A record with these columns may be a failure: `error` gives the reason, `transient` whether to try again next time.
ERROR, TRANSIENT = "error", "transient"
CHECKPOINT_PATTERN = "checkpoint-*.arrow"


class RecordIndex:
    """Index the reusable rows of a folder: those of its parts and those in the checkpoints of an unfinished run.

    A row whose `transient` column is true is not reusable; with `retry_failed`, nor is one with an `error`. Each row
    has a slot, a number from 0; memory holds a key and a slot a row.

    Attributes: `keys`, one for each slot, with repetitions; `unusable`, the files that cannot be read or have other
    columns than the schema, each with the reason.
    """

    def __init__(
        self, folder: Path, schema: pa.Schema, *, by: str = "key", retry_failed: bool = False, parts_only: bool = False
    ) -> None:
        """Index `folder` by the string column `by`; `schema` is that of a part, its first columns ID_FIELDS.

        With `parts_only`, it is the index before an unfinished run: until all new parts are written, the old ones stay.
        """
        self._schema, self._by, self._retry_failed = schema, by, retry_failed
        self._files: list[Path] = []
        self.unusable: dict[Path, str] = {}
        keys: list[pa.StringArray] = [pa.array([], pa.string())]
        numbers, rows = [np.zeros(0, np.int32)], [np.zeros(0, np.int32)]
        # Checkpoints come first: a row that is in both is then found there, and need not be copied from the part.
        checkpoints = [] if parts_only else sorted(folder.glob(CHECKPOINT_PATTERN))
        for path in [*checkpoints, *part_paths(folder)]:
            if (reusable := self._reusable(path)) is not None:
                rows.append(reusable[0])
                keys.append(reusable[1])
                numbers.append(np.full(len(reusable[0]), len(self._files), np.int32))
                self._files.append(path)
        self.keys: pa.StringArray = pa.concat_arrays(keys)
        self._file_numbers, self._rows = np.concatenate(numbers), np.concatenate(rows)

    def find(self, keys: pa.StringArray) -> np.ndarray:
        """Return the first slot with each key, int64 (keys,), or -1 where there is none."""
        sorted_keys, slots = self._sorted
        if not len(sorted_keys):
            return np.full(len(keys), -1, np.int64)
        nearest = np.minimum(pc.search_sorted(sorted_keys, keys).to_numpy(), len(sorted_keys) - 1)
        equal = pc.equal(sorted_keys.take(pa.array(nearest)), keys)
        return np.where(equal.to_numpy(zero_copy_only=False), slots[nearest], -1)

    def locate(self, slots: np.ndarray) -> Iterator[tuple[Path, np.ndarray, np.ndarray]]:
        """Yield for each file that holds any of `slots`: its path, the indices into `slots`, and their rows in it."""
        numbers = self._file_numbers[slots]
        for number in np.unique(numbers).tolist():
            members = np.flatnonzero(numbers == number)
            yield self._files[number], members, self._rows[slots[members]]

    def read(self, path: Path, rows: np.ndarray) -> pa.Table:
        """Return the records at `rows` of one of the files, without the products' ids."""
        read = read_part if path.suffix == ".parquet" else read_checkpoint
        return read(path, self._schema).take(pa.array(rows))

    @cached_property
    def _sorted(self) -> tuple[pa.StringArray, np.ndarray]:
        """The keys in ascending order and their slots, int64.

        Sorted once, since Arrow's `index_in` would hash all keys again at every call. The order is stable, so that the
        leftmost of equal keys is their first slot.
        """
        order = pc.array_sort_indices(self.keys)
        return self.keys.take(order), order.to_numpy().astype(np.int64)

    def _reusable(self, path: Path) -> tuple[np.ndarray, pa.StringArray] | None:
        """Return the reusable rows of a file, int32, and their keys; None where the file is unusable."""
        wanted = [name for name in dict.fromkeys((self._by, TRANSIENT, ERROR)) if name in self._schema.names]
        try:
            if path.suffix == ".parquet":
                _check(pq.read_schema(path), self._schema)
                table = pq.read_table(path, columns=wanted)
            else:
                table = read_checkpoint(path, self._schema).select(wanted)
        except (pa.ArrowException, OSError) as error:
            self.unusable[path] = str(error)
            return None
        reusable = ~_mask(pc.is_null(table[self._by]))
        if TRANSIENT in wanted:
            reusable &= ~_mask(pc.fill_null(table[TRANSIENT], False))
        if ERROR in wanted and self._retry_failed:
            reusable &= _mask(pc.is_null(table[ERROR]))
        rows = np.flatnonzero(reusable).astype(np.int32)
        # `take` copies: a view would keep a memory-mapped file in memory.
        return rows, table[self._by].combine_chunks().take(pa.array(rows))


def record_schema(schema: pa.Schema) -> pa.Schema:
    """Return the columns of a checkpoint: those of a part without the product's id."""
    return pa.schema([field for field in schema if field.name != ID_FIELDS[0].name])


def read_part(path: Path, schema: pa.Schema) -> pa.Table:
    """Return a part without the products' ids."""
    return pq.read_table(path, columns=record_schema(schema).names)


def read_checkpoint(path: Path, schema: pa.Schema) -> pa.Table:
    """Memory-map a checkpoint file; raise ArrowInvalid where its columns are not those of `schema`."""
    with pa.memory_map(str(path)) as source:
        table = pa.ipc.open_file(source).read_all()
    _check(table.schema, record_schema(schema))
    return table


def _check(found: pa.Schema, schema: pa.Schema) -> None:
    if not found.equals(schema):
        raise pa.ArrowInvalid("it has other columns than this version writes")


def _mask(column: pa.ChunkedArray) -> np.ndarray:
    return column.to_numpy()
