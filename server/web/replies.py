"""Replies in Flask's class: documents with ETag, 304 and gzip, and the parts of tiles that Range asks for."""

import gzip
from collections.abc import Callable, Iterable
from typing import Final

import msgspec
from flask import Response, request

from server.documents import Json
from server.http.ranges import ranged
from server.http.reply import Reply, accepts_coding, none_match
from server.web.context import context

LEAST_BYTES: Final = 1000
"""Smaller documents fit into one packet either way."""


def response(reply: Reply) -> Response:
    """The reply in Flask's class, without the media type and the length that it adds."""
    flask_response = Response([reply.body], reply.status, reply.headers)
    if all(name != "Content-Type" for name, _ in reply.headers):
        del flask_response.headers["Content-Type"]
    if reply.close is not None:
        flask_response.call_on_close(reply.close)
    return flask_response


def tile_response(reply: Reply) -> Response:
    """The reply with a tile, or with the part that Range asks for."""
    wanted = request.headers.get("Range")
    if wanted is not None and request.method == "GET":
        reply = ranged(reply, wanted, request.headers.get("If-Range"))
    return response(reply)


def packed_document(body: bytes, media_type: str, cache_control: str = "no-cache") -> Response:
    """A document, packed or not, as the client wants it; each form has an ETag of its own.

    Args:
        body: the document.
        media_type: of the document.
        cache_control: by default, caches keep the document and revalidate it.
    """
    is_packed = len(body) >= LEAST_BYTES and takes_gzip()
    return coded_document(context().packed.of(body) if is_packed else body, media_type, cache_control, is_packed)


def json_document(about: Json, cache_control: str, media_type: str = "application/json") -> Response:
    """The same for a JSON object."""
    return packed_document(msgspec.json.encode(about), media_type, cache_control)


def long_document(key: str, pieces: Callable[[], Iterable[bytes]], media_type: str, cache_control: str) -> Response:
    """The same for a long document, which is cached as gzip alone.

    Args:
        key, pieces: see `PackedDocuments.written`.
        media_type, cache_control: see `packed_document`.
    """
    packed = context().packed.written(key, pieces)
    size_bytes = int.from_bytes(packed[-4:], "little")  # ISIZE, RFC 1952 §2.3.1
    is_packed = size_bytes >= LEAST_BYTES and takes_gzip()
    return coded_document(packed if is_packed else gzip.decompress(packed), media_type, cache_control, is_packed)


def takes_gzip() -> bool:
    """Tell whether the client accepts gzip."""
    return accepts_coding(request.headers.get("Accept-Encoding"), "gzip")


def coded_document(body: bytes, media_type: str, cache_control: str, is_packed: bool) -> Response:
    """A document in the form that goes to the client, with the ETag of that form; 304 if the client has it."""
    flask_response = Response(body, 200, [("Content-Type", media_type), ("Cache-Control", cache_control)])
    flask_response.add_etag()
    if not none_match(request.headers.get("If-None-Match"), flask_response.headers["ETag"]):
        flask_response.status_code = 304
        flask_response.set_data(b"")
        del flask_response.headers["Content-Type"], flask_response.headers["Content-Length"]
    flask_response.vary.add("Accept-Encoding")
    if is_packed:
        flask_response.headers["Content-Encoding"] = "gzip"
    return flask_response
