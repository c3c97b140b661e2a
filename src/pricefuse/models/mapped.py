"""Give back the memory of arrays that are mapped from a file, once a part of them has been read."""

import mmap

import numpy as np


def give_back(array: np.ndarray) -> None:
    """Drop the pages of a memory-mapped `array` from this process's memory; another array is left alone.

    What was read of a mapped file counts as this process's memory until then. The system keeps the pages as long as
    nothing else needs their place, so that reading them again is cheap.
    """
    owner: object = array
    while isinstance(owner, np.ndarray | memoryview):
        owner = owner.base if isinstance(owner, np.ndarray) else owner.obj
    if isinstance(owner, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        owner.madvise(mmap.MADV_DONTNEED)
