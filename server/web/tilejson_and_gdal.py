"""`/layers/{layer}/tilejson.json`, `gdal.vrt` and `gdal.xml`: layers in the words of web maps, and of GDAL."""

from functools import partial

import msgspec
from flask import Response, request

from server.documents.gdal.vrt import gdal_vrt
from server.documents.gdal.wms import gdal_wms
from server.documents.tilejson import tilejson
from server.http.public_urls import Links
from server.http.reply import ACCEPT_RANGES, Reply
from server.layers.layer import Layer
from server.layers.layer_version import LayerVersion
from server.tiles.options import named_terrain
from server.web.replies import tile_response
from server.web.versioned import versioned


def tilejson_document(name: str) -> Response:
    """TileJSON for MapLibre, Leaflet, OpenLayers and other web maps: of pictures, or of terrain in an encoding."""
    path, encoding = "/layers/{}/tilejson.json", request.args.get("encoding")
    if encoding is not None:
        _ = named_terrain(encoding)
        path += f"?encoding={encoding}"
    return versioned(name, path, partial(_tilejson, encoding=encoding), "application/json")


def gdal_vrt_document(name: str) -> Response:
    """The file as a dataset for GDAL and the programs built on it; `/vsicurl/` reads it by ranges."""
    document = versioned(name, "/layers/{}/gdal.vrt", gdal_vrt, "application/xml")
    if "Range" not in request.headers:
        document.headers.add(*ACCEPT_RANGES)
        return document
    return tile_response(Reply(document.status_code, [*document.headers.items(), ACCEPT_RANGES], document.get_data()))


def gdal_wms_document(name: str) -> Response:
    """The description for GDAL's WMS driver, where that driver reads the layer correctly."""
    return versioned(name, "/layers/{}/gdal.xml", gdal_wms, "application/xml")


def _tilejson(layer: Layer, opened: LayerVersion, links: Links, encoding: str | None) -> bytes:
    return msgspec.json.encode(tilejson(layer, opened, links, encoding))
