"""Errors of requests and replies -> errors of this package."""

import http.client

from urllib3 import exceptions as urllib3_errors

from cogread.errors import SourceError, SourceProtocolError, SourceTimeout, SourceUnreachable

FAILURES = (urllib3_errors.HTTPError, http.client.HTTPException, OSError, ValueError)
"""Errors of a request and of reading its reply."""


class Retryable(Exception):
    """A failure that is worth another try; it never leaves the package."""

    def __init__(self, error: SourceError) -> None:
        super().__init__(str(error))
        self.error = error


def failure(name: str, error: Exception) -> SourceError | Retryable:
    """The error to raise for one of `FAILURES`, without its text, which may hold a signed URL."""
    cause = _cause(error)
    if isinstance(cause, urllib3_errors.NameResolutionError):
        return Retryable(SourceUnreachable(f"{name}: the host name {cause.conn.host!r} is unknown"))
    if isinstance(cause, urllib3_errors.NewConnectionError):
        return Retryable(SourceUnreachable(f"{name}: no connection"))
    if isinstance(cause, (urllib3_errors.TimeoutError, TimeoutError)):
        return SourceTimeout(f"{name}: no answer in time")
    if isinstance(cause, ConnectionError):
        return Retryable(SourceUnreachable(f"{name}: the connection was broken off"))
    if isinstance(cause, (http.client.IncompleteRead, urllib3_errors.IncompleteRead)):
        return Retryable(SourceProtocolError(f"{name}: the reply ended too early"))
    if isinstance(cause, (OSError, urllib3_errors.SSLError)):
        return SourceUnreachable(f"{name}: no connection ({type(cause).__name__})")
    if isinstance(cause, ValueError):
        return SourceError(f"{name}: the request cannot be sent ({type(cause).__name__})")
    return SourceProtocolError(f"{name}: the reply is not HTTP ({type(cause).__name__})")


def _cause(error: Exception) -> Exception:
    """The innermost error: urllib3 wraps those of sockets and http.client as the last argument."""
    while isinstance(error, (urllib3_errors.ProtocolError, urllib3_errors.ProxyError)):
        inner = error.args[-1]
        if not isinstance(inner, Exception):
            break
        error = inner
    return error
