"""Read and write parquet files: folders of parts, columns of strings and of vectors."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pricefuse.errors import InputError
from pricefuse.files import replacing

ID_FIELDS = (pa.field("sample_id", pa.string()), pa.field("key", pa.string()))

MAX_BATCH_ROWS = 4096


def part_path(folder: Path, number: int) -> Path:
    """Return the path of part `number`, counted from 0."""
    return folder / f"part-{number:05d}.parquet"


def part_paths(folder: Path) -> list[Path]:
    """Return the paths of the parts of `folder`, in catalog order."""
    return sorted(folder.glob("part-*.parquet"), key=lambda path: (len(path.name), path.name))


def strings(values: Iterable[str] | pa.Array | pa.ChunkedArray) -> pa.StringArray:
    """Return `values` as one Arrow array of strings, which needs little more memory than their bytes."""
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    return values.cast(pa.string()) if isinstance(values, pa.Array) else pa.array(values, pa.string())


def write_part(table: pa.Table, path: Path) -> None:
    """Write a part; the same table gives the same bytes."""
    # Vectors and JPEG bytes do not compress; ids and keys do.
    compression = {name: "zstd" if name in ("sample_id", "key") else "none" for name in table.column_names}
    pq.write_table(table, path, compression=compression, use_dictionary=False, write_statistics=False)


def iter_parts(folder: Path, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """Yield the parts of `folder`, or one file, in catalog order as tables (all columns, or the ones named)."""
    for path in _paths(folder):
        yield pq.read_table(path, columns=None if columns is None else list(columns))


def write_columns(folder: Path, columns: Sequence[str], path: Path) -> None:
    """Write some columns of the parts of `folder` as one parquet file, atomically: for readers that need no more."""
    with replacing(path) as temporary:
        pq.write_table(pa.concat_tables(iter_parts(folder, columns)), temporary, compression="zstd")


def iter_matching(
    folder: Path, sample_ids: Iterable[str] | pa.StringArray, columns: Sequence[str], rows: range | None = None
) -> Iterator[pa.Table]:
    """Yield the columns named, part by part, of all rows or of those in `rows`; other parts are not read.

    Raises InputError where the rows that are read are not those of `sample_ids`, the ids of all rows, or where their
    number is another.
    """
    wanted = strings(sample_ids)
    foreign = InputError(f"{folder}: its rows are not those of today's products. Run `dvc repro` to refresh it")
    first, last = (0, len(wanted)) if rows is None else (rows.start, rows.stop)
    start = 0
    for path in _paths(folder):
        # Mapped and without threads, a part takes half the time and memory.
        with pq.ParquetFile(path, memory_map=True) as file:
            stop = start + file.metadata.num_rows
            low, high = max(first, start), min(last, stop)
            read = low < high or rows is None
            table = file.read(["sample_id", *columns], use_threads=False) if read else None
        if table is not None:
            table = table.slice(low - start, high - low)
            if not strings(table["sample_id"]).equals(wanted[low:high]):
                raise foreign
            yield table.drop_columns("sample_id")
        start = stop
    if start != len(wanted):
        raise foreign


def iter_batches(path: Path, columns: Sequence[str], rows: range) -> Iterator[pa.RecordBatch]:
    """Yield columns of `rows` of a parquet file, at most MAX_BATCH_ROWS at a time; other row groups are not read."""
    start = 0
    with pq.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            stop = start + file.metadata.row_group(group).num_rows
            if max(start, rows.start) < min(stop, rows.stop):
                for batch in file.iter_batches(MAX_BATCH_ROWS, row_groups=[group], columns=list(columns)):
                    low, high = max(rows.start - start, 0), min(rows.stop - start, len(batch))
                    if low < high:
                        yield batch.slice(low, high - low)
                    start += len(batch)
            start = stop


def iter_column(path: Path, name: str) -> Iterator[pa.StringArray]:
    """Yield a string column of a parquet file, at most MAX_BATCH_ROWS rows at a time."""
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(MAX_BATCH_ROWS, columns=[name]):
            yield strings(batch[name])


def iter_rows(path: Path, positions: np.ndarray, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (position, row) for ascending `positions`, int64, in one pass over a parquet file or a folder of parts.

    Row groups without any of `positions` are skipped. Memory holds at most one row group of the columns as stored, and
    MAX_BATCH_ROWS decoded rows. To read many positions call it once: two calls may decode the same row group twice.
    """
    start = 0
    for part in part_paths(path) if path.is_dir() else [path]:
        with pq.ParquetFile(part) as file:
            for group in range(file.num_row_groups):
                stop = start + file.metadata.row_group(group).num_rows
                if len(_within(positions, start, stop)):
                    batches = file.iter_batches(MAX_BATCH_ROWS, row_groups=[group], columns=list(columns))
                    yield from _rows_of_batches(batches, start, positions)
                start = stop


def _paths(folder: Path) -> list[Path]:
    return [folder] if folder.is_file() else part_paths(folder)


def _rows_of_batches(
    batches: Iterable[pa.RecordBatch], start: int, positions: np.ndarray
) -> Iterator[tuple[int, dict[str, Any]]]:
    for batch in batches:
        here = _within(positions, start, start + len(batch))
        yield from zip(here.tolist(), batch.take(pa.array(here - start)).to_pylist(), strict=True)
        start += len(batch)


def _within(positions: np.ndarray, start: int, stop: int) -> np.ndarray:
    return positions[slice(*np.searchsorted(positions, [start, stop]))]


def vectors(column: pa.ChunkedArray | pa.Array) -> np.ndarray:
    """Return a fixed-size-list column as a float32 matrix (rows, dimension); null rows are NaN."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    matrix = np.full((len(array), array.type.list_size), np.nan, dtype=np.float32)
    matrix[array.is_valid().to_numpy(zero_copy_only=False)] = (
        array.drop_null().flatten().to_numpy(zero_copy_only=False).reshape(-1, array.type.list_size)
    )
    return matrix


def column(values: list[Any], data_type: pa.DataType) -> pa.Array:
    """Return `values` as an array of `data_type`; float32 vectors (or None) become a fixed-size list.

    Raises ValueError for a vector of another length than that of `data_type`.
    """
    if not pa.types.is_fixed_size_list(data_type):
        return pa.array(values, data_type)
    flat = [np.zeros(data_type.list_size, np.float32) if value is None else value for value in values]
    matrix = np.stack(flat).astype(np.float32, copy=False)
    if matrix.shape[1] != data_type.list_size:
        raise ValueError(f"vectors have {matrix.shape[1]} dimensions where {data_type.list_size} were announced")
    mask = pa.array([value is None for value in values])
    return pa.FixedSizeListArray.from_arrays(pa.array(matrix.ravel()), data_type.list_size, mask=mask)
