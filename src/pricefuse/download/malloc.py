"""Tune glibc malloc so that the memory of decoded images is reused."""

import ctypes
import gc

import pyarrow as pa

# Parameters of glibc's malloc.h: how much free memory at the end of a heap is kept; the size from which a block is
# mapped by itself, and unmapped when it is freed; the number of heaps.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
MMAP_THRESHOLD = 32 * 2**20  # bytes; the highest that glibc accepts
TRIM_THRESHOLD = 64 * 2**20
MAX_ARENAS = 2


def reuse_freed_memory() -> None:
    """Have malloc reuse the memory of freed images where the C library is glibc; change nothing elsewhere.

    By default glibc and Arrow's allocator keep a heap for every few threads: memory then grows by half while 50,000
    images come and go, though none is kept. Mapping every image by itself would keep memory smaller still, but zeroing
    its pages each time costs a third of the decoding. What has been imported by now is never freed, so that the garbage
    collector need not visit it.
    """
    gc.freeze()
    pa.set_memory_pool(pa.system_memory_pool())
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, MMAP_THRESHOLD)
        mallopt(_M_TRIM_THRESHOLD, TRIM_THRESHOLD)
        mallopt(_M_ARENA_MAX, MAX_ARENAS)
