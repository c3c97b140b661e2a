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

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pricefuse.files import TEMPORARY_SUFFIX, replacing
from pricefuse.tables.checkpoint import Compute, Pending, Records, Reused
from pricefuse.tables.index import ERROR, PENDING_PATTERN, Earlier
from pricefuse.tables.parquet import ID_FIELDS, iter_parts, part_path, part_paths, strings, write_part

__all__ = ["Compute", "Records", "Refresh", "Reused", "refresh"]

NEW_SUFFIX = ".new"


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


def refresh(
    folder: Path,
    sample_ids: Iterable[str],
    keys: Iterable[str],
    compute: Compute,
    schema: pa.Schema,
    *,
    rows_per_part: int = 2000,
    checkpoint_s: float = 5.0,
    retry_failed: bool = False,
    title: str = "rows",
) -> Refresh:
    """Bring `folder` up to date: one row a product, in the order given, in parts of `rows_per_part` rows.

    `compute` is given positions into `sample_ids`, int64 and ascending, one for each distinct missing key, and yields
    (position, record) in any order; a record has exactly the columns of `schema`. Vectors are float32 arrays in
    fixed-size-list columns. Records whose `transient` column is true are computed again, with `retry_failed` all that
    have an `error`. Finished records are put away every `checkpoint_s` seconds, also when `compute` raises or is
    interrupted. Memory is bounded by a part, a few dozen bytes a row, and what `compute` holds.

    Raises ValueError for another number of keys than ids, RuntimeError when `compute` ends without a record for every
    position that it was given.
    """
    ids, wanted = strings(sample_ids), strings(keys)
    if len(ids) != len(wanted):
        raise ValueError(f"{len(ids)} sample ids, but {len(wanted)} keys")
    folder.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(folder)
    full_schema = pa.schema([*ID_FIELDS, *schema])
    earlier = Earlier(folder, full_schema, retry_failed=retry_failed)
    for path, problem in earlier.unusable.items():
        print(f"{path}: cannot be reused ({problem}); its rows are computed again")
    places = earlier.find(wanted)
    first = _first_of_equals(wanted)

    starts = range(0, len(wanted), rows_per_part)
    stale = [
        number
        for number, start in enumerate(starts)
        if (places[start : start + rows_per_part] < 0).any()
        or not _is_current(
            part_path(folder, number), full_schema, ids[start:][:rows_per_part], wanted[start:][:rows_per_part]
        )
    ]
    in_stale = np.isin(np.arange(len(wanted)) // rows_per_part, stale)
    needed = np.unique(first[in_stale])
    missing, known = needed[places[needed] < 0], needed[places[needed] >= 0]

    pending = Pending(folder, full_schema, wanted, checkpoint_s)
    pending.stage(earlier, known, places[known])
    pending.compute(compute, missing, title)
    for number in stale:
        rows = slice(number * rows_per_part, (number + 1) * rows_per_part)
        table = pending.take(first[rows]).add_column(0, ID_FIELDS[0], ids[rows])
        path = part_path(folder, number)
        with replacing(path.with_name(path.name + NEW_SUFFIX)) as temporary:
            write_part(table, temporary)
    # Old parts may hold the only copy of a row until every new part is whole, so nothing is renamed before.
    _swap(folder, len(starts))

    reused = int((places >= 0).sum())
    return Refresh(
        total=len(wanted),
        reused=reused + pending.reused,
        computed=len(missing) - pending.reused,
        shared=len(wanted) - reused - len(missing),
        failed=_count_failures(folder, schema),
        dropped=len(pc.unique(earlier.keys.filter(pc.invert(pc.is_in(earlier.keys, value_set=wanted))))),
        parts_kept=len(starts) - len(stale),
        parts_written=len(stale),
    )


def _first_of_equals(keys: pa.StringArray) -> np.ndarray:
    """Return for each key the position, int64, at which it stands first."""
    codes = keys.dictionary_encode().indices.to_numpy()
    # Codes are numbered by first appearance, so that the first of each code is where the maximum so far grows.
    firsts = np.flatnonzero(np.diff(np.maximum.accumulate(codes), prepend=-1))
    return firsts[codes]


def _remove_leftovers(folder: Path) -> None:
    """Remove what a killed run had not finished: all of it can be made again from parts and pending files."""
    for pattern in (f"*{TEMPORARY_SUFFIX}", f"*{NEW_SUFFIX}"):
        for path in folder.glob(pattern):
            path.unlink()


def _is_current(path: Path, schema: pa.Schema, ids: pa.StringArray, keys: pa.StringArray) -> bool:
    """Whether the part holds exactly these products with these keys."""
    try:
        if not pq.read_schema(path).equals(schema):
            return False
        part = pq.read_table(path, columns=["sample_id", "key"])
    except (pa.ArrowException, OSError):
        return False
    return part["sample_id"].combine_chunks().equals(ids) and part["key"].combine_chunks().equals(keys)


def _swap(folder: Path, parts: int) -> None:
    """Rename the new parts into place, and delete what is not part of today's table."""
    for path in sorted(folder.glob(f"*{NEW_SUFFIX}")):
        path.replace(path.with_suffix(""))
    for path in part_paths(folder):
        if path >= part_path(folder, parts):
            path.unlink()
    for path in folder.glob(PENDING_PATTERN):
        path.unlink()


def _count_failures(folder: Path, schema: pa.Schema) -> int:
    if ERROR not in schema.names:
        return 0
    return sum(len(part) - part[ERROR].null_count for part in iter_parts(folder, [ERROR]))
