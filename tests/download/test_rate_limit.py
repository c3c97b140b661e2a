"""Hosts are asked no faster than agreed, left alone while they want that, and given up when they are gone."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from fetching import IMAGE, closed_port, failure, fetcher, unresolvable
from misbehaving_server import body, drip, raw, silence, status

from pricefuse.download.fetch_errors import FetchError
from pricefuse.download.rate_limit import Host, retry_after_s


def test_retry_after_is_kept_to(server):
    url = server.on("/a", status(429, retry_after="1"), body(IMAGE))
    with fetcher() as fetching:
        assert fetching.fetch(url) == IMAGE
    assert server.arrivals[1] - server.arrivals[0] > 0.95


def test_retry_after_holds_for_the_whole_host(server):
    server.on("/a", status(503, retry_after="1"), body(IMAGE))
    server.on("/b", body(IMAGE))
    with fetcher(retries=0) as fetching:
        with pytest.raises(FetchError):
            fetching.fetch(server.url("/a"))
        assert fetching.fetch(server.url("/b")) == IMAGE
    assert server.arrivals[1] - server.arrivals[0] > 0.95


def test_a_pause_longer_than_the_deadline_is_not_waited_for_and_nothing_more_is_asked(server):
    since = time.monotonic()
    with fetcher() as fetching:
        for path in ("/a", "/b"):
            with pytest.raises(FetchError, match="rate limited") as caught:
                fetching.fetch(server.on(path, status(429, retry_after="3600")))
            assert caught.value.transient
    assert time.monotonic() - since < 15
    assert server.requests.total() == 1


def test_retry_after_may_be_seconds_or_a_date():
    now = datetime.now(UTC)
    assert retry_after_s("120") == retry_after_s(" 120 ") == 120
    assert 28 < retry_after_s(format_datetime(now + timedelta(seconds=30), usegmt=True)) <= 30
    assert retry_after_s(format_datetime(now - timedelta(seconds=30), usegmt=True)) == 0


@pytest.mark.parametrize(
    "header",
    [None, "", "soon", "-5", "\u0663", "1.5", "9" * 5000, "Mon, 99 Oct 2025", "Mon, 13 Oct 99999 12:00:00 GMT"],
)
def test_a_senseless_retry_after_is_none(header):
    assert retry_after_s(header) == 0


def test_one_connection_serves_many_requests(server):
    server.on("/a", body(IMAGE))
    server.on("/dead", status(404, data=b"gone" * 100))
    with fetcher() as fetching:
        for _ in range(20):
            fetching.fetch(server.url("/a"))
            with pytest.raises(FetchError):
                fetching.fetch(server.url("/dead"))
    assert server.connections == 1


@pytest.mark.parametrize("limit", [{"connections_per_host": 3}, {"connections": 3}])
def test_connections_are_limited(server, limit):
    url = server.on("/a", silence(0.05, body(IMAGE)))
    with fetcher(**limit) as fetching, ThreadPoolExecutor(12) as pool:
        assert list(pool.map(fetching.fetch, [url] * 24)) == [IMAGE] * 24
    assert server.most_busy == 3
    assert server.connections == 3


def test_requests_a_second_are_limited(server):
    url = server.on("/a", body(IMAGE))
    with fetcher(requests_per_second_per_host=40) as fetching, ThreadPoolExecutor(8) as pool:
        list(pool.map(fetching.fetch, [url] * 21))
    assert 0.45 < server.arrivals[-1] - server.arrivals[0] < 1.5


def test_waiting_for_a_turn_does_not_use_up_the_deadline(server):
    url = server.on("/a", body(IMAGE))
    with fetcher(requests_per_second_per_host=5, deadline_s=0.4) as fetching, ThreadPoolExecutor(6) as pool:
        assert list(pool.map(fetching.fetch, [url] * 6)) == [IMAGE] * 6


def test_a_port_that_nobody_listens_on_is_a_failed_connection():
    assert failure(f"http://127.0.0.1:{closed_port()}/a") == ("connection failed", True)


def test_an_unknown_name_is_transient():
    assert failure("http://images.test/a", resolver=unresolvable) == ("name not found", True)


def test_are_given_up_after_so_many_failures():
    port = closed_port()
    with fetcher(give_up_after=3) as fetching:
        reasons = []
        for number in range(6):
            with pytest.raises(FetchError) as caught:
                fetching.fetch(f"http://127.0.0.1:{port}/{number}")
            reasons.append(caught.value.reason)
            assert caught.value.transient
    assert reasons == ["connection failed"] * 3 + ["host unreachable"] * 3


def test_one_host_does_not_stand_for_another(server):
    port = closed_port()
    with fetcher(give_up_after=1) as fetching:
        for _ in range(3):
            with pytest.raises(FetchError):
                fetching.fetch(f"http://127.0.0.1:{port}/a")
        assert fetching.fetch(server.on("/a", body(IMAGE))) == IMAGE


def test_a_host_that_answered_lately_is_not_given_up(monkeypatch):
    host = Host(1, 100, give_up_after=2)
    host.record_answer()
    host.record_failure()
    host.record_failure()
    assert not host.unreachable
    later = time.monotonic() + 61
    monkeypatch.setattr("pricefuse.download.rate_limit.time.monotonic", lambda: later)
    assert host.unreachable
    host.record_answer()
    assert not host.unreachable


def reasons(links, **changes):
    """Fetch links by four threads from a host with quick time-outs; return the reasons why there are no bytes."""

    def reason(url):
        try:
            fetching.fetch(url)
        except FetchError as error:
            return error.reason
        return "ok"

    quick = {"read_timeout_s": 0.1, "deadline_s": 0.5, "retries": 1, "give_up_after": 6}
    with fetcher(**quick | changes) as fetching, ThreadPoolExecutor(4) as pool:
        return [reason(links[0]), *pool.map(reason, links[1:])]


FULL = b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"


@pytest.mark.parametrize(
    "answer",
    [
        silence(60, body(IMAGE)),
        drip(b"HTTP/1.1 200 OK\r\n"),
        drip(FULL),
        lambda handler: silence(60, raw(b""))(begun(handler)),
    ],
    ids=["no answer", "headers without end", "a body byte by byte", "headers and no body"],
)
def test_a_host_that_answers_once_and_then_falls_silent_is_given_up(server, answer, monkeypatch):
    monkeypatch.setattr("pricefuse.download.rate_limit.OUTAGE_S", 0.5)
    links = [server.on("/first", body(IMAGE)), *(server.on(f"/{number}", answer) for number in range(300))]
    found = reasons(links)
    assert found[0] == "ok"
    assert set(found[1:]) == {"timed out", "host unreachable"}
    assert server.requests.total() < 60
    assert found[-200:] == ["host unreachable"] * 200


def begun(handler):
    handler.wfile.write(FULL + b"abc")
    return handler


def test_a_host_that_answers_in_between_is_not_given_up(server, monkeypatch):
    monkeypatch.setattr("pricefuse.download.rate_limit.OUTAGE_S", 0.0)
    silent = silence(60, body(IMAGE))
    links = [server.on(f"/{number}", body(IMAGE) if number % 4 == 0 else silent) for number in range(60)]
    assert set(reasons(links, give_up_after=40, retries=0)) == {"ok", "timed out"}
    assert server.requests.total() == 60


def test_a_refusal_is_an_answer_also_when_its_body_never_comes(server):
    answer = raw(b"HTTP/1.1 404 Not Found\r\nContent-Length: 500\r\n\r\n")
    endless = drip(b"HTTP/1.1 404 Not Found\r\nContent-Length: 15000\r\n\r\n")
    for path, wrong in {"/cut": answer, "/slow": endless}.items():
        since = time.monotonic()
        assert failure(server.on(path, wrong), deadline_s=60, read_timeout_s=60) == ("dead link (404)", False)
        assert time.monotonic() - since < 10
