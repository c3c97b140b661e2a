"""Where and how numbers are computed: the device, deterministic algorithms, and the number of CPU threads."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

# cuBLAS reads this when it starts, and is not deterministic without it: it stands before torch is imported.
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

import torch
from threadpoolctl import threadpool_limits


def pick_device() -> torch.device:
    """Return the first CUDA device, or the CPU; CUDA_VISIBLE_DEVICES decides which that is."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def device_name() -> str:
    """Return "cpu", or the name of the GPU that `pick_device` picks."""
    device = pick_device()
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def cpu_threads() -> int:
    """Return the number of CPU threads that `deterministic` set, for libraries that are told by a parameter."""
    return torch.get_num_threads()


@contextmanager
def deterministic(threads: int) -> Iterator[None]:
    """Compute with deterministic algorithms, and with `threads` CPU threads whatever the machine has.

    Sums of floating-point numbers differ in their last bits with the number of threads. It holds for torch and for the
    BLAS and OpenMP of NumPy and SciPy; LightGBM is told `cpu_threads`.
    """
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    try:
        with threadpool_limits(threads):
            yield
    finally:
        torch.set_num_threads(before[0])
        torch.use_deterministic_algorithms(before[1])
