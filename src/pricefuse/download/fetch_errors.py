"""Why a link gave no bytes, in a few reasons that can be counted."""

import http.client

from urllib3.exceptions import (
    ConnectTimeoutError,
    DecodeError,
    HTTPError,
    LocationValueError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
    SSLError,
)

from pricefuse.download.connections import RefusedAddressError

# The first match explains an exception; the flag is whether the next run may fare better.
_REASONS: tuple[tuple[type[Exception], str, bool], ...] = (
    (RefusedAddressError, "refused address", False),
    (LocationValueError, "malformed link", False),
    (DecodeError, "malformed answer", False),
    (NameResolutionError, "name not found", True),
    (NewConnectionError, "connection failed", True),
    (ConnectTimeoutError, "connection timed out", True),
    (SSLError, "secure connection failed", True),
    (ReadTimeoutError, "timed out", True),
    (TimeoutError, "timed out", True),
    (http.client.IncompleteRead, "truncated body", True),
    (OSError, "connection reset", True),
    (Exception, "malformed answer", True),
)
_STATUSES = {
    401: ("refused", False),
    403: ("refused", False),
    404: ("dead link", False),
    408: ("timed out", True),
    410: ("dead link", False),
    425: ("rate limited", True),
    429: ("rate limited", True),
    451: ("refused", False),
}


class FetchError(Exception):
    """Why there are no bytes: `reason` for a person, one of a few; `transient` if the next run may fare better.

    `retry`: another attempt within this run may help.
    """

    def __init__(self, reason: str, transient: bool, *, retry: bool = False) -> None:  # noqa: FBT001 - passed by name
        super().__init__(reason)
        self.reason, self.transient, self.retry = reason, transient, retry


def from_exception(error: HTTPError) -> FetchError:
    cause = error.args[1] if isinstance(error, ProtocolError) and len(error.args) > 1 else error
    reason, transient = next((reason, transient) for kind, reason, transient in _REASONS if isinstance(cause, kind))
    return FetchError(reason, transient=transient, retry=transient)


def from_status(status: int) -> FetchError:
    reason, transient = _STATUSES.get(status, ("server error", True) if status >= 500 else ("unexpected answer", False))
    return FetchError(f"{reason} ({status})", transient=transient, retry=transient)
