"""Tiles in the terms of WMTS, by a path or by key-value pairs: the tiles of XYZ URLs by other names."""

from dataclasses import replace
from typing import Final

from cogread.errors import FormatNotOffered, TileOutOfRange
from server.documents.pictures import MEDIA_TYPES
from server.documents.wmts.exceptions import OwsError
from server.documents.wmts.kvp import GET_TILE, operation, pairs_of, tile_address
from server.documents.wmts.names import VARIANTS, grid_of, shares_web_mercator, unknown_set
from server.http.errors import BadRequest, UnknownGrid, UnknownLayer, UnknownTime
from server.http.reply import Reply
from server.layers.catalog import Catalog
from server.layers.grids import WEB_MERCATOR
from server.tiles.request import WMTS, WMTS_TIME, TileAddress, TileRequest
from server.tiles.service import Tiles

_LOCATORS: Final[dict[type[Exception], str]] = {
    UnknownLayer: "Layer",
    UnknownGrid: "TileMatrixSet",
    UnknownTime: "Time",
    BadRequest: "Time",
    FormatNotOffered: "Format",
}
"""Error -> the parameter that is wrong."""


class WmtsTiles:
    """Replies to requests for tiles in the terms of WMTS. Thread-safe."""

    def __init__(self, catalog: Catalog, tiles: Tiles) -> None:
        self._catalog, self._tiles = catalog, tiles

    def serve(self, request: TileRequest, address: TileAddress) -> Reply:
        """Reply to a request in the terms of WMTS; see `Tiles.serve`."""
        self._catalog.check(address.layer, request.caller)
        if address.format not in MEDIA_TYPES:
            raise FormatNotOffered(f"format {address.format!r}: wanted one of: {', '.join(MEDIA_TYPES)}")
        if address.template is WMTS_TIME and self._catalog.series(address.layer) is None:
            raise UnknownTime(f"layer {address.layer!r} has no time")
        grid = grid_of(address.layer, address.grid)
        if grid == WEB_MERCATOR:
            self._check_shared(request, address)
        variant = VARIANTS.get(address.format, address.format)
        return self._tiles.serve(request, address._replace(grid=grid, format=variant))

    def serve_query(self, request: TileRequest, query: str) -> Reply | None:
        """Reply to a request by key-value pairs; None if it is not GetTile. Its plan is that of the path.

        Raises:
            OwsError: the request is invalid, or there is no such tile.
            CogError: the tile cannot be given.
        """
        pairs = pairs_of(query)
        if operation(pairs) != GET_TILE:
            return None
        address = tile_address(pairs)
        by_path = replace(request, key=address.path(WMTS))
        try:
            _ = self._catalog.layer(address.layer, request.caller)
            return self._tiles.serve_cached(by_path) or self.serve(by_path, address)
        except TileOutOfRange as error:
            raise self._out_of_range(by_path, address, str(error)) from error
        except tuple(_LOCATORS) as error:
            raise OwsError("InvalidParameterValue", str(error), _LOCATORS[type(error)]) from error

    def _check_shared(self, request: TileRequest, address: TileAddress) -> None:
        opened = self._catalog.layer(address.layer, request.caller).open(request.deadline())
        if not shares_web_mercator(opened.grids):
            raise unknown_set(address.layer, address.grid)

    def _out_of_range(self, request: TileRequest, address: TileAddress, message: str) -> OwsError:
        """The exception that names the number (OGC 07-057r7, table 24)."""
        opened = self._catalog.layer(address.layer, request.caller).open(request.deadline())
        matrix = opened.grids.named(grid_of(address.layer, address.grid)).by_z.get(address.z)
        if matrix is None:
            return OwsError("InvalidParameterValue", message, "TileMatrix")
        is_row = not matrix.min_y <= address.y <= matrix.max_y
        return OwsError("TileOutOfRange", message, "TileRow" if is_row else "TileCol")
