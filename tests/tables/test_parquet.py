"""Reading rows of parquet files and folders by their positions."""

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from keyed_rows import refresh_keys

from pricefuse.errors import InputError
from pricefuse.tables.parquet import (
    MAX_BATCH_ROWS,
    iter_batches,
    iter_column,
    iter_matching,
    iter_rows,
    part_path,
    part_paths,
    write_columns,
)

ROWS = 3 * MAX_BATCH_ROWS + 100


@pytest.fixture(params=[MAX_BATCH_ROWS // 2, MAX_BATCH_ROWS, ROWS], ids=["small groups", "groups", "one group"])
def file(request, tmp_path):
    frame = pd.DataFrame({"text": [f"text {number}" for number in range(ROWS)], "number": range(ROWS)})
    frame.to_parquet(tmp_path / "file.parquet", index=False, row_group_size=request.param)
    return tmp_path / "file.parquet"


@pytest.mark.parametrize(
    "positions",
    [[], [0], [ROWS - 1], [5, MAX_BATCH_ROWS - 1, MAX_BATCH_ROWS, 2 * MAX_BATCH_ROWS + 7], range(ROWS)],
    ids=["none", "first", "last", "some", "all"],
)
def test_rows_are_read_by_position_whatever_the_row_groups(file, positions):
    found = list(iter_rows(file, np.array(positions, np.int64), ["text"]))
    assert found == [(position, {"text": f"text {position}"}) for position in positions]


@pytest.mark.parametrize(
    "rows", [range(ROWS), range(3), range(7, 7), range(ROWS - 1, ROWS), range(MAX_BATCH_ROWS - 2, 2 * MAX_BATCH_ROWS)]
)
def test_batches_of_some_rows_are_read_whatever_the_row_groups(file, rows):
    batches = list(iter_batches(file, ["number"], rows))
    assert [number for batch in batches for number in batch["number"].to_pylist()] == list(rows)
    assert max(map(len, batches), default=0) <= MAX_BATCH_ROWS


def test_columns_of_a_folder_are_one_file_that_is_read_like_it(tmp_path):
    keys = [f"k{row}" for row in range(7)]
    refresh_keys(tmp_path / "table", keys)
    write_columns(tmp_path / "table", ["sample_id", "key"], tmp_path / "keys.parquet")
    ids = pq.read_table(tmp_path / "keys.parquet")["sample_id"].to_pylist()
    assert len(ids) == 7
    for rows in (None, range(2, 5)):
        expected = keys if rows is None else keys[2:5]
        for source in (tmp_path / "table", tmp_path / "keys.parquet"):
            found = [key for part in iter_matching(source, ids, ["key"], rows) for key in part["key"].to_pylist()]
            assert found == expected
    with pytest.raises(InputError, match="not those of today's products"):
        list(iter_matching(tmp_path / "none.parquet", ids, ["key"]))


def test_row_groups_without_a_wanted_row_are_not_read(file, monkeypatch):
    read, original = [], pq.ParquetFile.iter_batches

    def iter_batches(self, *arguments, row_groups, **options):
        read.extend(row_groups)
        return original(self, *arguments, row_groups=row_groups, **options)

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", iter_batches)
    list(iter_rows(file, np.array([0, ROWS - 1]), ["text"]))
    last = pq.ParquetFile(file).num_row_groups - 1
    assert read == sorted({0, last})


def test_rows_are_read_by_position_across_parts(tmp_path):
    refresh_keys(tmp_path, [f"k{i}" for i in range(10)])
    found = [(i, row["key"]) for i, row in iter_rows(tmp_path, np.array([0, 3, 4, 9]), ["key"])]
    assert found == [(0, "k0"), (3, "k3"), (4, "k4"), (9, "k9")]


def test_a_column_is_read_in_batches_of_bounded_size(file):
    batches = list(iter_column(file, "text"))
    assert max(map(len, batches)) <= MAX_BATCH_ROWS
    assert [text for batch in batches for text in batch.to_pylist()] == [f"text {number}" for number in range(ROWS)]


def test_parts_are_in_catalog_order_also_beyond_five_digits(tmp_path):
    numbers = [100_000, 2, 99_999, 10_001]
    for number in numbers:
        part_path(tmp_path, number).touch()
    assert part_paths(tmp_path) == [part_path(tmp_path, number) for number in sorted(numbers)]
