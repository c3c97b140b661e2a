"""No server holds a connection longer than the deadline, and certificates are verified."""

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
from fetching import IMAGE, failure, fetcher, resolving_to
from misbehaving_server import MisbehavingServer, body, drip, silence

from pricefuse.download.fetch_errors import FetchError


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
def test_dripping_does_not_outlast_the_deadline(server, head):
    url = server.on("/a", drip(head))
    since = time.monotonic()
    assert failure(url, deadline_s=0.6)[0] in {"timed out", "dead link (404)"}
    assert time.monotonic() - since < 15


def test_silence_is_timed_out_and_transient(server):
    url = server.on("/a", silence(5, body(IMAGE)))
    since = time.monotonic()
    assert failure(url, read_timeout_s=0.3, retries=1) == ("timed out", True)
    assert 0.55 < time.monotonic() - since < 8


def test_close_ends_a_transfer_under_way(server):
    url = server.on("/a", silence(30, body(IMAGE)))
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


@pytest.fixture
def authority(tmp_path, monkeypatch):
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
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    return path


@pytest.fixture
def secure(authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority)
    names = []
    context.sni_callback = lambda _, name, __: names.append(name)
    with MisbehavingServer(tls=context) as server:
        server.names = names
        yield server


def test_the_certificate_is_checked_against_the_name_while_the_connection_goes_to_the_address(secure):
    secure.on("/a", body(IMAGE))
    resolver = resolving_to(["127.0.0.1"])
    with fetcher(allowed_hosts=("images.test",), resolver=resolver) as fetching:
        assert fetching.fetch(secure.url("/a", host="images.test", scheme="https")) == IMAGE
    assert secure.names == ["images.test"]


def test_a_certificate_of_another_name_is_refused(secure):
    secure.on("/a", body(IMAGE))
    url = secure.url("/a", host="other.test", scheme="https")
    changes = {"allowed_hosts": ("other.test",), "resolver": resolving_to(["127.0.0.1"])}
    assert failure(url, **changes) == ("secure connection failed", True)
    assert not secure.requests


def test_dripping_over_tls_does_not_outlast_the_deadline(secure):
    secure.on("/a", drip(b"HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n"))
    url = secure.url("/a", host="images.test", scheme="https")
    since = time.monotonic()
    changes = {"allowed_hosts": ("images.test",), "resolver": resolving_to(["127.0.0.1"])}
    assert failure(url, deadline_s=0.6, **changes) == ("timed out", True)
    assert time.monotonic() - since < 15


def test_a_handshake_that_never_ends_is_timed_out():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        threading.Thread(target=silent.accept, daemon=True).start()
        url = f"https://127.0.0.1:{silent.getsockname()[1]}/a"
        since = time.monotonic()
        assert failure(url, connect_timeout_s=0.4, retries=0)[1]
        assert time.monotonic() - since < 15
