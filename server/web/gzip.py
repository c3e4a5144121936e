"""Documents as gzip for clients that take it."""

import gzip
from collections.abc import Callable, Iterable
from typing import Final

from flask import Response, request

from server.http.reply import accepts_coding
from server.web.context import context, document

LEAST_BYTES: Final = 1000
"""Smaller documents fit into one packet either way."""


def packed_document(body: bytes, media_type: str, cache_control: str = "no-cache") -> Response:
    """A document, packed or not, as the client wants it; each form has an ETag of its own.

    Args:
        body, media_type, cache_control: see `document`.
    """
    is_packed = _is_packed(len(body))
    return _coded(context().packed.of(body) if is_packed else body, media_type, cache_control, is_packed)


def long_document(
    key: str, pieces: Callable[[], Iterable[bytes]], media_type: str, cache_control: str = "no-cache"
) -> Response:
    """The same for a long document, which is cached as gzip alone.

    Args:
        key, pieces: see `PackedDocuments.written`.
        media_type, cache_control: see `document`.
    """
    packed = context().packed.written(key, pieces)
    is_packed = _is_packed(int.from_bytes(packed[-4:], "little"))  # ISIZE, RFC 1952 §2.3.1
    return _coded(packed if is_packed else gzip.decompress(packed), media_type, cache_control, is_packed)


def _is_packed(size_bytes: int) -> bool:
    return size_bytes >= LEAST_BYTES and accepts_coding(request.headers.get("Accept-Encoding"), "gzip")


def _coded(body: bytes, media_type: str, cache_control: str, is_packed: bool) -> Response:
    response = document(body, media_type, cache_control)
    response.vary.add("Accept-Encoding")
    if is_packed:
        response.headers["Content-Encoding"] = "gzip"
    return response
