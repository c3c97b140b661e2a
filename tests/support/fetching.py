"""A Fetcher with quick settings, and name servers that answer as told."""

import socket

import pytest

from pricefuse.download.fetch_errors import FetchError
from pricefuse.download.fetcher import Fetcher
from pricefuse.download.settings import DownloadSettings

IMAGE = b"\xff\xd8\xff" + bytes(range(256)) * 40


def settings(**changes):
    quick = {
        "side": 32,
        "jpeg_quality": 90,
        "max_pixels": 1_000_000,
        "max_bytes": 100_000,
        "connections": 32,
        "connections_per_host": 16,
        "requests_per_second_per_host": 10_000,
        "connect_timeout_s": 2,
        "read_timeout_s": 2,
        "deadline_s": 5,
        "retries": 3,
        "max_redirects": 5,
        "give_up_after": 20,
        "allowed_hosts": ("127.0.0.1",),
        "retry": "transient",
        "max_failed_share": 1,
    }
    return DownloadSettings(**quick | changes)


def fetcher(*, resolver=socket.getaddrinfo, user_agent="tests", backoff_s=0.001, **changes):
    return Fetcher(settings(**changes), resolver=resolver, backoff_s=backoff_s, user_agent=user_agent)


def failure(url, **changes):
    """Fetch a URL, which must fail; return the reason and whether it is transient."""
    with fetcher(**changes) as fetching, pytest.raises(FetchError) as caught:
        fetching.fetch(url)
    return caught.value.reason, caught.value.transient


def resolving_to(*addresses):
    """Return a name server that answers each question with the next list of addresses, then with the last for ever."""
    answers = list(addresses)

    def resolve(host, port, **_):
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in answer]

    return resolve


def unresolvable(host, port, **_):
    raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


def closed_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]
