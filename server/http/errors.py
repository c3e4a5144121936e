"""Exception -> status and body: the only place that picks an error status.

Bodies are problem documents (RFC 9457) on one line. They never hold a source's place; what may stand in them is the
text of errors about the file's structure, which knows nothing of where the file is, and of the server's own.
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


class UnknownGrid(ServerError):
    """The layer has no such tile matrix set."""


class BadRequest(ServerError):
    """A value in the query is not one that can be."""


class UnknownUrl(ServerError):
    """Nothing is served at this path."""


class NotAcceptable(ServerError):
    """There is no representation of a kind that the client takes."""


class RangeNotSatisfiable(ServerError):
    """A range that begins behind the end of what it is of.

    Attributes:
        size_bytes: of the whole.
    """

    def __init__(self, message: str, size_bytes: int) -> None:
        super().__init__(message)
        self.size_bytes = size_bytes


class NotSupported(ServerError):
    """An operation that a standard has, and the server has not."""


class ListBusy(ServerError):
    """As many wait for lists of all layers as may."""


class LayerFault(CogError):
    """The server failed on what a layer's file holds: a fault of its own, which costs that layer alone."""


class ServerBusy(ServerError):
    """The worker has no memory or no decoder free for the request."""


STATUS: Final[dict[type[Exception], int]] = {
    BadRequest: 400,
    UnknownLayer: 404,
    UnknownGrid: 404,
    UnknownUrl: 404,
    TileOutOfRange: 404,
    FormatNotOffered: 404,
    SourceNotFound: 404,
    NotAcceptable: 406,
    RangeNotSatisfiable: 416,
    NotSupported: 501,
    ListBusy: 503,
    ServerBusy: 503,
    SourceBusy: 503,
    SourceChanged: 503,
    SourceTimeout: 504,
    CogError: 502,
}
"""The nearest class in an exception's order of resolution counts; what is in none is a fault of ours, 500."""

RETRY_AFTER_S: Final[dict[type[BaseException], int]] = {
    ListBusy: 2,
    ServerBusy: 2,
    SourceBusy: 1,
    SourceChanged: 1,
    SourceError: 3,
}
"""Where another try may go well: after how long. Failures of sources are remembered for up to 3 s."""

_SPEAKING: Final = (ServerError, FormatError, FormatNotOffered, TileOutOfRange, TileDamaged)
"""Errors whose message names no place."""

_REASONS: Final[dict[type[Exception], str]] = {
    SourceNotFound: "the layer's file is not there",
    SourceForbidden: "the layer's origin refuses access",
    SourceBusy: "the layer's origin is busy",
    SourceChanged: "the layer's file is being replaced",
    SourceTimeout: "the layer's origin did not answer in time",
    SourceUnreachable: "the layer's origin cannot be reached",
    LayerFault: "the server failed on what the layer's file holds; its log names the cause",
    CogError: "the layer's origin gave a reply that cannot be used",
    Exception: "an error in the server; its log names the cause",
}


def status_of(error: BaseException) -> int:
    """The status of the reply to a request that ended in `error`."""
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)


def public_reason(error: BaseException) -> str:
    """What a client may know of an error."""
    if isinstance(error, _SPEAKING):
        return error.message if isinstance(error, CogError) else str(error)
    return next(_REASONS[kind] for kind in (*type(error).__mro__, Exception) if kind in _REASONS)


def reply_to(error: BaseException) -> Reply:
    """The reply to a request that ended in `error`."""
    status = status_of(error)
    reply = problem(status, public_reason(error), _retry_after_s(error) if status >= 500 else None)
    if isinstance(error, RangeNotSatisfiable):
        reply.headers.append(("Content-Range", f"bytes */{error.size_bytes}"))
    return reply


def _retry_after_s(error: BaseException) -> int | None:
    if isinstance(error, SourceBusy) and error.retry_after_s is not None:
        return max(1, min(60, round(error.retry_after_s)))
    return next((RETRY_AFTER_S[kind] for kind in type(error).__mro__ if kind in RETRY_AFTER_S), None)


def problem(status: int, detail: str, retry_after_s: int | None = None) -> Reply:
    """A problem document.

    Args:
        status: of the reply.
        detail: what happened, for a reader.
        retry_after_s: seconds after which it is worth another try.
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
