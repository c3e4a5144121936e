"""Documents that clients get as gzip where they take it."""

from typing import Final

from flask import Response, request

from server.http.reply import accepts_coding
from server.web.context import document
from server.web.packed import Packed

LEAST_BYTES: Final = 1000
"""Less goes in one packet of a network, packed or not."""

_packed: Final = Packed()


def packed_document(body: bytes, media_type: str, cache_control: str = "no-cache") -> Response:
    """A document, packed or not, as the client wants it; each form has an ETag of its own.

    Args:
        body, media_type, cache_control: as `document` has them.
    """
    is_packed = len(body) >= LEAST_BYTES and accepts_coding(request.headers.get("Accept-Encoding"), "gzip")
    made = document(_packed.of(body) if is_packed else body, media_type, cache_control)
    made.vary.add("Accept-Encoding")
    if is_packed:
        made.headers["Content-Encoding"] = "gzip"
    return made
