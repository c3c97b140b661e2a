"""What a worker tells the process that gives it work."""

from dataclasses import dataclass
from typing import Any

from pricefuse.workers.block import Record


@dataclass(frozen=True)
class Ready:
    """It has built its work: `fingerprint` says with what code and libraries, `host` on which machine."""

    fingerprint: dict[str, str]
    host: str


@dataclass(frozen=True)
class Finished:
    """Records that are finished."""

    records: list[tuple[int, Record]]


@dataclass(frozen=True)
class Raised:
    """An exception, pickled where it can be, and its traceback as text. The worker does nothing more."""

    error: bytes | None
    traceback: str


@dataclass(frozen=True)
class Died:
    """The worker is gone; the engine says this of it."""

    reason: str


Message = Any  # one of the above
