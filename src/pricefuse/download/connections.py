"""Connections that go only to checked addresses and cannot outlast a deadline."""

import functools
import socket
import ssl
import threading
import time
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any

import certifi
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NameResolutionError, NewConnectionError
from urllib3.util.ssl_ import create_urllib3_context

Resolver = Callable[..., list[tuple[Any, ...]]]  # the signature and answer of socket.getaddrinfo

POLL_S = 0.2  # how soon a waiting thread notices that it should stop
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052
_IPV4_COMPATIBLE = IPv6Network("::/96")  # RFC 4291, deprecated, still routed by some stacks


class RefusedAddressError(HTTPError):
    """The host is at an address that is not on the public internet; no connection was opened."""


@dataclass(slots=True)
class Deadline:
    """When a transfer must be over (`at`, of time.monotonic), the longest silence it may meet, and what stops it."""

    at: float
    silence_s: float
    stop: threading.Event

    def left(self) -> float:
        """Return the seconds left, at least 0."""
        return max(0.0, self.at - time.monotonic())


class _Current(threading.local):
    deadline: Deadline | None = None


# http.client reads headers and bodies by itself, and TLS makes its own socket objects: all share only the thread.
_current = _Current()


@contextmanager
def enforced(deadline: Deadline) -> Iterator[None]:
    """Hold all that this thread connects and receives to `deadline`; overdue raises TimeoutError in the socket."""
    previous, _current.deadline = _current.deadline, deadline
    try:
        yield
    finally:
        _current.deadline = previous


class _Timed:
    """A socket's ordinary timeout starts anew with every byte; this one does not."""

    def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int = 0) -> int:
        deadline = _current.deadline
        if deadline is None:
            return super().recv_into(buffer, nbytes or 0, flags)  # type: ignore[misc]
        until = min(deadline.at, time.monotonic() + deadline.silence_s)
        while not deadline.stop.is_set():
            left = until - time.monotonic()
            if left <= 0:
                raise TimeoutError("timed out")
            wait = min(left, POLL_S)
            if self.gettimeout() != wait:  # type: ignore[attr-defined]
                self.settimeout(wait)  # type: ignore[attr-defined]
            try:
                return super().recv_into(buffer, nbytes or 0, flags)  # type: ignore[misc]
            except TimeoutError:
                continue
        raise ConnectionAbortedError("stopped")


class TimedSocket(_Timed, socket.socket):
    """A TCP socket that keeps to the thread's deadline."""


class _TimedTLSSocket(_Timed, ssl.SSLSocket):
    pass


def is_public(address: str) -> bool:
    """Whether an IP address is globally routable unicast, looking through IPv6 forms that carry an IPv4 address."""
    ip: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address):
        ip = _carried(ip) or ip
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or getattr(ip, "is_site_local", False))


def _carried(ip: IPv6Address) -> IPv4Address | None:
    if ip in _NAT64 or ip in _IPV4_COMPATIBLE:
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour


def pool_manager(allowed_hosts: Container[str], resolver: Resolver, *, hosts: int, per_host: int) -> PoolManager:
    """Return a connection pool whose connections go to public addresses only, or anywhere for `allowed_hosts`.

    A host is resolved once for each connection and the connection goes to the very address that was checked, so that a
    second answer of the name server changes nothing; TLS and the Host header use the name. Proxies of the environment
    are not used: a proxy would resolve the name itself. Idle connections are kept to `hosts` hosts, `per_host` each.
    """

    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return _dial(self, allowed_hosts, resolver)

    class Secure(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return _dial(self, allowed_hosts, resolver)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    tls_context = functools.cache(_tls_context)  # takes a tenth of a second, which plain HTTP need not wait for

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

        def __init__(self, *args: Any, **settings: Any) -> None:
            super().__init__(*args, ssl_context=tls_context(), **settings)

    manager = PoolManager(num_pools=hosts, maxsize=per_host)
    manager.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}
    return manager


def _tls_context() -> ssl.SSLContext:
    context = create_urllib3_context()
    context.load_default_certs()  # a company's own authority, SSL_CERT_FILE
    context.load_verify_locations(certifi.where())  # slim containers have no system certificates
    context.sslsocket_class = _TimedTLSSocket
    return context


def _dial(connection: HTTPConnection, allowed_hosts: Container[str], resolver: Resolver) -> socket.socket:
    try:
        found = resolver(connection.host, connection.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NameResolutionError(connection.host, connection, socket.gaierror(str(error))) from error
    if connection.host not in allowed_hosts and not all(is_public(address[0]) for *_, address in found):
        raise RefusedAddressError(f"{connection.host} is not at a public address")
    failure: OSError = OSError("no address")
    for family, kind, protocol, _, address in found:
        sock = TimedSocket(family, kind, protocol)
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
    deadline = _current.deadline
    if deadline is not None:
        timeout = deadline.left() if timeout is None else min(timeout, deadline.left())
        if timeout == 0:
            raise TimeoutError("timed out")
    sock.settimeout(timeout)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.connect(address)
