"""Replies in Flask's class: documents with ETag, 304 and gzip, and the parts of tiles that Range asks for."""

import zlib
from typing import Final

from flask import Response, request

from server.http.ranges import ranged
from server.http.reply import Reply, accepts_coding, none_match
from server.web.packed import GZIP, PackedDocument

LEAST_BYTES: Final = 1000
"""Smaller documents fit into one packet either way."""
NEGOTIATED: Final = "Accept-Encoding, Accept"
"""Vary of documents that have a form in HTML."""


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


def document(
    packed: PackedDocument, media_type: str, cache_control: str = "no-cache", vary: str = "Accept-Encoding"
) -> Response:
    """A document in the form that the client takes, packed or not; 304 if the client has that form.

    Args:
        packed: the document.
        media_type: of the document.
        cache_control: by default, caches keep the document and revalidate it.
        vary: value of the field Vary.
    """
    is_packed = packed.size_bytes >= LEAST_BYTES and accepts_coding(request.headers.get("Accept-Encoding"), "gzip")
    etag = packed.packed_etag if is_packed else packed.etag
    headers = [("Cache-Control", cache_control), ("ETag", etag), ("Vary", vary)]
    if is_packed:
        headers.append(("Content-Encoding", "gzip"))
    if not none_match(request.headers.get("If-None-Match"), etag):
        return response(Reply(304, headers, b""))
    body = packed.body if is_packed else zlib.decompress(packed.body, GZIP)
    return response(Reply(200, [("Content-Type", media_type), *headers], body))
