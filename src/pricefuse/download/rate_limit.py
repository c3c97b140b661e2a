"""Keep to the limits of each host: connections, requests a second, the pauses it asks for, and giving up on it."""

import math
import threading
import time

from urllib3.exceptions import InvalidHeader
from urllib3.util import Retry

# A shorter interruption of a host that has answered before is left to the retries.
OUTAGE_S = 60.0


class Host:
    """The limits that hold for one host, over all threads.

    `slots` must be held during a request. `give_up_after` requests in a row without an answer make the host
    `unreachable`; one that has answered before gets OUTAGE_S seconds since its last answer, too.
    """

    def __init__(self, connections: int, requests_per_second: float, give_up_after: int) -> None:
        self.slots = threading.Semaphore(connections)
        self._interval_s = 1.0 / requests_per_second
        self._give_up_after = give_up_after
        self._lock = threading.Lock()
        self._next_turn = self._resume_at = 0.0
        self._failures, self._answered_at = 0, -math.inf

    def reserve_turn(self) -> float:
        """Return how many seconds from now the caller's request may start under our own rate."""
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._next_turn)
            self._next_turn = turn + self._interval_s
            return turn - now

    def pause(self, seconds: float) -> None:
        """Record that the host wants no request for so many seconds."""
        with self._lock:
            self._resume_at = max(self._resume_at, time.monotonic() + seconds)

    def pause_left(self) -> float:
        """Return how many seconds the pause that the host asked for still lasts; not positive when it is over."""
        return self._resume_at - time.monotonic()

    def record_answer(self) -> None:
        """Record that the host answered a request to the end, with whatever status."""
        with self._lock:
            self._failures, self._answered_at = 0, time.monotonic()

    def record_failure(self) -> None:
        """Count a connection that could not be opened, or on which the host fell silent."""
        with self._lock:
            self._failures += 1

    @property
    def has_answered(self) -> bool:
        """Whether the host has ever answered."""
        return self._answered_at > -math.inf

    @property
    def unreachable(self) -> bool:
        """Whether the host failed too often in a row, and not only for a moment."""
        return self._failures >= self._give_up_after and time.monotonic() - self._answered_at > OUTAGE_S


def retry_after_s(header: str | None) -> float:
    """Return the seconds that a Retry-After header asks for, 0 if it is missing, in the past or senseless.

    RFC 9110, 10.2.3: a number of seconds or an HTTP date. More than six hours count as six hours.
    """
    try:
        return Retry().parse_retry_after(header or "")
    except (InvalidHeader, ValueError, OverflowError):  # the latter two: a date or a number out of range
        return 0.0
