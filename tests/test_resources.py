"""What the machine has left, and what does not fit it."""

import os
import shutil
import subprocess
import sys

import psutil
import pytest

from pricefuse.errors import InputError
from pricefuse.resources import available_cores, available_memory, require_room


def test_the_machines_free_memory_is_what_there_is_without_a_container(tmp_path):
    assert 0 < available_memory(tmp_path) <= psutil.virtual_memory().total


@pytest.mark.parametrize(
    ("limit", "used"),
    [("memory.max", "memory.current"), ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes")],
)
def test_a_containers_limit_counts_less_what_it_uses(tmp_path, limit, used):
    for name, value in ((limit, 5_000_000), (used, 3_000_000)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"{value}\n")
    assert available_memory(tmp_path) == 2_000_000


def test_files_that_a_container_has_read_do_not_count_as_used(tmp_path):
    (tmp_path / "memory.max").write_text("5000000")
    (tmp_path / "memory.current").write_text("4900000")
    (tmp_path / "memory.stat").write_text("anon 100000\ninactive_file 3000000\nactive_file 1000000\n")
    assert available_memory(tmp_path) == 4_100_000


def test_a_container_without_a_limit_has_the_machines_memory(tmp_path):
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("1\n")
    assert available_memory(tmp_path) > 1_000_000


def test_what_fits_is_not_refused(tmp_path):
    require_room("fuse", "Take fewer rows", memory=1000, disk=1000, folder=tmp_path / "not" / "there")


@pytest.mark.parametrize("what", ["memory", "disk"])
def test_what_does_not_fit_is_refused_with_its_size_and_what_there_is(tmp_path, what):
    needed = {what: 2**60}
    free = available_memory() if what == "memory" else shutil.disk_usage(tmp_path).free
    with pytest.raises(InputError, match=f"train, 9 rows: needs some 1,152,921,504.6 GB of {what}, but") as raised:
        require_room("train, 9 rows", "Take fewer rows", folder=tmp_path, **needed)
    assert str(raised.value).endswith("GB is free. Take fewer rows")
    assert free < 2**60


def test_the_cores_are_those_that_the_process_may_use():
    assert available_cores() == len(os.sched_getaffinity(0))  # no container's quota here is below them


def test_a_process_that_is_held_to_one_core_has_one():
    code = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
    code += "from pricefuse.resources import available_cores; print(available_cores())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"


@pytest.mark.skipif(sys.platform != "linux", reason="tells of glibc")
def test_blocks_of_some_megabytes_go_back_to_the_system_when_they_are_freed():
    code = """
import sys
import numpy as np
from pricefuse.resources import return_freed_memory

def pages():
    return int(open("/proc/self/statm").read().split()[1])

if sys.argv[1] == "return":
    return_freed_memory()
np.ones(30 * 2**17)  # 30 MB, freed at once: from now on glibc maps nothing smaller by itself
before = pages()
kept, blocks = [], [np.ones(8 * 2**17) for _ in range(10)]
kept.append(np.ones(2**10))
del blocks
print((pages() - before) * 4096 // 2**20)
"""
    left = {
        way: int(subprocess.run([sys.executable, "-c", code, way], capture_output=True, text=True, check=True).stdout)
        for way in ("return", "keep")
    }
    assert left["return"] < 8
