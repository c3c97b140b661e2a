"""How freed memory is kept and found."""

import ctypes
import gc

import pyarrow as pa

# glibc's malloc.h: the size from which a block is mapped by itself and given back when it is freed, how much free
# memory at the end of the heap is kept, and in how many heaps.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
MAPPED_FROM = 32 * 2**20  # the most that glibc takes
KEPT_FREE = 64 * 2**20


def keep_small() -> None:
    """Have the memory of freed pictures used again, where the C library is glibc; elsewhere as it does.

    Left alone, glibc and Arrow's allocator keep a heap for every few threads: memory then grows by half while 50,000
    pictures come and go, though none is kept. To map every picture by itself would keep it smaller still, but having
    the pages zeroed anew costs a third of the decoding. What has been imported by now is for ever; the collector need
    not go through it again and again.
    """
    gc.freeze()
    pa.set_memory_pool(pa.system_memory_pool())
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, MAPPED_FROM)
        mallopt(_M_TRIM_THRESHOLD, KEPT_FREE)
        mallopt(_M_ARENA_MAX, 2)
