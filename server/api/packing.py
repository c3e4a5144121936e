"""Documents that clients get as gzip where they take it."""

import gzip
from collections.abc import Callable

from flask import Response, request

from server.api.context import document
from server.http import accepts_coding


def gzipped(body: bytes) -> bytes:
    """The body, packed; the same for the same body."""
    return gzip.compress(body, mtime=0)


def packed_document(
    body: bytes, media_type: str, cache_control: str, pack: Callable[[bytes], bytes] = gzipped
) -> Response:
    """A document, packed or not, as the client wants it; each form has an ETag of its own.

    Args:
        body, media_type, cache_control: as `document` has them.
        pack: makes gzip of the body, the same of the same.
    """
    is_packed = accepts_coding(request.headers.get("Accept-Encoding"), "gzip")
    made = document(pack(body) if is_packed else body, media_type, cache_control)
    made.vary.add("Accept-Encoding")
    if is_packed:
        made.headers["Content-Encoding"] = "gzip"
    return made
