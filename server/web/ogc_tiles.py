"""`/collections/{layer}/map/tiles/{grid}/{z}/{row}/{col}`: the tiles of other URLs, their format negotiated."""

import re
from typing import Final

from flask import Blueprint, Response, request

from cogread.deadline import Deadline
from cogread.wrap import FILES, WRAPPERS
from server.http.errors import UnknownUrl
from server.http.reply import Reply
from server.layers.layer_version import IMAGE
from server.tiles.request import NUMBER, PLAIN_NUMBERS, TileRequest
from server.tiles.service import BUDGET_S
from server.web.context import context, tile_response
from server.web.negotiation import asked_format, chosen

blueprint = Blueprint("ogc_tiles", __name__)

_NUMBER: Final = re.compile(NUMBER)


@blueprint.get("/collections/<name>/map/tiles/<grid>/<z>/<row>/<col>", strict_slashes=True)
def tile(name: str, grid: str, z: str, row: str, col: str) -> Response:
    """A tile, in the format that the client wants most of those that its level has."""
    if not all(_NUMBER.fullmatch(number) for number in (z, row, col)):
        raise UnknownUrl(
            f"tile {'/'.join((z, row, col))[:100]!r}: wanted {{tileMatrix}}/{{tileRow}}/{{tileCol}}, {PLAIN_NUMBERS}"
        )
    asked = asked_format(*FILES)
    layer = context().catalog[name]
    opened = layer.open(Deadline.after(BUDGET_S))
    place = opened.grids.named(grid).place(int(z), int(col), int(row))
    offered = opened.offered(IMAGE, place.level)
    media_types = {extension: WRAPPERS[extension].media_type for extension in FILES if extension in offered}
    made = tile_response(_serve(name, grid, int(z), int(col), int(row), chosen(media_types, asked)))
    made.headers["Vary"] = "Accept"
    return made


def _serve(layer: str, grid: str, z: int, x: int, y: int, extension: str) -> Reply:
    """The tile as its other URL gives it: what is known of it is known by that."""
    tiles, path = context().tiles, f"/layers/{layer}/{IMAGE}/{grid}/{z}/{x}/{y}.{extension}"
    if_none_match, is_head = request.headers.get("If-None-Match"), request.method == "HEAD"
    wanted = TileRequest(layer, None, IMAGE, grid, z, x, y, extension, "", None, if_none_match, is_head)
    return tiles.serve_known(path, if_none_match, is_head) or tiles.serve(path, wanted)
