"""`/collections/{layer}/map/tiles/{grid}/{z}/{row}/{col}`: the tiles of XYZ URLs, their format negotiated."""

from typing import Final

from flask import Response, request

from cogread.wrap import AUTO, FILES, PICTURES, WRAPPERS
from server.http.errors import UnknownUrl
from server.layers.layer_version import IMAGE
from server.tiles.request import PLAIN_NUMBERS, XYZ, XYZ_AUTO, TileRequest, parse
from server.web.context import context
from server.web.negotiation import asked_format, chosen
from server.web.replies import tile_response

_AUTO: Final = "auto"
"""Value of `f` for the format without an extension."""
_OF_AUTO: Final = tuple(WRAPPERS[extension].media_type for extension in PICTURES)
"""Media types that a client has to accept alike to get it unasked: a tile may be of any."""


def tile(name: str, grid: str, z: str, row: str, col: str) -> Response:
    """A tile, in the format of its level that the client prefers."""
    ctx = context()
    layer, address = ctx.layer(name), parse(request.path)
    if address is None:
        raise UnknownUrl(
            f"tile {'/'.join((z, row, col))[:100]!r}: wanted {{tileMatrix}}/{{tileRow}}/{{tileCol}}, {PLAIN_NUMBERS}"
        )
    wanted = asked_format(_AUTO, *FILES)
    asked = TileRequest(
        request.path, request.headers.get("If-None-Match"), request.method == "HEAD", request.environ, ctx.authenticator
    )
    opened = layer.open(asked.deadline())
    level = opened.grids.named(grid).place(address.z, address.x, address.y).level
    offered = opened.offered(IMAGE, level)
    media_types = {_AUTO: _OF_AUTO} if opened.refusal(level, AUTO) is None else {}
    media_types |= {extension: (WRAPPERS[extension].media_type,) for extension in FILES if extension in offered}
    extension = chosen(media_types, wanted)
    address = address._replace(layer=layer.config.name, format=AUTO.extension if extension == _AUTO else extension)
    asked.key = address.path(XYZ_AUTO if extension == _AUTO else XYZ)
    reply = tile_response(ctx.tiles.serve_cached(asked) or ctx.tiles.serve(asked, address))
    reply.headers["Vary"] = "Accept"
    return reply
