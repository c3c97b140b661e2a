"""Memory of mapped files: it is given back, and what is read again is the same."""

import sys
from pathlib import Path

import numpy as np
import pytest

from pricefuse.models.mapped import give_back


def resident_megabytes():
    with Path("/proc/self/status").open() as status:
        return next(int(line.split()[1]) for line in status if line.startswith("RssFile")) / 1024


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_what_was_read_of_a_mapped_file_leaves_this_process(tmp_path):
    np.save(tmp_path / "array.npy", np.ones((64, 2**18), np.float32))
    mapped = np.lib.format.open_memmap(tmp_path / "array.npy", mode="r")
    view = mapped[:, 5:]
    before = resident_megabytes()
    total = view.sum()
    assert resident_megabytes() > before + 50
    give_back(view)
    assert resident_megabytes() < before + 10
    assert view.sum() == total


def test_an_array_in_memory_is_left_alone():
    array = np.arange(10)
    give_back(array[2:])
    assert array.sum() == 45
