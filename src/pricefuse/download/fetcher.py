"""One URL to bytes: polite to servers, safe against them, and over by a deadline."""

import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Self
from urllib.parse import urljoin

from urllib3 import Timeout
from urllib3.exceptions import ConnectTimeoutError, HTTPError, LocationParseError, ReadTimeoutError, SSLError
from urllib3.response import BaseHTTPResponse
from urllib3.util import Url, parse_url

from pricefuse.download.connections import POLL_S, Deadline, Resolver, enforced, pool_manager
from pricefuse.download.fetch_errors import FetchError, from_exception, from_status
from pricefuse.download.rate_limit import Host, backoff_s, retry_after_s

_REDIRECTS = {301, 302, 303, 307, 308}
# A small body is read to its end so that the connection can serve again; a large one is not worth it.
_DRAIN_BYTES = 16 * 1024


@dataclass(frozen=True)
class FetchSettings:
    """How to fetch. Times in seconds, sizes in bytes; the limits hold over all threads of a Fetcher.

    `deadline_s` covers one image with its redirects and retries, but not the wait for a turn under our own limits.
    `read_timeout_s` is the longest silence. `requests_per_second_per_host` None sets no rate. `allowed_hosts` may be at
    private addresses: a local mirror. After `give_up_after` connection failures in a row a host that does not answer
    counts as unreachable and its remaining links fail at once.
    """

    connections: int = 32
    connections_per_host: int = 16
    requests_per_second_per_host: float | None = 100.0
    connect_timeout_s: float = 10.0
    read_timeout_s: float = 15.0
    deadline_s: float = 60.0
    retries: int = 3
    backoff_s: float = 0.5
    max_bytes: int = 20_000_000
    max_redirects: int = 5
    user_agent: str = "pricefuse/0.1 (product image download)"
    allowed_hosts: tuple[str, ...] = ()
    give_up_after: int = 20


class Fetcher:
    """Fetches URLs over one connection pool; safe to share between threads.

    `resolver` stands in for socket.getaddrinfo; `rng` draws the jitter of the back-off.
    """

    def __init__(
        self,
        settings: FetchSettings,
        *,
        resolver: Resolver = socket.getaddrinfo,
        rng: random.Random | None = None,
    ) -> None:
        self.settings = settings
        self._rng = rng or random.Random()  # noqa: S311 - jitter is no secret
        self._stop = threading.Event()
        self._slots = threading.Semaphore(settings.connections)
        self._hosts: dict[str, Host] = {}
        self._pools = pool_manager(
            frozenset(settings.allowed_hosts),
            resolver,
            hosts=settings.connections,
            per_host=settings.connections_per_host,
        )
        self._timeout = Timeout(connect=settings.connect_timeout_s, read=settings.read_timeout_s)
        self._headers = {
            "User-Agent": settings.user_agent,
            "Accept": "image/jpeg, image/png, image/webp, image/gif, */*;q=0.1",
            "Accept-Encoding": "identity",
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; a `fetch` under way in another thread raises FetchError within a moment."""
        self._stop.set()
        self._pools.clear()

    def fetch(self, url: str) -> bytes:
        """Return the body that `url` answers with, redirects followed, at most `max_bytes`.

        Raises FetchError, and nothing else, whatever the URL and the server's answer are.
        """
        settings = self.settings
        deadline = Deadline(time.monotonic() + settings.deadline_s, settings.read_timeout_s, self._stop)
        attempt = 0
        while True:
            try:
                with enforced(deadline):
                    return self._follow(url, deadline)
            except FetchError as error:
                pause = backoff_s(attempt, settings.backoff_s, self._rng)
                if not error.retry or attempt == settings.retries or pause >= deadline.left():
                    raise
            attempt += 1
            self._sleep(pause)

    def _follow(self, url: str, deadline: Deadline) -> bytes:
        for _ in range(self.settings.max_redirects + 1):
            target = _checked(url)
            answer = self._request(target, deadline)
            if isinstance(answer, bytes):
                return answer
            url = _joined(target.url, answer)
        raise FetchError("too many redirects", transient=False)

    def _request(self, url: Url, deadline: Deadline) -> bytes | str:
        """Return the body, or the address that the server redirects to."""
        host = self._host(url)
        with self._turn(host, deadline):
            try:
                response = self._pools.urlopen(
                    "GET",
                    url.url,
                    headers=self._headers,
                    timeout=self._timeout,
                    retries=False,
                    redirect=False,
                    preload_content=False,
                )
                host.answered()
                return self._answer(response, host)
            except HTTPError as error:
                failure = from_exception(error)
                silent = isinstance(error, ReadTimeoutError) and not host.known
                if silent or isinstance(error, (ConnectTimeoutError, SSLError)):
                    host.failed()
                    # A host that never answered will hardly do so in a second; without a network all are like that.
                    failure.retry = silent or host.known
                raise failure from error

    def _answer(self, response: BaseHTTPResponse, host: Host) -> bytes | str:
        if response.status == 200:
            return self._body(response)
        _discard(response)
        location = response.headers.get("location")
        if response.status in _REDIRECTS and location:
            return location
        if response.status in {429, 503}:
            host.pause(retry_after_s(response.headers.get("retry-after"), datetime.now(UTC)))
        raise from_status(response.status)

    def _body(self, response: BaseHTTPResponse) -> bytes:
        limit = self.settings.max_bytes
        if (response.length_remaining or 0) > limit:
            response.close()
            raise FetchError("too large", transient=False)
        body = response.read(limit + 1)
        if len(body) > limit:
            response.close()
            raise FetchError("too large", transient=False)
        # Captive portals and robot checks answer 200 with a page; at the next run the picture may be there.
        if body.lstrip()[:1] == b"<":
            raise FetchError("not an image but a web page", transient=True)
        return body

    def _host(self, url: Url) -> Host:
        name, settings = url.netloc or "", self.settings
        return self._hosts.get(name) or self._hosts.setdefault(
            name,
            Host(settings.connections_per_host, settings.requests_per_second_per_host, settings.give_up_after),
        )

    @contextmanager
    def _turn(self, host: Host, deadline: Deadline) -> Iterator[None]:
        """Wait until a request is allowed: our own limits move the deadline, a pause that the host wants does not."""
        _check_reachable(host)
        since = time.monotonic()
        with self._slot(host.slots), self._slot(self._slots):
            self._sleep(host.reserve_turn())
            deadline.at += time.monotonic() - since
            _check_reachable(host)
            pause = host.pause_left()
            if pause > deadline.left():
                raise FetchError("rate limited", transient=True)
            self._sleep(pause)
            yield

    @contextmanager
    def _slot(self, slots: threading.Semaphore) -> Iterator[None]:
        while not slots.acquire(timeout=POLL_S):
            self._sleep(0.0)
        try:
            yield
        finally:
            slots.release()

    def _sleep(self, seconds: float) -> None:
        if self._stop.wait(seconds) if seconds > 0 else self._stop.is_set():
            raise FetchError("stopped", transient=True)


def _check_reachable(host: Host) -> None:
    if host.unreachable:
        raise FetchError("host unreachable", transient=True)


def _checked(url: str) -> Url:
    try:
        parsed = parse_url(url.strip())
    except (LocationParseError, ValueError) as error:
        raise FetchError("malformed link", transient=False) from error
    if parsed.scheme not in {"http", "https"}:
        raise FetchError("unsupported scheme", transient=False)
    if not parsed.host:
        raise FetchError("malformed link", transient=False)
    return parsed


def _joined(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError as error:
        raise FetchError("malformed redirect", transient=False) from error


def _discard(response: BaseHTTPResponse) -> None:
    remaining = response.length_remaining
    if remaining is not None and remaining <= _DRAIN_BYTES:
        response.drain_conn()
    else:
        response.close()
