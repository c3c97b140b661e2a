"""No link, redirect or name server leads to an address that is not on the public internet."""

import socket

import pytest
from fetching import IMAGE, failure, fetcher, resolving_to
from misbehaving_server import MisbehavingServer, body, redirect, reset

from pricefuse.download.connections import LimitedSocket
from pricefuse.download.ssrf import RefusedAddressError, is_public, require_public


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
def test_no_spelling_of_the_own_machine_is_connected_to(server, host):
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
        "192.0.0.1",
        "192.0.0.8",
        "192.0.0.11",
        "192.0.0.255",
        "::ffff:192.0.0.8",
        "3fff::1",
        "3fff:fff:ffff::1",
        "5f00::1",
    ],
)
def test_addresses_that_are_not_on_the_public_internet(address):
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "93.184.215.14",
        "1.1.1.1",
        "2606:4700::1111",
        "::ffff:1.1.1.1",
        "64:ff9b::101:101",
        "2002:101:101::1",
        "192.0.0.9",
        "192.0.0.10",
        "192.0.1.1",
        "3ffe::1",
    ],
)
def test_addresses_on_the_public_internet(address):
    assert is_public(address)


def test_a_name_with_one_private_address_among_public_ones_is_refused(server):
    url = server.url("/a", host="images.test")
    resolver = resolving_to(["93.184.215.14", "127.0.0.1"])
    assert failure(url, allowed_hosts=(), resolver=resolver) == ("refused address", False)
    assert server.connections == 0


def test_the_connection_goes_to_the_address_that_was_checked(server, monkeypatch):
    # A name server under an attacker's control first gives a public address, to pass the check, then a private one.
    dialled = []

    def connect(sock, address):
        dialled.append(address[0])
        socket.socket.connect(sock, ("127.0.0.1", server.server_port))

    monkeypatch.setattr(LimitedSocket, "connect", connect)
    server.on("/a", body(IMAGE))
    resolver = resolving_to(["93.184.215.14"], ["127.0.0.1"])
    with fetcher(allowed_hosts=(), resolver=resolver) as fetching:
        assert fetching.fetch("http://rebinding.test/a") == IMAGE
    assert dialled == ["93.184.215.14"]
    assert server.headers[0]["Host"] == "rebinding.test"


def test_a_second_connection_to_a_name_that_moved_inside_is_refused(server, monkeypatch):
    connect = socket.socket.connect
    monkeypatch.setattr(LimitedSocket, "connect", lambda sock, _: connect(sock, ("127.0.0.1", server.server_port)))
    server.on("/a", reset)
    url = "http://rebinding.test/a"
    assert (
        failure(url, allowed_hosts=(), resolver=resolving_to(["93.184.215.14"], ["10.0.0.1"]))[0] == "refused address"
    )
    assert server.connections == 1


def test_a_redirect_to_a_private_address_sends_nothing_there(server):
    with MisbehavingServer() as inner:
        secret = inner.on("/secret", body(IMAGE))
        url = server.on("/a", redirect(secret)).replace("127.0.0.1", "localhost")
        assert failure(url, allowed_hosts=("localhost",)) == ("refused address", False)
        assert server.requests["/a"] == 1
        assert inner.connections == 0


def test_one_private_address_is_enough_unless_the_host_is_allowed():
    require_public("images.test", ["1.1.1.1", "2606:4700::1111"], ())
    require_public("images.test", ["10.0.0.1"], {"images.test"})
    with pytest.raises(RefusedAddressError, match="images.test"):
        require_public("images.test", ["1.1.1.1", "10.0.0.1"], {"other.test"})
