"""How the C library keeps freed memory."""

import ctypes

import pyarrow as pa

# glibc's malloc.h: from this size on a block is mapped by itself, and given back when it is freed.
_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8
MAPPED_FROM = 128 * 1024


def keep_small() -> None:
    """Have freed pictures given back at once, where the C library is glibc; elsewhere do nothing.

    Left alone, glibc raises the size from which blocks are mapped to that of the largest picture so far, and keeps a
    heap for every few threads: memory then grows by half while 50,000 pictures come and go, though none is kept.
    """
    pa.set_memory_pool(pa.system_memory_pool())
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, MAPPED_FROM)
        mallopt(_M_ARENA_MAX, 2)
