"""Keyed rows in a folder of parquet parts: keep what is there, compute what is missing.

A row is keyed by everything that determines its record, so that an earlier record with the same key can be reused
wherever it stands. How a refresh goes:

    part-*.parquet of earlier runs ──┐ rows whose key is wanted, but elsewhere
                                     ▼
    compute(missing) ─────────► pending-*.arrow ─► *.parquet.new ─► part-*.parquet
                 every few seconds                all written       renamed, the rest deleted

Whatever moment the process is killed at, every finished record stands in a part or in a pending file, and the next
refresh finds it by its key. A part whose rows did not change is not touched, so that its bytes, and its place in a
cache, stay.
"""

import hashlib
import json
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from tqdm import tqdm

from pricefuse.atomic import TEMPORARY_SUFFIX, replacing
from pricefuse.parts import ID_FIELDS, column, iter_parts, part_path, part_paths, write_part

Record = Mapping[str, Any]
Records = Generator[tuple[int, Record], None, None]
Compute = Callable[[Sequence[int]], Records]

# A record with these columns may be a failure: `error` says why, `transient` whether another run should try again.
ERROR, TRANSIENT = "error", "transient"
NEW_SUFFIX = ".new"
PENDING_BYTES = 64 * 2**20  # buffered records are put away at this size even before their time


@dataclass(frozen=True)
class Refresh:
    """What a refresh did, in rows of today's catalog; `dropped` counts the earlier keys that nobody asks for now."""

    total: int
    reused: int
    computed: int
    shared: int
    failed: int
    dropped: int
    parts_kept: int
    parts_written: int

    def __str__(self) -> str:
        return (
            f"{self.total:,} rows: {self.reused:,} reused, {self.computed:,} computed, {self.shared:,} equal to a"
            f" computed row, {self.dropped:,} dropped; {self.failed:,} failed; parts: {self.parts_kept} kept,"
            f" {self.parts_written} written"
        )


def row_key(*determinants: Any) -> str:
    """Digest of all that determines a record: 128 bits of SHA-256 over the determinants' canonical JSON, as hex."""
    canonical = json.dumps(determinants, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:32]


def refresh(
    folder: Path,
    sample_ids: Sequence[str],
    keys: Sequence[str],
    compute: Compute,
    schema: pa.Schema,
    *,
    rows_per_part: int = 2000,
    checkpoint_s: float = 5.0,
    title: str = "rows",
) -> Refresh:
    """Bring `folder` up to date: one row a product, in the order given, in parts of `rows_per_part` rows.

    `compute` is given positions into `sample_ids`, one for each distinct missing key, and yields (position, record) in
    any order; a record has exactly the columns of `schema`. Vectors are float32 arrays in fixed-size-list columns.
    Records whose `transient` column is true are computed again. Finished records are put away every `checkpoint_s`
    seconds, also when `compute` raises or is interrupted.

    Raises RuntimeError when `compute` ends without a record for every position that it was given.
    """
    if len(sample_ids) != len(keys):
        raise ValueError(f"{len(sample_ids)} sample ids, but {len(keys)} keys")
    folder.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(folder)
    full_schema = pa.schema([*ID_FIELDS, *schema])
    parts = _index(folder, full_schema)
    pending = _Pending(folder, full_schema, checkpoint_s)
    known = pending.place.keys() | {key for part in parts.values() for key in _settled_keys(part)}

    wanted = [slice(start, start + rows_per_part) for start in range(0, len(keys), rows_per_part)]
    stale = [
        number
        for number, rows in enumerate(wanted)
        if not _is_current(parts.get(part_path(folder, number)), sample_ids[rows], keys[rows], known)
    ]
    first: dict[str, int] = {}
    for number in stale:
        for position in range(*wanted[number].indices(len(keys))):
            first.setdefault(keys[position], position)
    missing = [position for key, position in first.items() if key not in known]
    reused = sum(key in known for key in keys)

    # Rows that stand in the wrong place are copied once, in one pass over the old parts, so that every new part can be
    # put together by random access to the memory-mapped pending files.
    pending.stage(parts, first.keys() & known)
    pending.compute(compute, missing, keys, title)
    for number in stale:
        path = part_path(folder, number)
        with replacing(path.with_name(path.name + NEW_SUFFIX)) as temporary:
            write_part(pending.take(sample_ids[wanted[number]], keys[wanted[number]]), temporary)
    # Old parts may hold the only copy of a row until every new part is whole, so nothing is renamed before.
    _swap(folder, len(wanted))

    return Refresh(
        total=len(keys),
        reused=reused,
        computed=len(missing),
        shared=len(keys) - reused - len(missing),
        failed=_count_failures(folder, schema),
        dropped=len(known.difference(keys)),
        parts_kept=len(wanted) - len(stale),
        parts_written=len(stale),
    )


class _Pending:
    """Records that are finished, but do not stand in their part yet; `place` says where each key lies."""

    def __init__(self, folder: Path, schema: pa.Schema, checkpoint_s: float) -> None:
        self.folder, self.schema, self.checkpoint_s = folder, pa.schema(list(schema)[1:]), checkpoint_s
        self.place: dict[str, tuple[Path, int]] = {}
        self.count = 0
        for path in sorted(folder.glob("pending-*.arrow")):
            self.count = int(path.stem.removeprefix("pending-")) + 1
            table = _usable(self._read, path)
            if table is not None:
                settled = set(_settled_keys(table))
                self.place |= {key: (path, row) for row, key in enumerate(table["key"].to_pylist()) if key in settled}

    def stage(self, parts: Mapping[Path, pa.Table], keys: AbstractSet[str]) -> None:
        """Copy the rows of `keys` out of the old parts."""
        for path, part in parts.items():
            rows = {
                key: row for row, key in enumerate(part["key"].to_pylist()) if key in keys and key not in self.place
            }
            if rows:
                self._put(pq.read_table(path, columns=self.schema.names).take(pa.array(rows.values())))

    def compute(self, compute: Compute, missing: Sequence[int], keys: Sequence[str], title: str) -> None:
        if not missing:
            return
        buffer: dict[str, Record] = {}
        size, since = 0, time.monotonic()
        progress = tqdm(total=len(missing), desc=title, unit="row", disable=None, smoothing=0.1)
        with closing(compute(missing)) as records, progress:
            try:
                for position, record in records:
                    buffer[keys[position]] = record
                    size += sum(_nbytes(value) for value in record.values())
                    progress.update()
                    if size > PENDING_BYTES or time.monotonic() - since > self.checkpoint_s:
                        self._put(self._table(buffer))
                        buffer, size, since = {}, 0, time.monotonic()
            finally:
                if buffer:
                    self._put(self._table(buffer))
        if lost := [position for position in missing if keys[position] not in self.place]:
            raise RuntimeError(f"compute gave no record for {len(lost)} of {len(missing)} rows, the first at {lost[0]}")

    def take(self, sample_ids: Sequence[str], keys: Sequence[str]) -> pa.Table:
        """Return one part's rows in order, mapping only the files that they lie in."""
        by_file: dict[Path, list[int]] = {}
        for i, key in enumerate(keys):
            by_file.setdefault(self.place[key][0], []).append(i)
        chunks = []
        for path, members in by_file.items():
            chunks.append(self._read(path).take(pa.array([self.place[keys[i]][1] for i in members])))
        order = np.argsort(np.concatenate(list(by_file.values())))
        table = pa.concat_tables(chunks).take(pa.array(order)).combine_chunks()
        return table.add_column(0, ID_FIELDS[0], pa.array(sample_ids, pa.string()))

    def _read(self, path: Path) -> pa.Table:
        with pa.memory_map(str(path)) as source:
            table = pa.ipc.open_file(source).read_all()
        _check_schema(table.schema, self.schema)
        return table

    def _table(self, buffer: Mapping[str, Record]) -> pa.Table:
        fields = list(self.schema)[1:]
        columns = [column([record[field.name] for record in buffer.values()], field.type) for field in fields]
        return pa.table([pa.array(buffer, pa.string()), *columns], schema=self.schema)

    def _put(self, table: pa.Table) -> None:
        path = self.folder / f"pending-{self.count:06d}.arrow"
        self.count += 1
        with replacing(path) as temporary, pa.ipc.new_file(str(temporary), self.schema) as writer:
            writer.write_table(table.combine_chunks())
        self.place |= {key: (path, row) for row, key in enumerate(table["key"].to_pylist())}


def _remove_leftovers(folder: Path) -> None:
    """Remove what a killed run had not finished: all of it can be made again from parts and pending files."""
    for pattern in (f"*{TEMPORARY_SUFFIX}", f"*{NEW_SUFFIX}"):
        for path in folder.glob(pattern):
            path.unlink()


def _index(folder: Path, schema: pa.Schema) -> dict[Path, pa.Table]:
    """Return the small columns of every part that has the columns of `schema`."""
    small = [name for name in ("sample_id", "key", TRANSIENT) if name in schema.names]

    def read_small(path: Path) -> pa.Table:
        _check_schema(pq.read_schema(path), schema)
        return pq.read_table(path, columns=small)

    tables = {path: _usable(read_small, path) for path in part_paths(folder)}
    return {path: table for path, table in tables.items() if table is not None}


def _usable(read: Callable[[Path], pa.Table], path: Path) -> pa.Table | None:
    """Return what `read` makes of `path`, or None, and say so, where it cannot be used."""
    try:
        return read(path)
    except (pa.ArrowException, OSError) as error:
        print(f"{path}: cannot be reused ({error}); its rows are computed again")
        return None


def _check_schema(found: pa.Schema, schema: pa.Schema) -> None:
    if not found.equals(schema):
        raise pa.ArrowInvalid("it has other columns than this version writes")


def _settled_keys(table: pa.Table) -> list[str]:
    """Return the keys of the rows that need no other try."""
    if TRANSIENT in table.column_names:
        table = table.filter(pc.invert(pc.fill_null(table[TRANSIENT], False)))
    return table["key"].to_pylist()


def _is_current(part: pa.Table | None, sample_ids: Sequence[str], keys: Sequence[str], known: AbstractSet[str]) -> bool:
    return (
        part is not None
        and part["sample_id"].to_pylist() == list(sample_ids)
        and part["key"].to_pylist() == list(keys)
        and known >= set(keys)
    )


def _swap(folder: Path, parts: int) -> None:
    """Rename the new parts into place, and delete what is not part of today's table."""
    for path in sorted(folder.glob(f"*{NEW_SUFFIX}")):
        path.replace(path.with_suffix(""))
    for path in part_paths(folder):
        if path >= part_path(folder, parts):
            path.unlink()
    for path in folder.glob("pending-*.arrow"):
        path.unlink()


def _count_failures(folder: Path, schema: pa.Schema) -> int:
    if ERROR not in schema.names:
        return 0
    return sum(len(part) - part[ERROR].null_count for part in iter_parts(folder, [ERROR]))


def _nbytes(value: Any) -> int:
    return value.nbytes if isinstance(value, np.ndarray) else len(value) if isinstance(value, bytes | str) else 8
