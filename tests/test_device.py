"""Deterministic computing: set for a block, and as it was after it."""

import os
import subprocess
import sys

import numpy as np  # noqa: F401 - it loads the BLAS that is limited
import pytest
import torch
from threadpoolctl import threadpool_info

from pricefuse.device import cpu_threads, deterministic


def blas_threads():
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


def test_threads_and_algorithms_hold_within_the_block_and_are_restored():
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled(), blas_threads()
    with deterministic(1):
        assert cpu_threads() == torch.get_num_threads() == 1
        assert blas_threads() == {1}
        assert torch.are_deterministic_algorithms_enabled()
    assert (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled(), blas_threads()) == before


def test_an_error_within_the_block_restores_them_too():
    before = torch.get_num_threads()
    with pytest.raises(ZeroDivisionError), deterministic(1):
        print(1 / 0)
    assert torch.get_num_threads() == before


def test_cublas_is_told_to_be_deterministic_before_torch_is_imported():
    """In a process of its own: what reads the variable is imported once."""
    code = (
        "import sys, os; assert 'torch' not in sys.modules; import pricefuse.device;"
        " print(os.environ['CUBLAS_WORKSPACE_CONFIG'])"
    )
    environment = {name: value for name, value in os.environ.items() if name != "CUBLAS_WORKSPACE_CONFIG"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == ":4096:8\n"
