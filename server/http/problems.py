"""Exception -> problem document (RFC 9457), on one line.

It never holds the URI of a source: the message of an error is shown only if its class states no location, else a
general reason stands in for it.
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
from server.http.errors import (
    LayerFault,
    ListBusy,
    ListUnavailable,
    RangeNotSatisfiable,
    ServerBusy,
    ServerError,
    Unauthorized,
    cause_of,
    status_of,
)
from server.http.reply import EVERY_REPLY, Reply

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


def public_reason(error: BaseException) -> str:
    """Return the text about an error that a client may read."""
    if isinstance(error, _PUBLIC):
        return error.message if isinstance(error, CogError) else str(error)
    reason = next(_REASONS[kind] for kind in (*type(cause_of(error)).__mro__, Exception) if kind in _REASONS)
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
    error = cause_of(error)
    if isinstance(error, SourceBusy) and error.retry_after_s is not None:
        return max(1, min(60, round(error.retry_after_s)))
    return next((RETRY_AFTER_S[kind] for kind in type(error).__mro__ if kind in RETRY_AFTER_S), None)


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
