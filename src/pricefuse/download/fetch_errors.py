"""Classify failed downloads: every exception and HTTP status becomes one of a few reasons that can be counted."""

import http.client

from requests.exceptions import RequestException
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

from pricefuse.download.connections import TooManyBytesError
from pricefuse.download.ssrf import RefusedAddressError

# All that requests, urllib3 and http.client raise for a host or its answer; a RequestException is an OSError, and
# a negative chunk length a ValueError or, where it is long, an OverflowError.
CLIENT_ERRORS = (HTTPError, http.client.HTTPException, OSError, ValueError, OverflowError)

# The first match explains an exception; the flag is whether the next run may fare better.
_REASONS: tuple[tuple[type[Exception], str, bool], ...] = (
    (RefusedAddressError, "refused address", False),
    (TooManyBytesError, "too large", False),
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
    """Why a link gave no bytes: `reason`, one of a few, and whether the next run may fare better (`transient`).

    `retry`: another attempt within this run may help. `silent`: the server was waited for in vain.
    """

    def __init__(self, reason: str, *, transient: bool, retry: bool = False, silent: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.transient, self.retry, self.silent = reason, transient, retry, silent


def cause_of(error: Exception) -> Exception:
    """Return the exception of urllib3 that one of requests' wraps; `error` itself if it wraps none."""
    wrapped = error.args[0] if isinstance(error, RequestException) and error.args else None
    return wrapped if isinstance(wrapped, Exception) else error


def from_exception(error: Exception) -> FetchError:
    """Return the FetchError for one of CLIENT_ERRORS."""
    cause = cause_of(error)
    if isinstance(cause, ProtocolError) and len(cause.args) > 1:
        cause = cause.args[1]
    reason, transient = next((reason, transient) for kind, reason, transient in _REASONS if isinstance(cause, kind))
    silent = isinstance(cause, (ReadTimeoutError, TimeoutError))
    return FetchError(reason, transient=transient, retry=transient, silent=silent)


def from_status(status: int) -> FetchError:
    """Return the FetchError for an HTTP status that is neither 200 nor a redirect."""
    reason, transient = _STATUSES.get(status, ("server error", True) if status >= 500 else ("unexpected answer", False))
    return FetchError(f"{reason} ({status})", transient=transient, retry=transient)
