"""The index of earlier rows."""

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from keyed_rows import SCHEMA, KeyEncoder, refresh_keys

from pricefuse.tables.index import RecordIndex
from pricefuse.tables.parquet import ID_FIELDS

FULL_SCHEMA = pa.schema([*ID_FIELDS, *SCHEMA])


def keys_at(index, slots):
    return [index.keys[slot].as_py() if slot >= 0 else None for slot in slots.tolist()]


def test_keys_are_found_in_any_order_and_unknown_ones_are_not(tmp_path):
    keys = ["m", "z", "a", "é", "k", "zz"]
    refresh_keys(tmp_path, keys)
    index = RecordIndex(tmp_path, FULL_SCHEMA)
    asked = ["zz", "nothing", "a", "", "é", "m", "zzz"]
    found = index.find(pa.array(asked))
    assert keys_at(index, found) == [key if key in keys else None for key in asked]


def test_an_empty_folder_has_no_rows(tmp_path):
    index = RecordIndex(tmp_path, FULL_SCHEMA)
    assert index.find(pa.array(["a", "b"])).tolist() == [-1, -1]
    assert index.find(pa.array([], pa.string())).tolist() == []


def test_of_equal_keys_the_first_is_found_and_checkpoints_come_before_parts(tmp_path):
    refresh_keys(tmp_path, ["a", "b", "a"])
    with pytest.raises(KeyboardInterrupt):
        refresh_keys(tmp_path, ["c", "b", "d"], KeyEncoder(["c", "b", "d"], stop_after=1))
    index = RecordIndex(tmp_path, FULL_SCHEMA)
    slots = index.find(pa.array(["a", "b", "d"]))
    located = [(path.suffix, members.tolist()) for path, members, _ in index.locate(slots)]
    assert sorted(located) == [(".arrow", [1]), (".arrow", [2]), (".parquet", [0])]
    assert index.keys.to_pylist().index("a") == slots[0]


def test_the_keys_are_sorted_once_for_all_searches(tmp_path, monkeypatch):
    refresh_keys(tmp_path, [f"k{i}" for i in range(9)])
    index, calls, original = RecordIndex(tmp_path, FULL_SCHEMA), [], pc.array_sort_indices
    monkeypatch.setattr(pc, "array_sort_indices", lambda keys: calls.append(len(keys)) or original(keys))
    # Arrow's own lookup prepares all keys at every call.
    monkeypatch.setattr(pc, "index_in", lambda *_, **__: pytest.fail("prepares all keys for every search"))
    for _ in range(3):
        assert index.find(pa.array(["k3", "k8"])).tolist() == [3, 8]
    assert calls == [9]
