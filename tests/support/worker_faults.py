"""What every kind of workers has to survive: the tests of processes and of Ray run these."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import worker_cases
from worker_cases import ITEMS, BuildSums, content, failed, update, worker_settings

from pricefuse.errors import InputError
from pricefuse.tables.parquet import part_path


class WorkerFaults:
    """A subclass gives `settings`, a fixture: WorkersSettings of its kind, with two workers at the least."""

    @pytest.fixture
    def faults(self, tmp_path):
        (tmp_path / "faults").mkdir()
        return tmp_path / "faults"

    @pytest.fixture
    def expected(self, tmp_path, faults):
        """The bytes of a table that this process computed, without any fault."""
        update(tmp_path / "here", ITEMS, BuildSums(faults), worker_settings())
        return content(tmp_path / "here")

    def test_the_same_bytes_as_in_this_process(self, settings, tmp_path, faults, expected):
        update(tmp_path / "there", ITEMS, BuildSums(faults), settings)
        assert content(tmp_path / "there") == expected

    def test_a_dead_worker_is_replaced_twice_and_nothing_changes(self, settings, tmp_path, faults, capfd):
        items = [*ITEMS[:20], "kill once a", *ITEMS[20:90], "kill once b", *ITEMS[90:]]
        update(tmp_path / "there", items, BuildSums(faults), settings)
        assert (faults / "kill once a").exists()
        assert (faults / "kill once b").exists()
        assert capfd.readouterr().out.count("a worker died") >= 2
        update(tmp_path / "here", items, BuildSums(faults), worker_settings())  # both have acted
        assert content(tmp_path / "there") == content(tmp_path / "here")

    def test_a_row_that_kills_becomes_a_failed_record(self, settings, tmp_path, faults):
        items = [*ITEMS[:25], "kill", *ITEMS[25:]]
        build = BuildSums(faults, shared=False)
        done = update(tmp_path / "there", items, build, settings, failed=failed)
        assert done.failed == 1
        table = pq.read_table(part_path(tmp_path / "there", 0)).to_pylist()
        assert [row["sample_id"] for row in table if row["error"]] == ["kill"]
        assert table[25]["vector"] is None
        update(tmp_path / "others", items[:25] + items[26:], build, worker_settings())
        others = [row for name in ("there", "others") for row in pq.read_table(tmp_path / name).to_pylist()]
        vectors = {}
        for row in others:
            vectors.setdefault(row["sample_id"], set()).add(str(row["vector"]))
        assert all(len(found) == 1 for found in vectors.values())

    def test_a_worker_that_hangs_is_replaced(self, settings, tmp_path, faults, capfd):
        items = [*ITEMS[:70], "hang", *ITEMS[70:]]
        quick = settings.model_copy(update={"silence_s": 3.0})
        update(tmp_path / "there", items, BuildSums(faults), quick)
        assert "gave no record for 3 s" in capfd.readouterr().out
        update(tmp_path / "here", items, BuildSums(faults), worker_settings())
        assert content(tmp_path / "there") == content(tmp_path / "here")

    def test_an_error_of_ours_is_raised_with_its_traceback(self, settings, tmp_path, faults):
        with pytest.raises(InputError, match="refuse is not right") as raised:
            update(tmp_path / "there", [*ITEMS[:9], "refuse"], BuildSums(faults), settings)
        assert "in _act" in str(raised.value.__cause__)

    def test_the_driver_killed_twice_and_begun_again(self, settings, tmp_path, faults, expected):
        folder = tmp_path / "there"
        for _ in range(2):
            before = len(list(folder.glob("checkpoint-*")))
            process = self.driver(folder, faults, settings)
            until = time.monotonic() + 60
            while len(list(folder.glob("checkpoint-*.arrow"))) < before + 2 and time.monotonic() < until:
                time.sleep(0.02)
            process.send_signal(signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL
        process = self.driver(folder, faults, settings, stdout=subprocess.PIPE, text=True)
        said = process.communicate()[0]
        assert process.returncode == 0
        assert int(re.search(r"([\d,]+) reused", said)[1]) > 0
        assert content(folder) == expected

    def driver(self, folder, faults, settings, **options):
        command = [sys.executable, worker_cases.__file__, folder, faults, settings.kind, str(settings.count)]
        path = os.pathsep.join([os.environ["PYTHONPATH"], str(Path(worker_cases.__file__).parent)])
        return subprocess.Popen(command, env=os.environ | {"PYTHONPATH": path}, **options)
