"""The address of a Ray cluster: checked, because whoever answers there may run code here."""

import os
import socket
from collections.abc import Mapping
from ipaddress import ip_address

from pricefuse.errors import InputError

THIS_MACHINE = ("auto", "local")


def checked_address(given: str | None, *, public: bool, environment: Mapping[str, str] = os.environ) -> str:
    """Return the address of a Ray cluster: as `given`, else RAY_ADDRESS, else "auto", one on this machine.

    Raises InputError for an address that is not `host:port`, a host that is not known, and one that is neither loopback
    nor private unless `public` ones are allowed.
    """
    address = given or environment.get("RAY_ADDRESS", "").strip() or "auto"
    if address in THIS_MACHINE:
        return address
    host, _, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if "//" in address or not host or not port.isdecimal():
        raise InputError(f"{address}: not the address of a Ray cluster. Give it as host:port, such as 10.0.0.5:6379")
    try:
        addresses = {str(found[4][0]) for found in socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError, OverflowError) as error:
        raise InputError(f"{address}: there is no such host ({error})") from None
    if not public and not all(map(is_private, addresses)):
        raise InputError(
            f"{address} is not a private address. Ray runs the code of whoever can reach it: use a private network or a"
            " tunnel, or set workers.public_address if you know why"
        )
    return address


def is_private(address: str) -> bool:
    """Return whether an IP address is loopback, link-local or of a private network."""
    ip = ip_address(address.partition("%")[0])
    mapped = getattr(ip, "ipv4_mapped", None)
    return bool((mapped or ip).is_private) and not (mapped or ip).is_unspecified
