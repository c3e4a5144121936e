"""HTTP replies: entity tags, conditional requests, content codings, caching and CORS (RFC 9110, RFC 9111, Fetch)."""

import re
from collections.abc import Callable, Iterator, Sequence
from http import HTTPStatus
from typing import Final, NamedTuple

CORS: Final = ("Access-Control-Allow-Origin", "*")
PREFLIGHT: Final = [
    ("Access-Control-Allow-Methods", "GET, HEAD, OPTIONS"),
    ("Access-Control-Allow-Headers", "Authorization, If-None-Match, If-Range, Range, Traceparent, X-Request-ID"),
    ("Access-Control-Max-Age", "86400"),
]
EXPOSED: Final = (
    "Access-Control-Expose-Headers",
    "ETag, Content-Length, Content-Range, Accept-Ranges, Retry-After, X-Request-ID",
)
ACCEPT_RANGES: Final = ("Accept-Ranges", "bytes")
"""Header of every tile; see `server.http.ranges`."""
NOSNIFF: Final = ("X-Content-Type-Options", "nosniff")
"""Browsers rely on the media type and do not guess from the bytes that a reply is a script or a page."""
EVERY_REPLY: Final = (CORS, EXPOSED, NOSNIFF)
"""Headers of all replies, including errors."""

STATUS_LINES: Final = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}

_TAG: Final = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')
"""An entity tag; the group is the part that a weak comparison compares (RFC 9110 §8.8.3)."""

_QUALITY: Final = re.compile(r"q\s*=\s*([01](?:\.[0-9]{0,3})?)")


class Reply(NamedTuple):
    """A whole reply."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    close: Callable[[], None] | None = None
    """Called once the body is sent or the client is gone, to release resources; None: there are none."""

    def below(self, prefix: str) -> "Reply":
        """Return the same redirection with a prefix of its Location."""
        return self._replace(
            headers=[(name, prefix + value if name == "Location" else value) for name, value in self.headers]
        )


def none_match(if_none_match: str | None, etag: str) -> bool:
    """Evaluate If-None-Match by weak comparison (RFC 9110 §13.1.2); False means 304.

    Args:
        if_none_match: value of the field; None: no such field.
        etag: strong entity tag of the representation, with its quotes.
    """
    if if_none_match is None:
        return True
    if if_none_match == etag:
        return False
    return if_none_match.strip() != "*" and etag not in _TAG.findall(if_none_match)


def strong_match(if_match: str, etag: str) -> bool:
    """Evaluate If-Match by strong comparison (RFC 9110 §13.1.1); False means 412."""
    return if_match.strip() == "*" or etag in (tag[0] for tag in _TAG.finditer(if_match))


def accepts_coding(accept_encoding: str | None, coding: str) -> bool:
    """Tell whether a client accepts a content coding (RFC 9110 §12.5.3).

    Without Accept-Encoding the RFC allows any coding, but clients that omit the field rarely decode one: False.

    Args:
        accept_encoding: value of the field; None: no such field.
        coding: name of the coding, such as `deflate` or `zstd`.
    """
    weights = dict(_weights(accept_encoding or ""))
    return weights.get(coding, weights.get("*", 0.0)) > 0


def accepted_codings(accept_encoding: str | None, offered: Sequence[str]) -> tuple[str, ...]:
    """List the content codings that a client accepts, the preferred one first (RFC 9110 §12.5.3).

    Args:
        accept_encoding: value of the field; None: no such field, and none is accepted.
        offered: codings; of those that the client likes as much, the first is preferred.

    Returns:
        Some of those offered, and `identity` where the client ranks it.
    """
    weights = dict(_weights(accept_encoding or ""))
    others = weights.get("*", 0.0)
    ranks = {coding: weights.get(coding, others) for coding in (*offered, "identity")}
    return tuple(sorted((coding for coding in ranks if ranks[coding] > 0), key=ranks.__getitem__, reverse=True))


def _weights(accept_encoding: str) -> Iterator[tuple[str, float]]:
    for item in accept_encoding.lower().split(","):
        coding, _, parameter = (part.strip() for part in item.partition(";"))
        quality = _QUALITY.fullmatch(parameter)
        if coding and (quality or not parameter):
            yield coding, float(quality[1]) if quality else 1.0


IMMUTABLE: Final = "public, max-age=31536000, immutable"
"""Cache-Control of URLs with content that never changes (RFC 8246)."""


def cache_control(max_age_s: int) -> str:
    """Cache-Control of a reply that caches may use for `max_age_s` and have to revalidate then."""
    return f"public, max-age={max_age_s}"


def redirect(location: str) -> Reply:
    """Make a temporary redirection; caches must not store it, because the version that it depends on changes."""
    headers = [("Location", location), ("Cache-Control", "no-store"), *EVERY_REPLY, ("Content-Length", "0")]
    return Reply(302, headers, b"")


def local_url(host: str, port: int | str, scheme: str = "http") -> str:
    """The URL of a server that listens on `host`, for clients on the same machine."""
    wildcards = {"0.0.0.0": "127.0.0.1", "::": "127.0.0.1"}  # noqa: S104 - nothing is bound here
    name = wildcards.get(host, host)
    return f"{scheme}://[{name}]:{port}" if ":" in name else f"{scheme}://{name}:{port}"
