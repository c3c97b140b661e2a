"""Fetch one URL: within the limits of its server, safe against it, and over by a deadline.

Algorithm, for each attempt:
1. Wait for a turn at the host: a free connection, the request rate, the pause that it asked for.
2. Request the URL over a connection to a checked address (ssrf.py), whose socket keeps to the deadline.
3. Follow redirects, each of which is checked like the first URL and waits for its own turn.
4. Repeat what may pass, after a random pause (exponential back-off with full jitter), while the deadline allows it.
"""

import socket
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookiejar import DefaultCookiePolicy
from types import TracebackType
from typing import Self
from urllib.parse import urljoin

import requests
from tenacity import RetryCallState, Retrying, retry_if_exception, wait_random_exponential
from urllib3.exceptions import ConnectTimeoutError, LocationParseError, SSLError
from urllib3.util import Url, parse_url

from pricefuse.download.connections import POLL_S, CheckedAdapter, Resolver, Transfer, enforced
from pricefuse.download.fetch_errors import CLIENT_ERRORS, FetchError, cause_of, from_exception, from_status
from pricefuse.download.rate_limit import Host, retry_after_s
from pricefuse.download.settings import DownloadSettings

BACKOFF_S = 0.5  # the longest pause before the first retry; doubled for each further one
USER_AGENT = "pricefuse/0.1 (product image download)"
_REDIRECTS = {301, 302, 303, 307, 308}
# A small body is read to its end so that the connection can serve again; for a large or slow one that costs too much.
_DRAIN_BYTES, _DRAIN_S = 16 * 1024, 1.0
# Headers; that of small chunks may be as much as the body, hence the factor where this is used.
_OVERHEAD_BYTES = 2**20

# requests has http.cookiejar parse every cookie, and that warns of those it cannot parse; none is kept anyway.
warnings.filterwarnings("ignore", message="http.cookiejar bug")


class Fetcher:
    """Fetches URLs over one session of requests; safe to share between threads.

    `resolver` stands in for socket.getaddrinfo. `backoff_s` is the longest pause before the first retry, in seconds.
    """

    def __init__(
        self,
        settings: DownloadSettings,
        *,
        resolver: Resolver = socket.getaddrinfo,
        backoff_s: float = BACKOFF_S,
        user_agent: str = USER_AGENT,
    ) -> None:
        self.settings = settings
        self._wait = wait_random_exponential(multiplier=backoff_s)
        self._stop = threading.Event()
        self._slots = threading.Semaphore(settings.open_connections)
        self._hosts: dict[str, Host] = {}
        self._timeout = settings.connect_timeout_s, settings.read_timeout_s
        self._session = _session(settings, resolver, user_agent)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; a `fetch` under way in another thread raises FetchError within a moment."""
        self._stop.set()
        self._session.close()

    def fetch(self, url: str) -> bytes:
        """Return the body that `url` answers with, redirects followed, at most `max_bytes`.

        Raises FetchError, and nothing else, whatever the URL and the server's answer are.
        """
        settings = self.settings
        deadline = time.monotonic() + settings.deadline_s
        transfer = Transfer(deadline, settings.read_timeout_s, self._stop, bytes_left=0)

        def is_over(state: RetryCallState) -> bool:
            return state.attempt_number > settings.retries or state.upcoming_sleep >= transfer.left()

        retrying = Retrying(
            retry=retry_if_exception(_is_passing), wait=self._wait, stop=is_over, sleep=self._sleep, reraise=True
        )
        return retrying(self._follow, url, transfer)

    def _follow(self, url: str, transfer: Transfer) -> bytes:
        with enforced(transfer):
            for _ in range(self.settings.max_redirects + 1):
                target = _checked(url)
                answer = self._request(target, transfer)
                if isinstance(answer, bytes):
                    return answer
                url = _joined(target.url, answer)
        raise FetchError("too many redirects", transient=False)

    def _request(self, url: Url, transfer: Transfer) -> bytes | str:
        """Return the body, or the address that the server redirects to."""
        request, host = self._prepared(url), self._host(url)
        with self._turn(host, transfer):
            transfer.bytes_left = 2 * self.settings.max_bytes + _OVERHEAD_BYTES
            try:
                response = self._session.send(request, timeout=self._timeout, allow_redirects=False)
            except CLIENT_ERRORS as error:
                failure = from_exception(error)
                if failure.silent or isinstance(cause_of(error), (ConnectTimeoutError, SSLError)):
                    host.record_failure()
                    # A host that never answered will hardly do so in a second; without a network all are like that.
                    failure.retry = failure.silent or host.has_answered
                raise failure from error
            return self._counted(response, host, transfer)

    def _counted(self, response: requests.Response, host: Host, transfer: Transfer) -> bytes | str:
        try:
            answer = self._answer(response, host, transfer)
        except FetchError as failure:
            # Headers alone are no answer: a host may send them for each of its images, and then fall silent.
            if failure.silent:
                host.record_failure()
            else:
                host.record_answer()
            raise
        host.record_answer()
        return answer

    def _prepared(self, url: Url) -> requests.PreparedRequest:
        try:
            return self._session.prepare_request(requests.Request("GET", url.url))
        except (requests.RequestException, ValueError) as error:
            raise FetchError("malformed link", transient=False) from error

    def _answer(self, response: requests.Response, host: Host, transfer: Transfer) -> bytes | str:
        if response.status_code == 200:
            return self._body(response)
        _discard(response, transfer)
        location = response.headers.get("location")
        if response.status_code in _REDIRECTS and location:
            return location
        if response.status_code in {429, 503}:
            host.pause(retry_after_s(response.headers.get("retry-after")))
        raise from_status(response.status_code)

    def _body(self, response: requests.Response) -> bytes:
        limit = self.settings.max_bytes
        if (response.raw.length_remaining or 0) > limit:
            response.close()
            raise FetchError("too large", transient=False)
        try:
            body: bytes = response.raw.read(limit + 1, decode_content=True)
        except CLIENT_ERRORS as error:
            response.close()
            raise from_exception(error) from error
        if len(body) > limit:
            response.close()
            raise FetchError("too large", transient=False)
        # Captive portals and robot checks answer 200 with a page; at the next run the image may be there.
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
    def _turn(self, host: Host, transfer: Transfer) -> Iterator[None]:
        """Wait until a request is allowed: our own limits move the deadline, a pause that the host wants does not."""
        _check_reachable(host)
        since = time.monotonic()
        with self._slot(host.slots), self._slot(self._slots):
            self._sleep(host.reserve_turn())
            transfer.deadline += time.monotonic() - since
            _check_reachable(host)
            pause = host.pause_left()
            if pause > transfer.left():
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


class _Session(requests.Session):  # type: ignore[misc, unused-ignore]
    def get_redirect_target(self, _: requests.Response) -> None:
        """Return None: requests would read the body of a redirect without a limit, to follow it or not."""


def _session(settings: DownloadSettings, resolver: Resolver, user_agent: str) -> requests.Session:
    session = _Session()
    session.trust_env = False  # neither proxies nor .netrc
    session.stream = True
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))  # none is kept, so that threads share nothing
    session.headers.clear()
    session.headers["User-Agent"] = user_agent
    session.headers["Accept"] = "image/jpeg, image/png, image/webp, image/gif, */*;q=0.1"
    session.headers["Accept-Encoding"] = "identity"
    adapter = CheckedAdapter(
        frozenset(settings.allowed_hosts),
        resolver,
        hosts=settings.open_connections,
        per_host=settings.connections_per_host,
    )
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    return session


def _is_passing(error: BaseException) -> bool:
    return isinstance(error, FetchError) and error.retry


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


def _discard(response: requests.Response, transfer: Transfer) -> None:
    remaining = response.raw.length_remaining
    if remaining is not None and remaining <= _DRAIN_BYTES:
        deadline, transfer.deadline = transfer.deadline, min(transfer.deadline, time.monotonic() + _DRAIN_S)
        response.raw.drain_conn()
        transfer.deadline = deadline
    else:
        response.close()
