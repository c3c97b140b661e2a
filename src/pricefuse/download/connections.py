"""Open connections to checked addresses only, and bound the time and the bytes of each transfer.

Key properties:
- A host is resolved once for each connection, and the connection goes to the very address that was checked: a second
  answer of the name server changes nothing. TLS and the Host header use the name.
- An ordinary socket timeout starts again with every byte. These sockets also keep to a deadline of the whole transfer.
- They also count bytes: http.client reads without a limit after a chunk length of -1.
- No proxy is used: a proxy would resolve the name itself.
"""

import functools
import socket
import ssl
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import certifi
from requests import PreparedRequest
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, Retry
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.util.ssl_ import create_urllib3_context

from pricefuse.download.ssrf import require_public

Resolver = Callable[..., list[tuple[Any, ...]]]  # the signature and answer of socket.getaddrinfo

POLL_S = 0.2  # how soon a waiting thread notices that it should stop


class TooManyBytesError(ConnectionAbortedError):
    """The server sent more than a transfer may receive."""


@dataclass(slots=True)
class Transfer:
    """The limits of a transfer: when it must be over, the longest silence in seconds, and an event that ends it.

    `deadline` is a time of time.monotonic(). `bytes_left` is how much may still be received, headers included.
    """

    deadline: float
    silence_s: float
    stop: threading.Event
    bytes_left: int

    def left(self) -> float:
        """Return the seconds left, at least 0."""
        return max(0.0, self.deadline - time.monotonic())


class _Current(threading.local):
    transfer: Transfer | None = None


# http.client reads headers and bodies by itself, and TLS creates its own socket objects: all share only the thread.
_current = _Current()


@contextmanager
def enforced(transfer: Transfer) -> Iterator[None]:
    """Hold all that this thread connects and receives to the limits of `transfer`.

    Past them, its sockets raise TimeoutError, TooManyBytesError or, when stopped, ConnectionAbortedError.
    """
    previous, _current.transfer = _current.transfer, transfer
    try:
        yield
    finally:
        _current.transfer = previous


class _Limited:
    def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int = 0) -> int:
        transfer = _current.transfer
        if transfer is None:
            return super().recv_into(buffer, nbytes or 0, flags)  # type: ignore[misc]
        if transfer.bytes_left < 0:
            raise TooManyBytesError("too many bytes")
        until = min(transfer.deadline, time.monotonic() + transfer.silence_s)
        while not transfer.stop.is_set():
            left = until - time.monotonic()
            if left <= 0:
                raise TimeoutError("timed out")
            wait = min(left, POLL_S)
            if self.gettimeout() != wait:  # type: ignore[attr-defined]
                self.settimeout(wait)  # type: ignore[attr-defined]
            try:
                received: int = super().recv_into(buffer, nbytes or 0, flags)  # type: ignore[misc]
            except TimeoutError:
                continue
            transfer.bytes_left -= received
            return received
        raise ConnectionAbortedError("stopped")


class LimitedSocket(_Limited, socket.socket):
    """A TCP socket that keeps to the limits of its thread's transfer."""


class _LimitedTLSSocket(_Limited, ssl.SSLSocket):
    pass


class CheckedAdapter(HTTPAdapter):  # type: ignore[misc, unused-ignore]
    """A transport adapter of requests whose connections go to public addresses, or anywhere for `allowed_hosts`.

    Idle connections are kept to `hosts` hosts, `per_host` each. Failed requests are not repeated. Certificates are
    verified against the system's authorities (or SSL_CERT_FILE) and certifi's, whatever `verify` says.
    """

    def __init__(self, allowed_hosts: Collection[str], resolver: Resolver, *, hosts: int, per_host: int) -> None:
        self._pool_classes = _pool_classes(functools.partial(_dial, allowed_hosts=allowed_hosts, resolver=resolver))
        super().__init__(pool_connections=hosts, pool_maxsize=per_host, max_retries=Retry(total=False))

    def init_poolmanager(self, *args: Any, **settings: Any) -> None:
        """Create the pool manager, of our connection classes."""
        super().init_poolmanager(*args, **settings)
        self.poolmanager.pool_classes_by_scheme = self._pool_classes

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Leave the pool's TLS context alone: requests would load its own authorities anew for every connection."""

    def build_connection_pool_key_attributes(
        self, request: PreparedRequest, verify: Any, cert: Any = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return scheme, host and port as the key of a pool, without TLS settings: all pools have the same."""
        host, _ = super().build_connection_pool_key_attributes(request, verify, cert)
        return host, {}


def _pool_classes(dial: Callable[[HTTPConnection], socket.socket]) -> dict[str, type[HTTPConnectionPool]]:
    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return dial(self)

    class Secure(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return dial(self)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    tls_context = functools.cache(_tls_context)  # takes a tenth of a second, which plain HTTP need not wait for

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

        def __init__(self, *args: Any, **settings: Any) -> None:
            super().__init__(*args, ssl_context=tls_context(), **settings)

    return {"http": PlainPool, "https": SecurePool}


def _tls_context() -> ssl.SSLContext:
    context = create_urllib3_context()
    context.load_default_certs()  # a company's own authority, SSL_CERT_FILE
    context.load_verify_locations(certifi.where())  # slim containers have no system certificates
    context.sslsocket_class = _LimitedTLSSocket
    return context


def _dial(connection: HTTPConnection, allowed_hosts: Collection[str], resolver: Resolver) -> socket.socket:
    try:
        found = resolver(connection.host, connection.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NameResolutionError(connection.host, connection, socket.gaierror(str(error))) from error
    require_public(connection.host, (address[0] for *_, address in found), allowed_hosts)
    failure: OSError = OSError("no address")
    for family, kind, protocol, _, address in found:
        sock = LimitedSocket(family, kind, protocol)
        try:
            _connect(sock, address, connection.timeout)
        except OSError as error:
            sock.close()
            failure = error
        else:
            return sock
    if isinstance(failure, TimeoutError):
        raise ConnectTimeoutError(connection, "timed out") from failure
    raise NewConnectionError(connection, str(failure)) from failure


def _connect(sock: socket.socket, address: Any, timeout: float | None) -> None:
    transfer = _current.transfer
    if transfer is not None:
        timeout = transfer.left() if timeout is None else min(timeout, transfer.left())
        if timeout == 0:
            raise TimeoutError("timed out")
    sock.settimeout(timeout)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.connect(address)
