"""Workers that are processes of this machine."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import worker_cases
from worker_cases import ITEMS, BuildSums, update, worker_settings
from worker_faults import WorkerFaults

from pricefuse.errors import InputError
from pricefuse.workers import processes
from pricefuse.workers.block import LostRowsError
from pricefuse.workers.processes import Processes

pytestmark = pytest.mark.timeout(120)


class TestProcesses(WorkerFaults):
    @pytest.fixture
    def settings(self):
        return worker_settings("processes", count=2)

    def test_where_a_failure_is_no_record_all_others_are_kept(self, settings, tmp_path, faults):
        items = ["kill", *ITEMS[:60]]
        with pytest.raises(LostRowsError) as raised:
            update(tmp_path / "there", items, BuildSums(faults), settings)
        assert list(raised.value.reasons) == [0]
        items[0] = "mended"
        assert update(tmp_path / "there", items, BuildSums(faults), worker_settings()).computed == 1

    def test_workers_that_die_while_they_start_are_an_error(self, settings, tmp_path, faults):
        (faults / "no start").touch()
        with pytest.raises(InputError, match="3 workers died while they started"):
            update(tmp_path / "there", ITEMS, BuildSums(faults), settings)


def test_no_process_is_left_behind(tmp_path):
    update(tmp_path / "there", ITEMS, BuildSums(tmp_path), worker_settings("processes", count=2))
    assert not workers_of(psutil.Process())


def test_workers_end_with_a_process_that_is_killed(tmp_path):
    command = [sys.executable, worker_cases.__file__, tmp_path / "there", tmp_path, "processes", "2"]
    path = os.pathsep.join([os.environ["PYTHONPATH"], str(Path(worker_cases.__file__).parent)])
    process = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": path})
    until = time.monotonic() + 60
    while not list((tmp_path / "there").glob("checkpoint-*")) and time.monotonic() < until:
        time.sleep(0.02)
    workers = workers_of(psutil.Process(process.pid))
    assert len(workers) == 2
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not psutil.wait_procs(workers, timeout=10)[1]


def workers_of(process):
    return [child for child in process.children() if "pricefuse.workers.process_main" in child.cmdline()]


def test_each_worker_has_a_gpu_of_its_own(monkeypatch):
    monkeypatch.setattr(processes, "visible_gpus", lambda: ["2", "GPU-abc"])
    workers = Processes(BuildSums, None, 8)
    assert workers.count == 2
    assert [workers.environment(slot)["CUDA_VISIBLE_DEVICES"] for slot in range(2)] == ["2", "GPU-abc"]


def test_without_a_gpu_workers_share_the_cores(monkeypatch):
    monkeypatch.setattr(processes, "visible_gpus", list)
    monkeypatch.setattr(processes, "available_cores", lambda: 16)
    assert Processes(BuildSums, None, 4).count == 4
    assert Processes(BuildSums, None, 32).count == 1
    variables = Processes(BuildSums, 5, 3).environment(0)
    assert (variables["OMP_NUM_THREADS"], variables["LOKY_MAX_CPU_COUNT"]) == ("3", "3")


def test_the_gpus_are_those_that_this_process_may_use(monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    assert processes.visible_gpus() == ["3", "5"]
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert processes.visible_gpus() == ["0", "1"]
