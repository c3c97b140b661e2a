"""What one server asks of us and how it has answered so far: turns, pauses, back-off."""

import math
import random
import threading
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

# A shorter interruption of a host that has answered before is left to the retries.
OUTAGE_S = 60.0


class Host:
    """The limits that hold for one host, over all threads.

    `slots` is to be held during a request. `give_up_after` connection failures in a row make the host `unreachable`.
    """

    def __init__(self, connections: int, requests_per_second: float | None, give_up_after: int) -> None:
        self.slots = threading.Semaphore(connections)
        self._interval_s = 1.0 / requests_per_second if requests_per_second else 0.0
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
        """Take note that the host wants no request for so long."""
        with self._lock:
            self._resume_at = max(self._resume_at, time.monotonic() + seconds)

    def pause_left(self) -> float:
        """Return how many seconds the pause that the host asked for still lasts; not positive when it is over."""
        return self._resume_at - time.monotonic()

    def answered(self) -> None:
        with self._lock:
            self._failures, self._answered_at = 0, time.monotonic()

    def failed(self) -> None:
        """Count a connection that could not be made, or that the host never answered on."""
        with self._lock:
            self._failures += 1

    @property
    def known(self) -> bool:
        """Whether the host has ever answered."""
        return self._answered_at > -math.inf

    @property
    def unreachable(self) -> bool:
        return self._failures >= self._give_up_after and time.monotonic() - self._answered_at > OUTAGE_S


def backoff_s(attempt: int, base_s: float, rng: random.Random) -> float:
    """Return the pause after failed `attempt` (from 0): full jitter, uniform in [0, base * 2**attempt].

    M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """
    return rng.uniform(0.0, base_s * 2.0**attempt)


def retry_after_s(header: str | None, now: datetime) -> float:
    """Return the seconds that a Retry-After header asks for, 0 if it is missing or senseless.

    RFC 9110, 10.2.3: a number of seconds or an HTTP date.
    """
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    return max(0.0, (date.replace(tzinfo=date.tzinfo or UTC) - now).total_seconds())
