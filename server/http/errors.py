"""Exception -> status and body: the only place that picks an error status.

Bodies are problem documents (RFC 9457) on one line. They never hold the URI of a source: the message of an error is
shown only if its class states no location, else a general reason stands in for it.
"""

from http import HTTPStatus
from typing import Final

import msgspec

from cogread.errors import (
    CogError,
    FormatError,
    FormatNotOffered,
    SourceBusy,
    SourceChanged,
    SourceError,
    SourceForbidden,
    SourceNotFound,
    SourceTimeout,
    SourceUnreachable,
    TileDamaged,
    TileOutOfRange,
)
from server.http.reply import EVERY_REPLY, Reply


class ServerError(Exception):
    """Base class of the server's own errors; their messages are for the client."""


class UnknownLayer(ServerError):
    """The config has no layer of this name."""


class Unauthorized(ServerError):
    """The request has no credentials for a layer, or an unknown token.

    Attributes:
        challenge: value of WWW-Authenticate.
    """

    def __init__(self, message: str, challenge: str) -> None:
        super().__init__(message)
        self.challenge = challenge


class Forbidden(ServerError):
    """The credentials of the request do not open the layer."""


class UnknownGrid(ServerError):
    """The layer has no tile matrix set of this name."""


class UnknownTime(ServerError):
    """The layer has no member of this time, or none on its grid."""


class BadRequest(ServerError):
    """Invalid query parameter."""


class UnknownUrl(ServerError):
    """Nothing is served at this path."""


class NotAcceptable(ServerError):
    """None of the representations is acceptable to the client."""


class PreconditionFailed(ServerError):
    """The client asks for a version that is not the current one."""


class RangeNotSatisfiable(ServerError):
    """A range that begins beyond the end of the representation.

    Attributes:
        size_bytes: size of the whole representation.
    """

    def __init__(self, message: str, size_bytes: int) -> None:
        super().__init__(message)
        self.size_bytes = size_bytes


class NotSupported(ServerError):
    """An operation of a standard that the server does not implement."""


class ListBusy(ServerError):
    """All places for requests that wait for a list of layers are taken."""


class LayerFault(CogError):
    """A fault of the server in handling one layer's file; other layers are unaffected."""


class ListUnavailable(CogError):
    """The list of a collection's members cannot be read.

    Attributes:
        collection: its name.
        cause: the error of the list, which gives the status.
    """

    def __init__(self, collection: str, cause: CogError) -> None:
        super().__init__(str(cause))
        self.collection, self.cause = collection, cause


class ServerBusy(ServerError):
    """The worker has no memory or no decoder left for the request."""


STATUS: Final[dict[type[Exception], int]] = {
    BadRequest: 400,
    Unauthorized: 401,
    Forbidden: 403,
    UnknownLayer: 404,
    UnknownGrid: 404,
    UnknownTime: 404,
    UnknownUrl: 404,
    TileOutOfRange: 404,
    FormatNotOffered: 404,
    SourceNotFound: 404,
    NotAcceptable: 406,
    PreconditionFailed: 412,
    RangeNotSatisfiable: 416,
    NotSupported: 501,
    ListBusy: 503,
    ServerBusy: 503,
    SourceBusy: 503,
    SourceChanged: 503,
    SourceTimeout: 504,
    CogError: 502,
}
"""The first class of the exception's MRO counts; an exception without an entry is a fault of the server, 500."""

RETRY_AFTER_S: Final[dict[type[BaseException], int]] = {
    ListBusy: 2,
    ServerBusy: 2,
    SourceBusy: 1,
    SourceChanged: 1,
    SourceError: 3,
}
"""Seconds until a retry may succeed. Failures of sources are cached for up to 3 s."""

_PUBLIC: Final = (ServerError, FormatError, FormatNotOffered, TileOutOfRange, TileDamaged)
"""Errors with a message that states no location, so that clients may read it."""

_REASONS: Final[dict[type[Exception], str]] = {
    SourceNotFound: "{file} is not there",
    SourceForbidden: "{origin} refuses access",
    SourceBusy: "{origin} is busy",
    SourceChanged: "{file} is being replaced",
    SourceTimeout: "{origin} did not answer in time",
    SourceUnreachable: "{origin} cannot be reached",
    LayerFault: "the server failed on what {file} holds; its log names the cause",
    CogError: "{origin} gave a reply that cannot be used",
    Exception: "an error in the server; its log names the cause",
}


def status_of(error: BaseException) -> int:
    """Return the status of the reply to a request that ended in `error`."""
    return next((STATUS[kind] for kind in type(_cause(error)).__mro__ if kind in STATUS), 500)


def public_reason(error: BaseException) -> str:
    """Return the text about an error that a client may read."""
    if isinstance(error, _PUBLIC):
        return error.message if isinstance(error, CogError) else str(error)
    reason = next(_REASONS[kind] for kind in (*type(_cause(error)).__mro__, Exception) if kind in _REASONS)
    if not isinstance(error, ListUnavailable):
        return reason.format(file="the layer's file", origin="the layer's origin")
    reason = reason.format(file="the list of its members", origin="the origin of the list of its members")
    return f"collection {error.collection!r}: {reason}"


def reply_to(error: BaseException) -> Reply:
    """Make the reply to a request that ended in `error`."""
    status = status_of(error)
    reply = problem(status, public_reason(error), _retry_after_s(error) if status >= 500 else None)
    if isinstance(error, RangeNotSatisfiable):
        reply.headers.append(("Content-Range", f"bytes */{error.size_bytes}"))
    if isinstance(error, Unauthorized):
        reply.headers.append(("WWW-Authenticate", error.challenge))
    return reply


def _retry_after_s(error: BaseException) -> int | None:
    error = _cause(error)
    if isinstance(error, SourceBusy) and error.retry_after_s is not None:
        return max(1, min(60, round(error.retry_after_s)))
    return next((RETRY_AFTER_S[kind] for kind in type(error).__mro__ if kind in RETRY_AFTER_S), None)


def _cause(error: BaseException) -> BaseException:
    return error.cause if isinstance(error, ListUnavailable) else error


def problem(status: int, detail: str, retry_after_s: int | None = None) -> Reply:
    """Make a reply with a problem document.

    Args:
        status: status of the reply.
        detail: the cause, in one sentence.
        retry_after_s: seconds until a retry may succeed; None: no Retry-After.
    """
    title = HTTPStatus(status).phrase
    body = msgspec.json.encode({"type": "about:blank", "title": title, "status": status, "detail": detail})
    headers = [
        ("Content-Type", "application/problem+json"),
        ("Content-Length", str(len(body) + 1)),
        ("Cache-Control", "no-store"),
        *EVERY_REPLY,
    ]
    if retry_after_s is not None:
        headers.append(("Retry-After", str(retry_after_s)))
    return Reply(status, headers, body + b"\n")
