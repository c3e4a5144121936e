"""The table of contents: every URL of the server with the function or service that replies to it."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from flask import Response

from server.documents.tms import TmsTiles
from server.documents.wmts.tiles import WmtsTiles
from server.tiles.request import TMS, WMTS, XYZ, XYZ_MASK
from server.tiles.service import Tiles
from server.web import (
    access,
    file,
    health,
    layers,
    metrics,
    ogc_api,
    ogc_tiles,
    static,
    tilejson_and_gdal,
    tiles,
    tms,
    wmts,
)

TILE_URLS: Final[Mapping[str, type[Tiles | WmtsTiles | TmsTiles]]] = {
    "/layers/{layer}/tiles/{grid}/{z}/{x}/{y}.{format}": Tiles,
    "/layers/{layer}/tiles/{grid}/{z}/{x}/{y}": Tiles,
    "/layers/{layer}/mask/{grid}/{z}/{x}/{y}.{format}": Tiles,
    "/wmts/1.0.0/{layer}/default/{grid}/{z}/{y}/{x}.{format}": WmtsTiles,
    "/wmts/1.0.0/{layer}/default/{time}/{grid}/{z}/{y}/{x}.{format}": WmtsTiles,
    "/tms/1.0.0/{layer}/{z}/{x}/{y}.{format}": TmsTiles,
}
"""URLs of `server.tiles.request` that `tile_middleware` serves, with GetTile of `/wmts`, by `WmtsTiles`."""

URLS: Final[Mapping[str, Callable[..., Response]]] = {
    "/": layers.index,
    "/layers": layers.layers,
    "/layers/<name>": layers.layer,
    "/layers/<name>/cog.tif": file.cog,
    "/layers/<name>/tilejson.json": tilejson_and_gdal.tilejson_document,
    "/layers/<name>/gdal.vrt": tilejson_and_gdal.gdal_vrt_document,
    "/layers/<name>/gdal.xml": tilejson_and_gdal.gdal_wms_document,
    "/layers/<name>/wmts.xml": wmts.layer_capabilities,
    "/layers/<name>/tiles/<path:rest>": partial(tiles.malformed, template=XYZ),
    "/layers/<name>/mask/<path:rest>": partial(tiles.malformed, template=XYZ_MASK),
    "/wmts": wmts.queries,
    "/wmts/1.0.0/WMTSCapabilities.xml": wmts.capabilities,
    "/wmts/1.0.0/<name>/<path:rest>": partial(tiles.malformed, template=WMTS),
    "/tms": tms.services,
    "/tms/1.0.0": tms.service,
    "/tms/1.0.0/<name>": tms.tile_map_document,
    "/tms/1.0.0/<name>/<path:rest>": partial(tiles.malformed, template=TMS),
    "/conformance": ogc_api.conformance,
    "/collections": ogc_api.collections,
    "/collections/<name>": ogc_api.collection,
    "/collections/<name>/map/tiles": ogc_api.tilesets,
    "/collections/<name>/map/tiles/<grid>": ogc_api.tileset,
    "/collections/<name>/map/tiles/<grid>/<z>/<row>/<col>": ogc_tiles.tile,
    "/tileMatrixSets": ogc_api.tile_matrix_sets,
    "/tileMatrixSets/<name>": ogc_api.tile_matrix_set,
    "/api": ogc_api.api,
    "/access/<rest:rest>": access.check,
    "/health/live": health.live,
    "/health/ready": health.ready,
    "/metrics": metrics.metrics,
    "/static/<digest>/<path:name>": static.static_file,
    "/favicon.ico": static.favicon,
}
"""Rules of Flask -> views of GET and HEAD."""

STRICT: Final = frozenset(
    {
        "/",
        "/layers/<name>/cog.tif",
        "/metrics",
        "/collections/<name>/map/tiles/<grid>/<z>/<row>/<col>",
        "/static/<digest>/<path:name>",
    }
)
"""Rules that do not match with a slash at the end: `/`, tiles, files and what proxies keep inside."""
