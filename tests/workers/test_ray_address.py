"""Which addresses of a cluster are refused: decided by a function, without a connection."""

import socket

import pytest

from pricefuse.errors import InputError
from pricefuse.workers.ray_address import checked_address, is_private


@pytest.mark.parametrize(
    ("address", "private"),
    [("127.0.0.1", True), ("10.1.2.3", True), ("192.168.0.9", True), ("172.20.0.1", True), ("::1", True),
     ("fe80::1%eth0", True), ("fd00::5", True), ("::ffff:10.0.0.1", True), ("8.8.8.8", False), ("0.0.0.0", False),
     ("::", False), ("2606:4700::1111", False), ("::ffff:8.8.8.8", False), ("172.32.0.1", False)],
)  # fmt: skip
def test_private_addresses(address, private):
    assert is_private(address) is private


def test_a_public_address_is_refused_unless_it_is_allowed():
    with pytest.raises(InputError, match=r"8\.8\.8\.8:6379 is not a private address"):
        checked_address("8.8.8.8:6379", public=False)
    assert checked_address("8.8.8.8:6379", public=True) == "8.8.8.8:6379"
    assert checked_address("[fd00::5]:6379", public=False) == "[fd00::5]:6379"


def test_a_name_is_refused_where_one_of_its_addresses_is_public(monkeypatch):
    found = [(2, 1, 6, "", (address, 6379)) for address in ("10.0.0.5", "8.8.8.8")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with pytest.raises(InputError, match="head:6379 is not a private address"):
        checked_address("head:6379", public=False)
    found.pop()
    assert checked_address("head:6379", public=False) == "head:6379"


@pytest.mark.parametrize("address", ["ray://10.0.0.5:10001", "10.0.0.5", ":6379", "head:", "http://head:8265"])
def test_what_is_no_host_and_port_is_refused(address):
    with pytest.raises(InputError, match="Give it as host:port"):
        checked_address(address, public=False)


def test_without_an_address_it_is_that_of_the_environment_or_of_this_machine():
    assert checked_address(None, public=False, environment={"RAY_ADDRESS": "10.0.0.5:6379"}) == "10.0.0.5:6379"
    assert checked_address(None, public=False, environment={}) == "auto"
    with pytest.raises(InputError, match="8.8.8.8:1 is not"):
        checked_address(None, public=False, environment={"RAY_ADDRESS": "8.8.8.8:1"})
