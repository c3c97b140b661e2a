import gzip
import random
import socket
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from misbehaving_server import (
    MisbehavingServer,
    body,
    drip,
    endless,
    gzip_bomb,
    raw,
    redirect,
    reset,
    silence,
    status,
    truncated,
    without_length,
)

from pricefuse.download.connections import TimedSocket, is_public
from pricefuse.download.fetch_errors import FetchError
from pricefuse.download.fetcher import Fetcher, FetchSettings
from pricefuse.download.rate_limit import Host, backoff_s, retry_after_s

PICTURE = b"\xff\xd8\xff" + bytes(range(256)) * 40


@pytest.fixture
def server():
    with MisbehavingServer() as server:
        yield server


def fetcher(*, resolver=socket.getaddrinfo, **changes):
    quick = {
        "requests_per_second_per_host": None,
        "connect_timeout_s": 2.0,
        "read_timeout_s": 2.0,
        "deadline_s": 5.0,
        "backoff_s": 0.001,
        "max_bytes": 100_000,
        "allowed_hosts": ("127.0.0.1",),
    }
    return Fetcher(FetchSettings(**quick | changes), resolver=resolver, rng=random.Random(0))


def failure(url, **changes):
    with fetcher(**changes) as fetching, pytest.raises(FetchError) as caught:
        fetching.fetch(url)
    return caught.value.reason, caught.value.transient


def resolving_to(*addresses):
    """A name server with one answer for each question in turn, the last for ever; every answer a list of addresses."""
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


class TestAnswers:
    def test_a_body_arrives_whole(self, server):
        url = server.on("/a.jpg", body(PICTURE))
        with fetcher() as fetching:
            assert fetching.fetch(url) == PICTURE

    def test_a_body_without_length_and_one_in_chunks_arrive_whole(self, server):
        chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n\xff\xd8\xff\r\n2\r\nab\r\n0\r\n\r\n"
        with fetcher() as fetching:
            assert fetching.fetch(server.on("/a", without_length(PICTURE))) == PICTURE
            assert fetching.fetch(server.on("/b", raw(chunks))) == b"\xff\xd8\xffab"

    def test_the_request_says_who_asks_and_wants_no_compression(self, server):
        with fetcher(user_agent="someone/1.0") as fetching:
            fetching.fetch(server.on("/a", body(PICTURE)))
        assert server.headers[0]["User-Agent"] == "someone/1.0"
        assert server.headers[0]["Accept-Encoding"] == "identity"
        assert server.headers[0]["Host"] == f"127.0.0.1:{server.server_port}"

    def test_the_content_type_decides_nothing(self, server):
        with fetcher() as fetching:
            assert fetching.fetch(server.on("/a", body(PICTURE, content_type="text/html"))) == PICTURE

    def test_a_compressed_body_is_unpacked_though_nobody_asked_for_it(self, server):
        with fetcher() as fetching:
            assert (
                fetching.fetch(server.on("/a", body(gzip.compress(PICTURE), **{"Content-Encoding": "gzip"}))) == PICTURE
            )

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
    def test_a_final_refusal_is_asked_once_and_is_not_transient(self, server, code, reason):
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
    def test_a_passing_failure_is_retried_and_is_transient(self, server, code, reason):
        url = server.on("/a", status(code))
        assert failure(url, retries=2) == (reason, True)
        assert server.requests["/a"] == 3

    def test_a_server_that_recovers_is_believed(self, server):
        with fetcher() as fetching:
            assert fetching.fetch(server.on("/a", status(500), status(500), body(PICTURE))) == PICTURE

    def test_a_web_page_is_no_image_but_may_become_one(self, server):
        url = server.on("/a", body(b"\n <!DOCTYPE html><title>Are you a robot?</title>", content_type="image/jpeg"))
        assert failure(url) == ("not an image but a web page", True)

    @pytest.mark.parametrize(
        ("answer", "reason"),
        [
            (truncated(PICTURE, len(PICTURE) + 1), "truncated body"),
            (raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nabc"), "truncated body"),
            (reset, "connection reset"),
            (raw(b""), "connection reset"),
            (raw(b"SSH-2.0-OpenSSH_9.6\r\n"), "malformed answer"),
            (raw(b"HTTP/1.1 200 OK\r\nA: " + b"x" * 70_000 + b"\r\n\r\n"), "malformed answer"),
            (raw(b"HTTP/1.1 200 OK\r\n" + b"A: x\r\n" * 200 + b"\r\n"), "malformed answer"),
        ],
    )
    def test_a_broken_transfer_is_retried_and_is_transient(self, server, answer, reason):
        url = server.on("/a", answer)
        assert failure(url, retries=1) == (reason, True)
        assert server.requests["/a"] == 2

    def test_a_reset_once_is_no_failure(self, server):
        with fetcher() as fetching:
            assert fetching.fetch(server.on("/a", reset, body(PICTURE))) == PICTURE

    def test_no_answer_of_a_server_is_more_than_a_failed_link(self, server):
        rng = random.Random(7)
        answers = [
            b"HTTP/1.1 200 OK\r\nContent-Length: 40\r\nContent-Encoding: gzip, br\r\n\r\n" + gzip.compress(bytes(99)),
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n",
            b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\xff\x00 [\r\nContent-Length: 0\r\n\r\n",
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

    def test_undecodable_compression_is_a_malformed_answer(self, server):
        url = server.on("/a", body(PICTURE, **{"Content-Encoding": "gzip"}))
        assert failure(url) == ("malformed answer", False)


class TestSize:
    def test_the_limit_itself_is_allowed(self, server):
        with fetcher(max_bytes=len(PICTURE)) as fetching:
            assert fetching.fetch(server.on("/a", body(PICTURE))) == PICTURE
            assert fetching.fetch(server.on("/b", without_length(PICTURE))) == PICTURE

    @pytest.mark.parametrize(
        "answer",
        [
            body(bytes(100_001)),
            raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"),
            without_length(bytes(100_001)),
            endless(),
            gzip_bomb(50_000_000),
        ],
        ids=["length", "claimed length", "without length", "endless", "gzip bomb"],
    )
    def test_more_is_too_large(self, server, answer):
        url = server.on("/a", answer)
        assert failure(url) == ("too large", False)
        assert server.requests["/a"] == 1


class TestRedirects:
    def test_are_followed_also_relative_ones(self, server):
        server.on("/deep/b", redirect("../c?x=1", code=308))
        server.on("/c?x=1", body(PICTURE))
        with fetcher() as fetching:
            assert fetching.fetch(server.on("/a", redirect(server.url("/deep/b")))) == PICTURE

    def test_a_loop_ends(self, server):
        url = server.on("/a", redirect("/a"))
        assert failure(url, max_redirects=3) == ("too many redirects", False)
        assert server.requests["/a"] == 4

    def test_a_redirect_to_a_private_address_sends_nothing_there(self, server):
        with MisbehavingServer() as inner:
            secret = inner.on("/secret", body(PICTURE))
            url = server.on("/a", redirect(secret)).replace("127.0.0.1", "localhost")
            assert failure(url, allowed_hosts=("localhost",)) == ("refused address", False)
            assert server.requests["/a"] == 1
            assert inner.connections == 0

    @pytest.mark.parametrize("location", ["file:///etc/hostname", "ftp://127.0.0.1/a", "data:image/png;base64,AAAA"])
    def test_a_redirect_to_another_scheme_is_refused(self, server, location):
        assert failure(server.on("/a", redirect(location))) == ("unsupported scheme", False)

    def test_a_redirect_to_nonsense_is_malformed(self, server):
        assert failure(server.on("/a", redirect("http://[::1")))[0] in {"malformed redirect", "malformed link"}


class TestAddresses:
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
    def test_only_http_and_https_are_spoken(self, url):
        assert failure(url) == ("unsupported scheme", False)

    @pytest.mark.parametrize(
        "host",
        [
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0177.0.0.1",
            "0x7f.0.0.1",
            "0",
            "localhost",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
            "user:secret@127.0.0.1",
        ],
    )
    def test_no_spelling_of_the_own_machine_is_connected_to(self, server, host):
        url = f"http://{host}:{server.server_port}/a.jpg"
        assert failure(url, allowed_hosts=())[0] in {"refused address", "malformed link", "name not found"}
        assert server.connections == 0

    @pytest.mark.parametrize(
        "address",
        [
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "169.254.169.254",
            "127.8.8.8",
            "0.0.0.0",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "192.0.2.1",
            "::",
            "::1",
            "fe80::1%eth0",
            "fc00::1",
            "fec0::1",
            "ff02::1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "::10.0.0.1",
            "64:ff9b::a00:1",
            "64:ff9b:1::a00:1",
            "2002:a00:1::1",
            "2001:0:a00:1::1",
            "2001:db8::1",
        ],
    )
    def test_addresses_that_are_not_on_the_public_internet(self, address):
        assert not is_public(address)

    @pytest.mark.parametrize(
        "address",
        ["93.184.215.14", "1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101", "2002:101:101::1"],
    )
    def test_addresses_on_the_public_internet(self, address):
        assert is_public(address)

    def test_a_name_with_one_private_address_among_public_ones_is_refused(self, server):
        url = server.url("/a", host="images.test")
        resolver = resolving_to(["93.184.215.14", "127.0.0.1"])
        assert failure(url, allowed_hosts=(), resolver=resolver) == ("refused address", False)
        assert server.connections == 0

    def test_the_connection_goes_to_the_address_that_was_checked(self, server, monkeypatch):
        # A name server under an attacker's control first gives a public address, to pass the check, then a private one.
        dialled = []

        def connect(sock, address):
            dialled.append(address[0])
            socket.socket.connect(sock, ("127.0.0.1", server.server_port))

        monkeypatch.setattr(TimedSocket, "connect", connect)
        server.on("/a", body(PICTURE))
        resolver = resolving_to(["93.184.215.14"], ["127.0.0.1"])
        with fetcher(allowed_hosts=(), resolver=resolver) as fetching:
            assert fetching.fetch("http://rebinding.test/a") == PICTURE
        assert dialled == ["93.184.215.14"]
        assert server.headers[0]["Host"] == "rebinding.test"

    def test_a_second_connection_to_a_name_that_moved_inside_is_refused(self, server, monkeypatch):
        connect = socket.socket.connect
        monkeypatch.setattr(TimedSocket, "connect", lambda sock, _: connect(sock, ("127.0.0.1", server.server_port)))
        server.on("/a", reset)
        url = "http://rebinding.test/a"
        assert (
            failure(url, allowed_hosts=(), resolver=resolving_to(["93.184.215.14"], ["10.0.0.1"]))[0]
            == "refused address"
        )
        assert server.connections == 1

    def test_a_proxy_of_the_environment_is_not_used(self, server, monkeypatch):
        with MisbehavingServer() as proxy:
            monkeypatch.setenv("http_proxy", proxy.url("/"))
            monkeypatch.setenv("all_proxy", proxy.url("/"))
            with fetcher() as fetching:
                assert fetching.fetch(server.on("/a", body(PICTURE))) == PICTURE
            assert proxy.connections == 0

    @given(st.text(max_size=60) | st.text(max_size=40).map("http://".__add__) | st.binary(max_size=40).map(repr))
    @hypothesis_settings(max_examples=300)
    def test_no_text_is_more_than_a_failed_link(self, text):
        with fetcher(resolver=unresolvable, give_up_after=10**9) as fetching, pytest.raises(FetchError):
            fetching.fetch(text)


class TestTime:
    @pytest.mark.parametrize(
        "head",
        [
            b"HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nA: ",
            b"HT",
            b"HTTP/1.1 404 Not Found\r\nContent-Length: 5000\r\n\r\n",
        ],
        ids=["body", "chunk", "header", "status", "body of an error"],
    )
    def test_dripping_does_not_outlast_the_deadline(self, server, head):
        url = server.on("/a", drip(head))
        since = time.monotonic()
        assert failure(url, deadline_s=0.6)[0] in {"timed out", "dead link (404)"}
        assert time.monotonic() - since < 15

    def test_silence_is_timed_out_and_transient(self, server):
        url = server.on("/a", silence(5, body(PICTURE)))
        since = time.monotonic()
        assert failure(url, read_timeout_s=0.3, retries=1) == ("timed out", True)
        assert 0.55 < time.monotonic() - since < 8

    def test_retry_after_is_kept_to(self, server):
        url = server.on("/a", status(429, retry_after="1"), body(PICTURE))
        with fetcher() as fetching:
            assert fetching.fetch(url) == PICTURE
        assert server.arrivals[1] - server.arrivals[0] > 0.95

    def test_retry_after_holds_for_the_whole_host(self, server):
        server.on("/a", status(503, retry_after="1"), body(PICTURE))
        server.on("/b", body(PICTURE))
        with fetcher(retries=0) as fetching:
            with pytest.raises(FetchError):
                fetching.fetch(server.url("/a"))
            assert fetching.fetch(server.url("/b")) == PICTURE
        assert server.arrivals[1] - server.arrivals[0] > 0.95

    def test_a_pause_longer_than_the_deadline_is_not_waited_for_and_nothing_more_is_asked(self, server):
        since = time.monotonic()
        with fetcher() as fetching:
            for path in ("/a", "/b"):
                with pytest.raises(FetchError, match="rate limited") as caught:
                    fetching.fetch(server.on(path, status(429, retry_after="3600")))
                assert caught.value.transient
        assert time.monotonic() - since < 15
        assert server.requests.total() == 1

    def test_the_pause_between_attempts_is_drawn_between_nothing_and_a_doubling_bound(self):
        rng = random.Random(1)
        for attempt in range(5):
            draws = [backoff_s(attempt, 0.5, rng) for _ in range(500)]
            bound = 0.5 * 2**attempt
            assert 0 <= min(draws) < 0.1 * bound
            assert 0.9 * bound < max(draws) <= bound

    def test_retry_after_may_be_seconds_or_a_date(self):
        now = datetime(2025, 10, 13, 12, 0, 0, tzinfo=UTC)
        assert retry_after_s("120", now) == 120
        assert retry_after_s("Mon, 13 Oct 2025 12:00:30 GMT", now) == 30
        assert retry_after_s("Mon, 13 Oct 2025 11:00:00 GMT", now) == 0
        assert all(retry_after_s(text, now) == 0 for text in (None, "", "soon", "-5", "\u0663"))

    def test_close_ends_a_transfer_under_way(self, server):
        url = server.on("/a", silence(30, body(PICTURE)))
        fetching = fetcher(read_timeout_s=30, deadline_s=30)
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(fetching.fetch, url)
            while not server.requests:
                time.sleep(0.01)
            since = time.monotonic()
            fetching.close()
            with pytest.raises(FetchError):
                waiting.result(timeout=15)
        assert time.monotonic() - since < 15


class TestPoliteness:
    def test_one_connection_serves_many_requests(self, server):
        server.on("/a", body(PICTURE))
        server.on("/dead", status(404, data=b"gone" * 100))
        with fetcher() as fetching:
            for _ in range(20):
                fetching.fetch(server.url("/a"))
                with pytest.raises(FetchError):
                    fetching.fetch(server.url("/dead"))
        assert server.connections == 1

    @pytest.mark.parametrize("limit", [{"connections_per_host": 3}, {"connections": 3}])
    def test_connections_are_limited(self, server, limit):
        url = server.on("/a", silence(0.05, body(PICTURE)))
        with fetcher(**limit) as fetching, ThreadPoolExecutor(12) as pool:
            assert list(pool.map(fetching.fetch, [url] * 24)) == [PICTURE] * 24
        assert server.most_busy == 3
        assert server.connections == 3

    def test_requests_a_second_are_limited(self, server):
        url = server.on("/a", body(PICTURE))
        with fetcher(requests_per_second_per_host=40) as fetching, ThreadPoolExecutor(8) as pool:
            list(pool.map(fetching.fetch, [url] * 21))
        assert 0.45 < server.arrivals[-1] - server.arrivals[0] < 1.5

    def test_waiting_for_a_turn_does_not_use_up_the_deadline(self, server):
        url = server.on("/a", body(PICTURE))
        with fetcher(requests_per_second_per_host=5, deadline_s=0.4) as fetching, ThreadPoolExecutor(6) as pool:
            assert list(pool.map(fetching.fetch, [url] * 6)) == [PICTURE] * 6


class TestUnreachableHosts:
    def test_a_port_that_nobody_listens_on_is_a_failed_connection(self):
        assert failure(f"http://127.0.0.1:{closed_port()}/a") == ("connection failed", True)

    def test_an_unknown_name_is_transient(self):
        assert failure("http://images.test/a", resolver=unresolvable) == ("name not found", True)

    def test_are_given_up_after_so_many_failures(self):
        port = closed_port()
        with fetcher(give_up_after=3) as fetching:
            reasons = []
            for number in range(6):
                with pytest.raises(FetchError) as caught:
                    fetching.fetch(f"http://127.0.0.1:{port}/{number}")
                reasons.append(caught.value.reason)
                assert caught.value.transient
        assert reasons == ["connection failed"] * 3 + ["host unreachable"] * 3

    def test_one_host_does_not_stand_for_another(self, server):
        port = closed_port()
        with fetcher(give_up_after=1) as fetching:
            for _ in range(3):
                with pytest.raises(FetchError):
                    fetching.fetch(f"http://127.0.0.1:{port}/a")
            assert fetching.fetch(server.on("/a", body(PICTURE))) == PICTURE

    def test_a_host_that_answered_lately_is_not_given_up(self, monkeypatch):
        host = Host(1, None, give_up_after=2)
        host.answered()
        host.failed()
        host.failed()
        assert not host.unreachable
        later = time.monotonic() + 61
        monkeypatch.setattr("pricefuse.download.rate_limit.time.monotonic", lambda: later)
        assert host.unreachable
        host.answered()
        assert not host.unreachable


class TestTLS:
    @pytest.fixture
    def authority(self, tmp_path, monkeypatch):
        """A certificate for images.test, trusted by this process only."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "images.test")])
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("images.test")]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        path = tmp_path / "server.pem"
        path.write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        monkeypatch.setenv("SSL_CERT_FILE", str(path))
        return path

    @pytest.fixture
    def secure(self, authority):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(authority)
        names = []
        context.sni_callback = lambda _, name, __: names.append(name)
        with MisbehavingServer(tls=context) as server:
            server.names = names
            yield server

    def test_the_certificate_is_checked_against_the_name_while_the_connection_goes_to_the_address(self, secure):
        secure.on("/a", body(PICTURE))
        resolver = resolving_to(["127.0.0.1"])
        with fetcher(allowed_hosts=("images.test",), resolver=resolver) as fetching:
            assert fetching.fetch(secure.url("/a", host="images.test", scheme="https")) == PICTURE
        assert secure.names == ["images.test"]

    def test_a_certificate_of_another_name_is_refused(self, secure):
        secure.on("/a", body(PICTURE))
        url = secure.url("/a", host="other.test", scheme="https")
        changes = {"allowed_hosts": ("other.test",), "resolver": resolving_to(["127.0.0.1"])}
        assert failure(url, **changes) == ("secure connection failed", True)
        assert not secure.requests

    def test_dripping_does_not_outlast_the_deadline(self, secure):
        secure.on("/a", drip(b"HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n"))
        url = secure.url("/a", host="images.test", scheme="https")
        since = time.monotonic()
        changes = {"allowed_hosts": ("images.test",), "resolver": resolving_to(["127.0.0.1"])}
        assert failure(url, deadline_s=0.6, **changes) == ("timed out", True)
        assert time.monotonic() - since < 15

    def test_a_handshake_that_never_ends_is_timed_out(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            threading.Thread(target=silent.accept, daemon=True).start()
            url = f"https://127.0.0.1:{silent.getsockname()[1]}/a"
            since = time.monotonic()
            assert failure(url, connect_timeout_s=0.4, retries=0)[1]
            assert time.monotonic() - since < 15
