"""Tile Map Service 1.0.0 (wiki.osgeo.org/wiki/Tile_Map_Service_Specification) of layers that are aligned to web maps.

A map is the whole square of web maps, in which y counts from the bottom. GDAL counts tiles from the corner of the
bounding box in the document and wants tile sets from z 0 on, so the document has all of the square; where the layer has
no tile, the tile is empty, like a sparse one.
"""

from typing import Final

from cogread.errors import TileOutOfRange
from cogread.refusal import Refusal
from server.documents.pictures import CUT_OUT, MEDIA_TYPES, service_picture
from server.documents.templates import rendered
from server.documents.web_maps import no_pictures, web_map_refusal, web_mercator
from server.http.public_urls import Links
from server.http.reply import Reply
from server.layers.catalog import Catalog
from server.layers.grids import HALF_WORLD_M, MAX_Z, WEB_MERCATOR
from server.layers.layer import Layer
from server.layers.layer_version import LayerVersion
from server.tiles.request import TileAddress, TileRequest
from server.tiles.service import Tiles

SERVICE: Final = "/tms/1.0.0"
"""Path of the list of maps; start of the paths of maps and tiles."""
PROFILE: Final = "global-mercator"


def tile_map(layer: Layer, opened: LayerVersion, links: Links) -> bytes:
    """The document of a version of a layer; `links` makes its URLs.

    Raises:
        UnknownGrid: no level lies on the grid of web maps.
        FormatNotOffered: browsers show none of its formats.
    """
    grid = web_mercator(opened)
    extension = service_picture(opened, (matrix.level for matrix in grid.matrices))
    if extension is None:
        raise no_pictures(opened, grid)
    side = grid.matrices[0].tile_width
    path = layer.versioned_path(opened).replace("/layers", SERVICE, 1)
    zooms = range(grid.matrices[-1].z + 1)
    return rendered(
        "tms_map.xml",
        title=layer.config.title,
        attribution=layer.config.attribution.text if layer.config.attribution else None,
        service=links.prefix + SERVICE,
        profile=PROFILE,
        half_world=HALF_WORLD_M,
        tile_size=side,
        extension=extension,
        media_type=MEDIA_TYPES[extension],
        tile_sets=[(links.to(f"{path}/{z}"), 2 * HALF_WORLD_M / side / 2**z) for z in zooms],
    ).encode()


def tms_refusal(opened: LayerVersion) -> Refusal | None:
    """Refuse a layer that is not aligned, or whose levels have no format in common that browsers show."""
    grid = opened.grids.web_mercator
    if grid is None or service_picture(opened, (matrix.level for matrix in grid.matrices)) is not None:
        return web_map_refusal(opened)
    return Refusal("its levels have no format in common that browsers show")


class TmsTiles:
    """Replies to requests for tiles in the terms of TMS. Thread-safe."""

    def __init__(self, catalog: Catalog, tiles: Tiles) -> None:
        self._catalog, self._tiles = catalog, tiles

    def serve(self, request: TileRequest, address: TileAddress) -> Reply:
        """Reply to a request in the terms of TMS; see `Tiles.serve`."""
        z, x, y = address.z, address.x, address.y
        is_inside = z <= MAX_Z and max(x, y) < 2**z
        try:
            y, extension = 2**z - 1 - y if is_inside else y, CUT_OUT.get(address.format, address.format)
            return self._tiles.serve(request, address._replace(grid=WEB_MERCATOR, y=y, format=extension))
        except TileOutOfRange:
            layer = self._catalog.layer(address.layer, request.caller)
            opened = layer.last_version()
            grid = None if opened is None else opened.grids.web_mercator
            if grid is None or z > grid.matrices[-1].z or not is_inside:
                raise
            policy = layer.headers if address.version is None else layer.immutable_headers
            is_error = layer.config.empty == "404"
            return Reply(404, [*policy, ("Content-Length", "0")], b"") if is_error else Reply(204, [*policy], b"")
