"""Refreshing a folder of keyed rows: what is reused, what a kill costs, and that only today's catalog remains."""

import os
import shutil
import subprocess
import sys
import textwrap
import time
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keyed_rows import SCHEMA, KeyEncoder, content, refresh_keys, table, vector_of
from paths import ROOT

from pricefuse import resources
from pricefuse.errors import InputError
from pricefuse.tables.parquet import part_path, vectors
from pricefuse.tables.refresh import refresh


def test_every_row_is_in_catalog_order_with_the_record_of_its_key(tmp_path):
    keys = [f"k{i}" for i in range(10)]
    done, _ = refresh_keys(tmp_path, keys)
    assert table(tmp_path)["key"].to_pylist() == keys
    assert table(tmp_path)["sample_id"].to_pylist() == [f"id{i}-k{i}" for i in range(10)]
    np.testing.assert_array_equal(vectors(table(tmp_path)["vector"]), np.stack([vector_of(key) for key in keys]))
    assert (done.total, done.computed, done.reused, done.parts_written) == (10, 10, 0, 3)
    assert [path.name for path in sorted(tmp_path.iterdir())] == [f"part-0000{i}.parquet" for i in range(3)]


def test_a_second_refresh_computes_nothing_and_touches_no_file(tmp_path):
    keys = [f"k{i}" for i in range(10)]
    refresh_keys(tmp_path, keys)
    before = {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in tmp_path.iterdir()}
    done, encoder = refresh_keys(tmp_path, keys)
    assert encoder.seen == []
    assert {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in tmp_path.iterdir()} == before
    assert (done.reused, done.parts_kept, done.parts_written) == (10, 3, 0)


def test_equal_keys_are_computed_once(tmp_path):
    done, encoder = refresh_keys(tmp_path, ["a", "b", "a", "a", "c", "a"])
    assert sorted(encoder.seen) == ["a", "b", "c"]
    assert (done.computed, done.shared) == (3, 3)


def test_appending_and_editing_compute_only_the_new_keys_and_keep_the_other_parts_bytes(tmp_path):
    keys = [f"k{i}" for i in range(12)]
    refresh_keys(tmp_path, keys)
    before = content(tmp_path)
    done, encoder = refresh_keys(tmp_path, [*keys[:5], "new", *keys[6:], "tail"])
    assert sorted(encoder.seen) == ["new", "tail"]
    after = content(tmp_path)
    assert after["part-00000.parquet"] == before["part-00000.parquet"]
    assert after["part-00002.parquet"] == before["part-00002.parquet"]
    assert (done.computed, done.dropped, done.parts_kept, done.parts_written) == (2, 1, 2, 2)


def test_deleting_and_reordering_compute_nothing(tmp_path):
    keys = [f"k{i}" for i in range(13)]
    refresh_keys(tmp_path, keys)
    shuffled = list(np.random.default_rng(0).permutation(keys[1:]))
    done, encoder = refresh_keys(tmp_path, shuffled)
    assert encoder.seen == []
    assert (done.reused, done.dropped) == (12, 1)
    assert table(tmp_path)["key"].to_pylist() == shuffled


def test_the_result_does_not_depend_on_history(tmp_path):
    keys = [f"k{i}" for i in range(11)]
    refresh_keys(tmp_path / "a", keys[::-1])
    refresh_keys(tmp_path / "a", keys[3:])
    refresh_keys(tmp_path / "a", keys)
    refresh_keys(tmp_path / "b", keys)
    assert content(tmp_path / "a") == content(tmp_path / "b")


def test_only_transient_failures_get_another_try(tmp_path):
    keys = ["good", "dead", "slow"]
    done, _ = refresh_keys(tmp_path, keys, KeyEncoder(keys, failing=["dead"], transient=["slow"]))
    assert done.failed == 2
    done, encoder = refresh_keys(tmp_path, keys)
    assert encoder.seen == ["slow"]
    assert done.failed == 1
    assert table(tmp_path)["error"].to_pylist() == [None, "no answer", None]


def test_an_interrupt_keeps_what_was_finished_and_leaves_the_old_parts_alone(tmp_path):
    refresh_keys(tmp_path, ["x", "y"])
    before = content(tmp_path)
    keys = [f"k{i}" for i in range(9)]
    with pytest.raises(KeyboardInterrupt):
        refresh_keys(tmp_path, keys, KeyEncoder(keys, stop_after=6))
    assert before.items() <= content(tmp_path).items()
    done, encoder = refresh_keys(tmp_path, keys)
    assert (len(encoder.seen), done.reused, done.computed) == (3, 6, 3)
    refresh_keys(tmp_path / "undisturbed", keys)
    shutil.move(tmp_path / "undisturbed", tmp_path.parent / "undisturbed")
    assert content(tmp_path) == content(tmp_path.parent / "undisturbed")


@pytest.mark.parametrize("damage", [b"", b"PAR1 not a parquet file"], ids=["empty", "garbage"])
def test_a_damaged_part_is_computed_again_and_said(tmp_path, capsys, damage):
    keys = [f"k{i}" for i in range(8)]
    refresh_keys(tmp_path, keys)
    before = content(tmp_path)
    part_path(tmp_path, 1).write_bytes(damage)
    _, encoder = refresh_keys(tmp_path, keys)
    assert sorted(encoder.seen) == keys[4:]
    assert "part-00001.parquet: cannot be reused" in capsys.readouterr().out
    assert content(tmp_path) == before


def test_parts_with_other_columns_are_not_reused(tmp_path):
    keys = ["a", "b"]
    refresh_keys(tmp_path, keys)
    pq.write_table(pa.table({"sample_id": ["id0-a", "id1-b"], "key": keys}), part_path(tmp_path, 0))
    _, encoder = refresh_keys(tmp_path, keys)
    assert sorted(encoder.seen) == keys


def test_a_read_only_hard_link_is_replaced_and_the_cache_copy_survives(tmp_path):
    folder, cache = tmp_path / "rows", tmp_path / "cache"
    keys = ["a", "b", "c"]
    refresh_keys(folder, keys)
    part_path(folder, 0).chmod(0o444)
    os.link(part_path(folder, 0), cache)
    cached = cache.read_bytes()
    refresh_keys(folder, ["a", "z", "c"])
    assert cache.read_bytes() == cached
    assert table(folder)["key"].to_pylist() == ["a", "z", "c"]


def test_a_missing_record_is_a_defect_that_is_named(tmp_path):
    def forgets(missing):
        yield from list(KeyEncoder(["a", "b"])(missing))[:1]

    with pytest.raises(RuntimeError, match="no record for 1 of 2 rows"):
        refresh(tmp_path, ["1", "2"], ["a", "b"], forgets, SCHEMA)


def test_a_vector_of_the_wrong_length_is_refused(tmp_path):
    def wrong(missing):
        for position in missing:
            yield position, {"vector": np.zeros(2, np.float32), "error": None, "transient": False}

    with pytest.raises(ValueError, match="2 dimensions where 3"):
        refresh(tmp_path, ["1"], ["a"], wrong, SCHEMA)


@settings(max_examples=40)
@given(
    history=st.lists(
        st.tuples(st.lists(st.integers(0, 14), max_size=14), st.none() | st.integers(0, 10)), min_size=1, max_size=5
    )
)
def test_any_history_of_changes_and_interrupts_ends_like_an_undisturbed_run(tmp_path_factory, history):
    folder, fresh = tmp_path_factory.mktemp("rows"), tmp_path_factory.mktemp("fresh")
    computed = set()
    for numbers, stop_after in history:
        keys = [f"k{number}" for number in numbers]
        encoder = KeyEncoder(keys, stop_after)
        try:
            refresh_keys(folder, keys, encoder, checkpoint_s=0)
        except KeyboardInterrupt:
            pass
        else:
            computed = set()  # what is not in today's catalog is dropped at the end of a whole run
        assert not computed & set(encoder.seen)
        computed |= set(keys if stop_after is None else encoder.seen)
    refresh_keys(folder, keys)
    refresh_keys(fresh, keys)
    assert content(folder) == content(fresh)


def test_a_process_killed_at_any_moment_loses_no_finished_record(tmp_path):
    script = tmp_path / "work.py"
    script.write_text(
        textwrap.dedent(
            f"""
            import sys, time
            sys.path[:0] = {[str(ROOT / "src"), str(ROOT / "tests" / "support")]!r}
            from pathlib import Path
            from keyed_rows import KeyEncoder, refresh_keys
            keys = [f"k{{i}}" for i in range(40)]
            encoder = KeyEncoder(keys)
            def slow(missing):
                for item in encoder(missing):
                    time.sleep(0.01)
                    print(len(encoder.seen), flush=True)
                    yield item
            refresh_keys(Path({str(tmp_path / "rows")!r}), keys, slow, checkpoint_s=0.02)
            """
        )
    )
    computed = 0
    for kill_after in (0.15, 0.25, 0.1):
        process = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline().strip() == "1"
        time.sleep(kill_after)
        process.kill()
        computed += len(process.communicate()[0].split()) + 1
    process = subprocess.run([sys.executable, script], stdout=subprocess.PIPE, text=True, check=True)
    computed += len(process.stdout.split())
    assert computed <= 40 + 3 * 4  # at each kill, the records of one checkpoint interval at most
    keys = [f"k{i}" for i in range(40)]
    refresh_keys(tmp_path / "undisturbed", keys)
    assert content(tmp_path / "rows") == content(tmp_path / "undisturbed")


def test_vectors_that_do_not_fit_the_disk_are_refused_before_any_is_computed(tmp_path, monkeypatch):
    monkeypatch.setattr(resources.shutil, "disk_usage", lambda _: SimpleNamespace(free=200))
    refresh_keys(tmp_path, list("abcdefgh"))  # 12 bytes each, in a part and in a checkpoint
    encoder = KeyEncoder(keys := list("abcdefghijklmnopq"))
    with pytest.raises(InputError, match=r"17 rows: needs some 0.0 MB of disk, but 0.0 MB is free. Free some"):
        refresh_keys(tmp_path, keys, encoder)
    assert encoder.seen == []
