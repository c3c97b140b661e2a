"""One link to bytes or to a reason, whatever the server answers."""

import gzip
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from fetching import IMAGE, failure, fetcher, resolving_to, unresolvable
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from misbehaving_server import (
    MisbehavingServer,
    body,
    endless,
    gzip_bomb,
    raw,
    redirect,
    reset,
    status,
    truncated,
    without_length,
)

from pricefuse.download.fetch_errors import FetchError


def test_a_body_arrives_whole(server):
    url = server.on("/a.jpg", body(IMAGE))
    with fetcher() as fetching:
        assert fetching.fetch(url) == IMAGE


def test_a_body_without_length_and_one_in_chunks_arrive_whole(server):
    chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n\xff\xd8\xff\r\n2\r\nab\r\n0\r\n\r\n"
    with fetcher() as fetching:
        assert fetching.fetch(server.on("/a", without_length(IMAGE))) == IMAGE
        assert fetching.fetch(server.on("/b", raw(chunks))) == b"\xff\xd8\xffab"


def test_the_request_says_who_asks_and_wants_no_compression(server):
    with fetcher(user_agent="someone/1.0") as fetching:
        fetching.fetch(server.on("/a", body(IMAGE)))
    assert server.headers[0]["User-Agent"] == "someone/1.0"
    assert server.headers[0]["Accept-Encoding"] == "identity"
    assert server.headers[0]["Host"] == f"127.0.0.1:{server.server_port}"


def test_the_content_type_decides_nothing(server):
    with fetcher() as fetching:
        assert fetching.fetch(server.on("/a", body(IMAGE, content_type="text/html"))) == IMAGE


def test_a_compressed_body_is_unpacked_though_nobody_asked_for_it(server):
    with fetcher() as fetching:
        assert fetching.fetch(server.on("/a", body(gzip.compress(IMAGE), **{"Content-Encoding": "gzip"}))) == IMAGE


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (401, "refused (401)"),
        (403, "refused (403)"),
        (404, "dead link (404)"),
        (410, "dead link (410)"),
        (400, "unexpected answer (400)"),
        (204, "unexpected answer (204)"),
        (304, "unexpected answer (304)"),
    ],
)
def test_a_final_refusal_is_asked_once_and_is_not_transient(server, code, reason):
    url = server.on("/a", status(code))
    assert failure(url) == (reason, False)
    assert server.requests["/a"] == 1


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (500, "server error (500)"),
        (503, "server error (503)"),
        (429, "rate limited (429)"),
        (408, "timed out (408)"),
    ],
)
def test_a_passing_failure_is_retried_and_is_transient(server, code, reason):
    url = server.on("/a", status(code))
    assert failure(url, retries=2) == (reason, True)
    assert server.requests["/a"] == 3


def test_a_server_that_recovers_is_believed(server):
    with fetcher() as fetching:
        assert fetching.fetch(server.on("/a", status(500), status(500), body(IMAGE))) == IMAGE


def test_a_web_page_is_no_image_but_may_become_one(server):
    url = server.on("/a", body(b"\n <!DOCTYPE html><title>Are you a robot?</title>", content_type="image/jpeg"))
    assert failure(url) == ("not an image but a web page", True)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (truncated(IMAGE, len(IMAGE) + 1), "truncated body"),
        (raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nabc"), "truncated body"),
        (reset, "connection reset"),
        (raw(b""), "connection reset"),
        (raw(b"SSH-2.0-OpenSSH_9.6\r\n"), "malformed answer"),
        (raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nabc\r\n0\r\n\r\n"), "malformed answer"),
        (
            raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-9999999999999999999\r\nabc\r\n0\r\n\r\n"),
            "malformed answer",
        ),
        (raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nabc\r\n0\r\n\r\n"), "truncated body"),
        (raw(b"HTTP/1.1 200 OK\r\nA: " + b"x" * 70_000 + b"\r\n\r\n"), "malformed answer"),
        (raw(b"HTTP/1.1 200 OK\r\n" + b"A: x\r\n" * 200 + b"\r\n"), "malformed answer"),
    ],
)
def test_a_broken_transfer_is_retried_and_is_transient(server, answer, reason):
    url = server.on("/a", answer)
    assert failure(url, retries=1) == (reason, True)
    assert server.requests["/a"] == 2


def test_a_reset_once_is_no_failure(server):
    with fetcher() as fetching:
        assert fetching.fetch(server.on("/a", reset, body(IMAGE))) == IMAGE


def test_no_answer_of_a_server_is_more_than_a_failed_link(server):
    rng = random.Random(7)
    answers = [
        b"HTTP/1.1 200 OK\r\nContent-Length: 40\r\nContent-Encoding: gzip, br\r\n\r\n" + gzip.compress(bytes(99)),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\xff\x00 [\r\nContent-Length: 0\r\n\r\n",
        (
            b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1; Max-Age=9; Expires=Mon, 13 Oct 2025 12:00:00 GMT; Domain=.test\r\n"
            b"Content-Type: text/html; charset=utf-8\r\nContent-Length: 2\r\nConnection: close\r\n\r\nab"
        ),
        b"HTTP/1.1 429 Slow\r\nRetry-After: Mon, 99 Oct 2025\r\nContent-Length: 3, 4\r\n\r\n",
    ]
    with fetcher(retries=0, resolver=resolving_to(["127.0.0.1"])) as fetching:
        for number in range(200):
            answer = bytearray(rng.choice(answers))
            for _ in range(rng.randrange(6)):
                answer[rng.randrange(len(answer))] = rng.randrange(256)
            url = server.on(f"/{number}", raw(bytes(answer)))
            try:
                assert isinstance(fetching.fetch(url), bytes)
            except FetchError as error:
                assert error.reason


def test_undecodable_compression_is_a_malformed_answer(server):
    url = server.on("/a", body(IMAGE, **{"Content-Encoding": "gzip"}))
    assert failure(url) == ("malformed answer", False)


def test_the_limit_itself_is_allowed(server):
    with fetcher(max_bytes=len(IMAGE)) as fetching:
        assert fetching.fetch(server.on("/a", body(IMAGE))) == IMAGE
        assert fetching.fetch(server.on("/b", without_length(IMAGE))) == IMAGE


@pytest.mark.parametrize(
    "answer",
    [
        body(bytes(100_001)),
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"),
        without_length(bytes(100_001)),
        endless(),
        endless(first=b"-1\r\n"),
        gzip_bomb(50_000_000),
    ],
    ids=["length", "claimed length", "without length", "endless", "endless after a negative length", "gzip bomb"],
)
def test_more_is_too_large(server, answer):
    url = server.on("/a", answer)
    assert failure(url) == ("too large", False)
    assert server.requests["/a"] == 1


def test_are_followed_also_relative_ones(server):
    server.on("/deep/b", redirect("../c?x=1", code=308))
    server.on("/c?x=1", body(IMAGE))
    with fetcher() as fetching:
        assert fetching.fetch(server.on("/a", redirect(server.url("/deep/b")))) == IMAGE


def test_a_loop_ends(server):
    url = server.on("/a", redirect("/a"))
    assert failure(url, max_redirects=3) == ("too many redirects", False)
    assert server.requests["/a"] == 4


@pytest.mark.parametrize("location", ["file:///etc/hostname", "ftp://127.0.0.1/a", "data:image/png;base64,AAAA"])
def test_a_redirect_to_another_scheme_is_refused(server, location):
    assert failure(server.on("/a", redirect(location))) == ("unsupported scheme", False)


def test_a_redirect_to_nonsense_is_malformed(server):
    assert failure(server.on("/a", redirect("http://[::1")))[0] in {"malformed redirect", "malformed link"}


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/hostname",
        "ftp://127.0.0.1/a.jpg",
        "data:image/png;base64,AAAA",
        "gopher://127.0.0.1/",
        "javascript:alert(1)",
        "images/a.jpg",
        "",
    ],
)
def test_only_http_and_https_are_spoken(url):
    assert failure(url) == ("unsupported scheme", False)


def test_a_proxy_of_the_environment_is_not_used(server, monkeypatch):
    with MisbehavingServer() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url("/"))
        monkeypatch.setenv("all_proxy", proxy.url("/"))
        with fetcher() as fetching:
            assert fetching.fetch(server.on("/a", body(IMAGE))) == IMAGE
        assert proxy.connections == 0


@given(st.text(max_size=60) | st.text(max_size=40).map("http://".__add__) | st.binary(max_size=40).map(repr))
@hypothesis_settings(max_examples=300)
def test_no_text_is_more_than_a_failed_link(text):
    with fetcher(resolver=unresolvable, give_up_after=10**6) as fetching, pytest.raises(FetchError):
        fetching.fetch(text)


def test_a_netrc_file_is_not_used(server, tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login someone password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with fetcher() as fetching:
        fetching.fetch(server.on("/a", body(IMAGE)))
    assert "Authorization" not in server.headers[0]


def test_no_cookie_is_sent_back(server):
    server.on("/a", body(IMAGE, **{"Set-Cookie": "a=1; Path=/", "Set-Cookie2": "b=2"}))
    server.on("/b", status(302, location="/a", set_cookie="c=3"))
    with fetcher() as fetching:
        for path in ("/a", "/b", "/a"):
            fetching.fetch(server.url(path))
    assert len(server.headers) == 4
    assert not any("Cookie" in headers for headers in server.headers)


def test_the_body_of_a_redirect_is_not_read_without_limit(server):
    def answer(handler):
        handler.wfile.write(b"HTTP/1.1 302 Found\r\nLocation: /b\r\nTransfer-Encoding: chunked\r\n\r\n")
        while not handler.server.stopping.is_set():
            handler.wfile.write(b"10000\r\n" + bytes(0x10000) + b"\r\n")

    server.on("/b", body(IMAGE))
    with fetcher() as fetching:
        assert fetching.fetch(server.on("/a", answer)) == IMAGE


def test_one_fetcher_serves_many_threads(server):
    links = [server.on(f"/{number}", body(IMAGE + b"%d" % number)) for number in range(100)]
    with fetcher() as fetching, ThreadPoolExecutor(16) as pool:
        assert list(pool.map(fetching.fetch, links)) == [IMAGE + b"%d" % number for number in range(100)]


@pytest.mark.parametrize("defect", [TypeError("a bug"), AttributeError("a bug"), MemoryError()])
@pytest.mark.parametrize("step", ["_answer", "_body", "_host"])
def test_a_defect_of_our_own_is_not_taken_for_a_failed_link(server, step, defect, monkeypatch):
    def fail(*_):
        raise defect

    url = server.on("/a", body(IMAGE))
    with fetcher() as fetching:
        monkeypatch.setattr(fetching, step, fail)
        with pytest.raises(type(defect)) as caught:
            fetching.fetch(url)
    assert caught.value is defect
    assert server.requests["/a"] <= 1


def test_pauses_between_attempts_are_drawn_below_a_doubling_bound(server, monkeypatch):
    bounds = []

    def uniform(low, high):
        bounds.append((low, high))
        return 0.0

    monkeypatch.setattr("tenacity.wait.random.uniform", uniform)
    assert failure(server.on("/a", status(500)), backoff_s=0.25, retries=3)[0] == "server error (500)"
    assert bounds[:3] == [(0, 0.25), (0, 0.5), (0, 1.0)]


def test_no_attempt_is_begun_that_the_deadline_would_cut(server, monkeypatch):
    monkeypatch.setattr("tenacity.wait.random.uniform", lambda _, high: high)
    since = time.monotonic()
    assert failure(server.on("/a", status(500)), backoff_s=30, deadline_s=5)[0] == "server error (500)"
    assert time.monotonic() - since < 4
    assert server.requests["/a"] == 1


def test_closing_ends_the_pause_between_attempts(server, monkeypatch):
    monkeypatch.setattr("tenacity.wait.random.uniform", lambda _, high: high)
    url, fetching = server.on("/a", status(500)), fetcher(backoff_s=30, deadline_s=600)
    threading.Timer(0.3, fetching.close).start()
    since = time.monotonic()
    with pytest.raises(FetchError, match="stopped"):
        fetching.fetch(url)
    assert time.monotonic() - since < 15
