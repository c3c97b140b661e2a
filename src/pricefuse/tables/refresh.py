"""Bring a folder of keyed rows up to date: reuse the rows that are there, compute those that are missing.

A row's key is a digest of everything that determines its record, so that an earlier record with the same key can be
reused wherever it is.

Algorithm:
1. Index the rows that earlier runs left, in parts and in checkpoints, by their keys.
2. Mark as stale each part of today's table that is not on disk exactly: its products in order, with their keys.
3. Copy the rows that stale parts need out of the old parts to checkpoint files.
4. Compute each missing key once; write finished records to checkpoint files every few seconds.
5. Assemble every stale part from the checkpoint files, as `part-*.parquet.new`.
6. When all are written, rename them into place; delete surplus parts and the checkpoint files.

Key properties:
- Killed at any moment, it loses at most the records since the last checkpoint: each other finished record is in a part
  or a checkpoint, where step 1 of the next run finds it.
- A part whose rows did not change keeps its bytes, and so its place in DVC's cache.
- At the end the folder holds today's rows in order, and its bytes depend on the records alone, not on history. Records
  that are computed in batches are the same after a kill, too: what is left is computed in the batches that it had.
- Memory is bounded by one part and a few dozen bytes a row.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pricefuse.files import TEMPORARY_SUFFIX, replacing
from pricefuse.resources import require_room
from pricefuse.tables.checkpoint import Checkpoint, Compute, Records, Reused
from pricefuse.tables.index import CHECKPOINT_PATTERN, ERROR, RecordIndex
from pricefuse.tables.parquet import ID_FIELDS, iter_parts, part_path, part_paths, strings, write_part

__all__ = ["Compute", "Records", "Refresh", "Reused", "refresh"]

NEW_SUFFIX = ".new"


@dataclass(frozen=True)
class Refresh:
    """Count what a refresh did, in rows of today's catalog.

    `shared` rows have the key of a computed row; `dropped` counts earlier keys that today's catalog has not.
    """

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
    in_batches: bool = False,
    title: str = "rows",
) -> Refresh:
    """Bring `folder` up to date: one row a product, in the order given, in parts of `rows_per_part` rows.

    `compute` is given positions into `sample_ids`, int64 and ascending, one for each distinct missing key, and yields
    (position, record) in any order; a record has exactly the columns of `schema`. Vectors are float32 arrays in
    fixed-size-list columns. Records whose `transient` column is true are computed again, with `retry_failed` all that
    have an `error`. Where records are computed `in_batches`, and their last bits depend on which share one, `compute`
    is also given `together`: all positions that were missing before a run was cut short. Finished records are written
    to checkpoint files every `checkpoint_s` seconds, and also when `compute` raises or is interrupted. `title` names
    the progress bar.

    Raises InputError before the first computation where the vectors do not fit the disk, ValueError for another number
    of keys than ids, RuntimeError when `compute` ends without a record for every
    position that it was given.
    """
    ids, wanted = strings(sample_ids), strings(keys)
    if len(ids) != len(wanted):
        raise ValueError(f"{len(ids)} sample ids, but {len(wanted)} keys")
    folder.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(folder)
    full_schema = pa.schema([*ID_FIELDS, *schema])
    index = RecordIndex(folder, full_schema, retry_failed=retry_failed)
    for path, problem in index.unusable.items():
        print(f"{path}: cannot be reused ({problem}); its rows are computed again")
    slots = index.find(wanted)
    first = _first_of_equals(wanted)

    starts = range(0, len(wanted), rows_per_part)
    stale = [
        number
        for number, start in enumerate(starts)
        if (slots[start : start + rows_per_part] < 0).any()
        or not _is_current(
            part_path(folder, number), full_schema, ids[start:][:rows_per_part], wanted[start:][:rows_per_part]
        )
    ]
    in_stale = np.isin(np.arange(len(wanted)) // rows_per_part, stale)
    needed = np.unique(first[in_stale])
    missing, known = needed[slots[needed] < 0], needed[slots[needed] >= 0]

    written = int(in_stale.sum()) + len(missing)  # new parts, and checkpoints until they are in their place
    require_room(
        f"{folder}: {len(wanted):,} {title}", "Free some, and run `dvc repro` again", folder=folder,
        disk=written * _vector_bytes(schema),
    )  # fmt: skip
    checkpoint = Checkpoint(folder, full_schema, wanted, checkpoint_s)
    checkpoint.add_earlier(index, known, slots[known])
    if in_batches:
        before = RecordIndex(folder, full_schema, retry_failed=retry_failed, parts_only=True).find(wanted)
        compute = partial(compute, together=needed[before[needed] < 0])
    checkpoint.add_computed(compute, missing, title)
    for number in stale:
        rows = slice(number * rows_per_part, (number + 1) * rows_per_part)
        table = checkpoint.read(first[rows]).add_column(0, ID_FIELDS[0], ids[rows])
        path = part_path(folder, number)
        with replacing(path.with_name(path.name + NEW_SUFFIX)) as temporary:
            write_part(table, temporary)
    # Until every new part is written, an old one may hold the only copy of a row: only then is any renamed.
    _swap(folder, len(starts))

    reused = int((slots >= 0).sum())
    return Refresh(
        total=len(wanted),
        reused=reused + checkpoint.reused,
        computed=len(missing) - checkpoint.reused,
        shared=len(wanted) - reused - len(missing),
        failed=_count_failures(folder, schema),
        dropped=len(pc.unique(index.keys.filter(pc.invert(pc.is_in(index.keys, value_set=wanted))))),
        parts_kept=len(starts) - len(stale),
        parts_written=len(stale),
    )


def _vector_bytes(schema: pa.Schema) -> int:
    """Return the bytes of a row's vectors; what has no fixed size, such as an image, does not count."""
    return sum(4 * field.type.list_size for field in schema if pa.types.is_fixed_size_list(field.type))


def _first_of_equals(keys: pa.StringArray) -> np.ndarray:
    """Return the position, int64, of the first of the keys that equal each key."""
    codes = keys.dictionary_encode().indices.to_numpy()
    # Codes are numbered by first appearance, so that the first of each code is where the maximum so far grows.
    firsts = np.flatnonzero(np.diff(np.maximum.accumulate(codes), prepend=-1))
    return firsts[codes]


def _remove_leftovers(folder: Path) -> None:
    """Remove files that a killed run had not finished: parts and checkpoints hold all that went into them."""
    for pattern in (f"*{TEMPORARY_SUFFIX}", f"*{NEW_SUFFIX}"):
        for path in folder.glob(pattern):
            path.unlink()


def _is_current(path: Path, schema: pa.Schema, ids: pa.StringArray, keys: pa.StringArray) -> bool:
    """Return whether the part holds exactly these products with these keys."""
    try:
        if not pq.read_schema(path).equals(schema):
            return False
        part = pq.read_table(path, columns=["sample_id", "key"])
    except (pa.ArrowException, OSError):
        return False
    return part["sample_id"].combine_chunks().equals(ids) and part["key"].combine_chunks().equals(keys)


def _swap(folder: Path, parts: int) -> None:
    """Rename the new parts into place; delete surplus parts and the checkpoint files."""
    for path in sorted(folder.glob(f"*{NEW_SUFFIX}")):
        path.replace(path.with_suffix(""))
    current = {part_path(folder, number) for number in range(parts)}
    for path in part_paths(folder):
        if path not in current:
            path.unlink()
    for path in folder.glob(CHECKPOINT_PATTERN):
        path.unlink()


def _count_failures(folder: Path, schema: pa.Schema) -> int:
    if ERROR not in schema.names:
        return 0
    return sum(len(part) - part[ERROR].null_count for part in iter_parts(folder, [ERROR]))
