"""Tile Map Service 1.0.0 (wiki.osgeo.org/wiki/Tile_Map_Service_Specification) of layers that are web maps.

Its maps are the whole square of web maps, in which y counts from the bottom. GDAL counts tiles from the corner of the
bounding box that it is told, and wants tile sets from z 0 on, so all of the square is in the document; where the layer
has no tile, the tile is empty, as those are that a file leaves out.
"""

import re
from dataclasses import dataclass
from typing import Final

from cogread.errors import TileOutOfRange
from cogread.wrap import WRAPPERS
from server.documents.web_maps import picture_format, web_mercator
from server.http.reply import Reply
from server.layers.catalog import Catalog, Layer
from server.layers.grids import HALF_WORLD_M, WEB_MERCATOR
from server.layers.layer_version import IMAGE, OpenLayer
from server.tiles.request import NUMBER, TileRequest
from server.tiles.service import Tiles

SERVICE: Final = "/tms/1.0.0"
"""Path of the list of maps, which those of maps and tiles begin with."""
PROFILE: Final = "global-mercator"

_TILE: Final = re.compile(
    re.escape(SERVICE) + r"/([A-Za-z0-9_.-]{1,100})(?:@([A-Za-z0-9_.-]{1,64}))?"
    rf"/(0|[1-9][0-9]?)/({NUMBER})/({NUMBER})\.([a-z]{{1,8}})"
)
"""Layer, version, z, x, y, extension; z has two digits at most, since `2**z` is computed before the grid is known."""


@dataclass(frozen=True, slots=True)
class TileSet:
    """The tiles of one z."""

    z: int
    units_per_pixel: float


@dataclass(frozen=True, slots=True)
class TileMap:
    """The values of a map's document."""

    title: str
    attribution: str | None
    path: str
    """Of its tiles, below the server's root."""
    half_world: float
    tile_size: int
    extension: str
    media_type: str
    tile_sets: tuple[TileSet, ...]


def tile_map(layer: Layer, opened: OpenLayer) -> TileMap:
    """Describe a version of a layer.

    Raises:
        UnknownGrid: no level lies on the grid of web maps.
        FormatNotOffered: none of its formats is shown in browsers.
    """
    grid = web_mercator(opened)
    extension = picture_format(opened, grid)
    side = grid.matrices[0].tile_width
    sets = (TileSet(z, 2 * HALF_WORLD_M / side / 2**z) for z in range(grid.matrices[-1].z + 1))
    return TileMap(
        layer.config.title,
        layer.config.attribution,
        layer.path_of(opened).replace("/layers", SERVICE, 1),
        HALF_WORLD_M,
        side,
        extension,
        WRAPPERS[extension].media_type,
        tuple(sets),
    )


def serve_tile(path: str, catalog: Catalog, tiles: Tiles, if_none_match: str | None, *, is_head: bool) -> Reply | None:
    """Answer a request for a tile; None if the path is not that of one.

    Raises:
        ServerError: there is no such layer, or it is not aligned.
        CogError: the tile cannot be given.
    """
    match = _TILE.fullmatch(path)
    if match is None:
        return None
    name, version, extension = match[1], match[2], match[6]
    z, x, y = int(match[3]), int(match[4]), int(match[5])
    asked = TileRequest(
        name, version, IMAGE, WEB_MERCATOR, z, x, 2**z - 1 - y, extension, "", None, if_none_match, is_head
    )
    try:
        return tiles.serve(path, asked)
    except TileOutOfRange:
        layer = catalog[name]
        known = layer.known()
        grid = None if known is None else known.grids.web_mercator
        if grid is None or z > grid.matrices[-1].z or max(x, y) >= 2**z:
            raise
        policy = layer.headers if version is None else layer.immutable_headers
        is_error = layer.config.empty == "404"
        return Reply(404, [*policy, ("Content-Length", "0")], b"") if is_error else Reply(204, [*policy], b"")
