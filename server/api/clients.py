"""`/layers/{layer}/tilejson.json`, `/layers/{layer}/gdal.xml`: layers in the words of web maps, and of GDAL."""

import msgspec
from flask import Blueprint, Response, render_template

from server.api.versioned import versioned
from server.catalog import Layer
from server.documents.tilejson import tilejson
from server.open_layer import OpenLayer

blueprint = Blueprint("clients", __name__)


@blueprint.get("/layers/<name>/tilejson.json")
def tilejson_document(name: str) -> Response:
    """For MapLibre, Leaflet, OpenLayers and others that show web maps."""
    return versioned(name, "/layers/{}/tilejson.json", _tilejson, "application/json")


@blueprint.get("/layers/<name>/gdal.xml")
def gdal_document(name: str) -> Response:
    """For GDAL, and what is built on it."""
    return versioned(name, "/layers/{}/gdal.xml", _gdal, "application/xml")


def _tilejson(layer: Layer, opened: OpenLayer, root: str) -> bytes:
    return msgspec.json.encode(tilejson(layer, opened, root))


def _gdal(layer: Layer, opened: OpenLayer, root: str) -> bytes:
    from server.documents.gdal_wms import gdal_wms  # noqa: PLC0415 - PROJ takes 0.1 s to load

    return render_template("gdal_wms.xml", about=gdal_wms(layer, opened), root=root).encode()
