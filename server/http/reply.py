"""What HTTP says about replies: entity tags, conditional requests, caching, and who may read them (RFC 9110, 9111)."""

import re
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Final, NamedTuple

CORS: Final = ("Access-Control-Allow-Origin", "*")
PREFLIGHT: Final = [
    ("Access-Control-Allow-Methods", "GET, HEAD, OPTIONS"),
    ("Access-Control-Allow-Headers", "If-None-Match, If-Range, Range"),
    ("Access-Control-Max-Age", "86400"),
]
EXPOSED: Final = (
    "Access-Control-Expose-Headers",
    "ETag, Content-Length, Content-Range, Accept-Ranges, Retry-After",
)
ACCEPT_RANGES: Final = ("Accept-Ranges", "bytes")
"""Of a tile, whole or not: see `server.http.ranges`."""
NOSNIFF: Final = ("X-Content-Type-Options", "nosniff")
"""Browsers take a reply for what its media type says, never for a script or a page by its bytes."""
EVERY_REPLY: Final = (CORS, EXPOSED, NOSNIFF)
"""Headers of all replies, errors too."""

STATUS_LINES: Final = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}

_TAG: Final = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')
"""An entity tag; the group is what a weak comparison compares (RFC 9110 §8.8.3)."""

_QUALITY: Final = re.compile(r"q\s*=\s*([01](?:\.[0-9]{0,3})?)")


class Reply(NamedTuple):
    """A whole reply."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    close: Callable[[], None] | None = None
    """To be called when the body was sent or the client has gone; None: nothing has to be given back then."""

    def below(self, root: str) -> "Reply":
        """The same redirection with a root before its path."""
        return self._replace(
            headers=[(name, root + value if name == "Location" else value) for name, value in self.headers]
        )


def none_match(if_none_match: str | None, etag: str) -> bool:
    """Whether If-None-Match lets the request through: False means 304 (RFC 9110 §13.1.2, weak comparison).

    Args:
        if_none_match: the field as the client sent it, None if it sent none.
        etag: the strong entity tag, with its quotes, of what would be sent.
    """
    if if_none_match is None:
        return True
    if if_none_match == etag:
        return False
    return if_none_match.strip() != "*" and etag not in _TAG.findall(if_none_match)


def accepts_coding(accept_encoding: str | None, coding: str) -> bool:
    """Whether a client takes a content coding (RFC 9110 §12.5.3).

    A client that says nothing may be sent any coding; as those that say nothing rarely decode one, they get none here.

    Args:
        accept_encoding: the field as the client sent it, None if it sent none.
        coding: `deflate`, `zstd` or the like.
    """
    weights = dict(_weights(accept_encoding or ""))
    return weights.get(coding, weights.get("*", 0.0)) > 0


def _weights(accept_encoding: str) -> Iterator[tuple[str, float]]:
    for item in accept_encoding.lower().split(","):
        coding, _, parameter = (part.strip() for part in item.partition(";"))
        quality = _QUALITY.fullmatch(parameter)
        if coding and (quality or not parameter):
            yield coding, float(quality[1]) if quality else 1.0


IMMUTABLE: Final = "public, max-age=31536000, immutable"
"""Cache-Control of a URL whose content never changes (RFC 8246)."""


def cache_control(max_age_s: int) -> str:
    """Cache-Control of a reply that may be kept for `max_age_s` and is then to be revalidated."""
    return f"public, max-age={max_age_s}"


def redirect(location: str) -> Reply:
    """Where to go now; not to be kept, since it is not true for long."""
    headers = [("Location", location), ("Cache-Control", "no-store"), *EVERY_REPLY, ("Content-Length", "0")]
    return Reply(302, headers, b"")


def local_url(host: str, port: int | str) -> str:
    """Where a server that listens on `host` is reached from the same machine."""
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "127.0.0.1"}  # noqa: S104 - nothing is bound here
    name = everywhere.get(host, host)
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"
