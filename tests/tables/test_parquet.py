"""Reading rows of parquet files and folders by their positions."""

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from keyed_rows import refresh_keys

from pricefuse.tables.parquet import MAX_BATCH_ROWS, iter_column, iter_rows

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
