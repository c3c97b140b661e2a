"""Refuse addresses that are not on the public internet (protection against server-side request forgery, SSRF).

A catalog's links come from strangers: without this check a link, or a redirect of it, could read from the machine
itself, from its local network, or from a cloud's metadata service.
"""

from collections.abc import Collection, Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from urllib3.exceptions import HTTPError

# These ranges carry an IPv4 address in their last 32 bits.
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052
_IPV4_COMPATIBLE = IPv6Network("::/96")  # RFC 4291, deprecated, still routed by some stacks

# Ranges of IANA's special-purpose address registries that `is_global` of older Python releases passes.
_SPECIAL = (
    IPv4Network("192.0.0.0/24"),  # IETF protocol assignments, RFC 6890
    IPv6Network("3fff::/20"),  # documentation, RFC 9637
    IPv6Network("5f00::/16"),  # segment routing, RFC 9602
)
_GLOBAL_AFTER_ALL = frozenset(map(IPv4Address, ("192.0.0.9", "192.0.0.10")))  # anycast, RFC 7723 and RFC 8155


class RefusedAddressError(HTTPError):
    """The host is at an address that is not on the public internet; no connection was opened."""


def require_public(host: str, addresses: Iterable[str], allowed_hosts: Collection[str]) -> None:
    """Raise RefusedAddressError if one of a host's addresses is not public, unless the host is an allowed one."""
    if host not in allowed_hosts and not all(map(is_public, addresses)):
        raise RefusedAddressError(f"{host} is not at a public address")


def is_public(address: str) -> bool:
    """Return whether an IP address is globally routable unicast; IPv6 forms of an IPv4 address count as the latter.

    Raises ValueError if `address` is no IP address.
    """
    ip: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address):
        ip = _embedded_ipv4(ip) or ip
    if ip in _GLOBAL_AFTER_ALL:
        return True
    if any(ip in network for network in _SPECIAL):
        return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or getattr(ip, "is_site_local", False))


def _embedded_ipv4(ip: IPv6Address) -> IPv4Address | None:
    if ip in _NAT64 or ip in _IPV4_COMPATIBLE:
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour
