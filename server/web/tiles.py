"""Malformed URLs of tiles; `tile_middleware` replies to GET and HEAD of all others before the app sees them."""

from flask import Response

from server.http.errors import UnknownUrl
from server.tiles.request import PLAIN_NUMBERS, split_version
from server.web.context import context


def malformed(name: str, rest: str, template: str) -> Response:
    """Explain the form of a tile's URL.

    Args:
        name: name of a layer, as in the URL.
        rest: path below it.
        template: the form of the URL.
    """
    _ = context().layer(split_version(name)[0])
    raise UnknownUrl(f"tile {rest[:100]!r}: wanted {template}, {PLAIN_NUMBERS}, the format in lower case")
