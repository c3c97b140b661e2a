"""What the machine has left, and a refusal before long work that would not fit, instead of a death in its middle."""

import ctypes
import shutil
from pathlib import Path

import psutil

from pricefuse.errors import InputError

CGROUP = Path("/sys/fs/cgroup")
LARGE_BLOCK = 4 * 2**20  # bytes
_M_MMAP_THRESHOLD = -3  # of glibc's malloc.h: the size from which a block is mapped, and unmapped, by itself


def available_memory(cgroup: Path = CGROUP) -> int:
    """Return the bytes of memory that this process can still take: of the machine, within a container's limit."""
    free = int(psutil.virtual_memory().available)
    for limit, used in (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ):
        try:
            most, taken = (cgroup / limit).read_text(), (cgroup / used).read_text()
        except OSError:
            continue
        if most.strip() != "max":
            free = min(free, int(most) - int(taken) + _reclaimable(cgroup / limit))
    return max(free, 0)


def _reclaimable(limit: Path) -> int:
    """Return the bytes of a container's use that are copies of files, which the kernel drops when they are needed."""
    try:
        lines = (limit.parent / "memory.stat").read_text().splitlines()
    except OSError:
        return 0
    counts = dict(line.split(maxsplit=1) for line in lines if " " in line)
    prefix = "total_" if "total_inactive_file" in counts else ""
    return sum(int(counts.get(f"{prefix}{name}", 0)) for name in ("inactive_file", "active_file"))


def available_cores() -> int:
    """Return the CPU cores that this process may use: within its affinity and a container's quota."""
    from joblib import cpu_count  # noqa: PLC0415 - takes a third of a second

    return int(cpu_count())


def return_freed_memory() -> None:
    """Have blocks of some MB given back to the system when they are freed, where the C library is glibc.

    By default glibc keeps them for later, and a process that goes through many models takes the memory of several.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, LARGE_BLOCK)


def require_room(task: str, remedy: str, *, memory: int = 0, disk: int = 0, folder: Path = Path()) -> None:
    """Raise InputError unless `memory` bytes and, where `folder` will be, `disk` bytes are free.

    `task` says what will take them ("fuse, 150,000 rows of 2,304 features"), `remedy` what to do about it.
    """
    for what, needed, free in (("memory", memory, available_memory()), ("disk", disk, _free_disk(folder))):
        if needed > free:
            raise InputError(f"{task}: needs some {_size(needed)} of {what}, but {_size(free)} is free. {remedy}")


def _free_disk(folder: Path) -> int:
    there = next(path for path in (folder.resolve(), *folder.resolve().parents) if path.exists())
    return shutil.disk_usage(there).free


def _size(count: int) -> str:
    return f"{count / 1e9:,.1f} GB" if count >= 1e8 else f"{count / 1e6:,.1f} MB"
