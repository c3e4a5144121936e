"""`/layers/{layer}/tilejson.json`, `gdal.vrt` and `gdal.xml`: layers in the words of web maps, and of GDAL."""

from functools import partial

import msgspec
from flask import Response, request

from cogread.byterange import ByteRange
from cogread.deadline import Deadline
from server.documents.gdal.vrt import gdal_vrt
from server.documents.gdal.wms import gdal_wms
from server.documents.templates import rendered
from server.documents.tilejson import tilejson
from server.http.reply import ACCEPT_RANGES, Reply
from server.layers.catalog import Layer
from server.layers.layer_version import LayerVersion
from server.tiles.options import named_terrain
from server.tiles.request import BUDGET_S
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
    document = versioned(name, "/layers/{}/gdal.vrt", _gdal_vrt, "application/xml")
    return tile_response(Reply(document.status_code, [*document.headers.items(), ACCEPT_RANGES], document.get_data()))


def gdal_wms_document(name: str) -> Response:
    """The description for GDAL's WMS driver, where that driver reads the layer correctly."""
    return versioned(name, "/layers/{}/gdal.xml", _gdal_wms, "application/xml")


def _tilejson(layer: Layer, opened: LayerVersion, base_url: str, encoding: str | None) -> bytes:
    return msgspec.json.encode(tilejson(layer, opened, base_url, encoding))


def _gdal_vrt(layer: Layer, opened: LayerVersion, base_url: str) -> bytes:
    deadline = Deadline.after(BUDGET_S)

    def read(wanted: ByteRange) -> bytes:
        return layer.source.read(wanted, opened.cog.version, deadline).data

    return gdal_vrt(layer, opened, base_url, read).encode()


def _gdal_wms(layer: Layer, opened: LayerVersion, base_url: str) -> bytes:
    about = gdal_wms(layer, opened, f"{base_url}{layer.path}/gdal.vrt")
    return rendered("gdal_wms.xml", about=about, base_url=base_url).encode()
