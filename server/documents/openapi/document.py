"""All paths, and the document."""

from typing import Final

from cogread import __version__
from cogread.wrap import FILES, WRAPPERS
from server.documents import Json
from server.documents.ogc.links import JSON, OPENAPI
from server.documents.openapi.parts import MASK_FORMATS, ORIGIN, PARAMETERS, RESPONSES, operation
from server.documents.openapi.schemas import SCHEMAS, STRING, ref

_BINARY: Final[Json] = {"type": "string", "format": "binary"}
_OF_XML: Final[Json] = {"application/xml": STRING}
_LIST: Final = ("304", "400", "503")
_DOCUMENT: Final = ("302", "304", "400", "404", *ORIGIN)
_TILE: Final = ("204", "206", "304", "400", "empty404", "416", *ORIGIN)


def _pictures(*formats: str) -> Json:
    return {WRAPPERS[name].media_type: _BINARY for name in formats}


def _json(schema: str) -> Json:
    return {JSON: ref(schema)}


_XYZ: Final = ("versionedLayer", "grid", "z", "x", "y")
_TILESET: Final = ("layer", "grid")

PATHS: Final[Json] = {
    "/": operation(
        "getLandingPage",
        "OGC API",
        "Landing page of the API; for browsers a page with all layers",
        ("f-page",),
        {JSON: ref("LandingPage"), "text/html": STRING},
        _LIST,
    ),
    "/api": operation("getApi", "OGC API", "This document", ("f-json",), {OPENAPI: {"type": "object"}}, ("304", "400")),
    "/conformance": operation(
        "getConformance",
        "OGC API",
        "Requirements that the API meets",
        ("f-json",),
        _json("Conformance"),
        ("304", "400"),
    ),
    "/collections": operation(
        "getCollections",
        "OGC API",
        "A page of the layers, as collections",
        ("limit", "offset", "f-json"),
        _json("Collections"),
        _LIST,
    ),
    "/collections/{layer}": operation(
        "getCollection",
        "OGC API",
        "A layer, as a collection",
        ("layer", "f-json"),
        _json("Collection"),
        ("304", "400", "404", *ORIGIN),
    ),
    "/collections/{layer}/map/tiles": operation(
        "layer.collection.map.getTileSetsList",
        "OGC API",
        "The tilesets of a layer",
        ("layer", "f-json"),
        _json("Tilesets"),
        ("304", "400", "404", *ORIGIN),
    ),
    "/collections/{layer}/map/tiles/{grid}": operation(
        "layer.collection.map.getTileSet",
        "OGC API",
        "A tileset, with the addresses of its tiles",
        (*_TILESET, "f-json"),
        _json("Tileset"),
        ("304", "400", "404", *ORIGIN),
    ),
    "/collections/{layer}/map/tiles/{grid}/{tileMatrix}/{tileRow}/{tileCol}": operation(
        "layer.collection.map.getTile",
        "OGC API",
        "A tile, its format negotiated",
        (*_TILESET, "tileMatrix", "tileRow", "tileCol", "f-tile"),
        _pictures(*FILES),
        (*_TILE, "406"),
    ),
    "/tileMatrixSets": operation(
        "getTileMatrixSets",
        "OGC API",
        "The tile matrix sets that layers share, and a page of those of the layers' own grids",
        ("limit", "offset", "f-json"),
        _json("TileMatrixSets"),
        _LIST,
    ),
    "/tileMatrixSets/{tileMatrixSetId}": operation(
        "getTileMatrixSet",
        "OGC API",
        "A tile matrix set; a layer's own is called `native.{layer}`",
        ("tileMatrixSetId", "f-json"),
        _json("TileMatrixSet"),
        ("304", "400", "404", *ORIGIN),
    ),
    "/layers": operation(
        "getLayers",
        "Layers",
        "All layers, with the reason for each that cannot be opened; with f=html a page",
        ("f-page",),
        {JSON: ref("Layers"), "text/html": STRING},
        _LIST,
    ),
    "/layers/{layer}": operation(
        "getLayer",
        "Layers",
        "A layer with its properties; for browsers a page with a map",
        ("versionedLayer", "f-page"),
        {JSON: ref("Layer"), "text/html": STRING},
        _DOCUMENT,
    ),
    "/layers/{layer}/tiles/{grid}/{z}/{x}/{y}.{format}": operation(
        "getTile",
        "Tiles",
        "A tile",
        (*_XYZ, "tileFormat", "band", "predictor", "encoding"),
        _pictures(*WRAPPERS),
        ("302", *_TILE),
    ),
    "/layers/{layer}/mask/{grid}/{z}/{x}/{y}.{format}": operation(
        "getMask",
        "Tiles",
        "The mask of a tile",
        (*_XYZ, "maskFormat", "predictor"),
        _pictures(*MASK_FORMATS),
        ("302", *_TILE),
    ),
    "/layers/{layer}/tilejson.json": operation(
        "getTileJson",
        "Web maps",
        "A layer that is aligned to the grid of web maps, in TileJSON 3.0",
        ("versionedLayer", "encoding"),
        _json("TileJSON"),
        _DOCUMENT,
    ),
    "/layers/{layer}/gdal.vrt": operation(
        "getGdalVrt", "GDAL", "The file as a dataset for GDAL and QGIS", ("versionedLayer",), _OF_XML, _DOCUMENT
    ),
    "/layers/{layer}/gdal.xml": operation(
        "getGdalXml",
        "GDAL",
        "The same for GDAL's WMS driver, where that driver reads the file correctly",
        ("versionedLayer",),
        _OF_XML,
        _DOCUMENT,
    ),
    "/tms": operation("getTileMapServices", "TMS", "The versions of the service", (), _OF_XML, ("304", "400")),
    "/tms/1.0.0": operation("getTileMapService", "TMS", "All maps", (), _OF_XML, _LIST),
    "/tms/1.0.0/{layer}": operation("getTileMap", "TMS", "A map", ("versionedLayer",), _OF_XML, _DOCUMENT),
    "/tms/1.0.0/{layer}/{z}/{x}/{y}.{format}": operation(
        "getTileMapTile",
        "TMS",
        "A tile, y counted from the bottom",
        ("versionedLayer", "z", "x", "y", "pictureFormat"),
        _pictures(*FILES),
        ("302", *_TILE),
    ),
    "/wmts": operation(
        "getWmts",
        "WMTS",
        "WMTS 1.0.0 by key-value pairs, keys in any case",
        tuple(name for name in PARAMETERS if name.startswith("wmts-")),
        {**_OF_XML, **_pictures(*FILES)},
        ("204", "206", "304", "ows400", "ows404", "ows416", "ows501", "ows502", "ows503", "ows504"),
    ),
    "/wmts/1.0.0/WMTSCapabilities.xml": operation(
        "getWmtsCapabilities", "WMTS", "The capabilities of all layers", (), _OF_XML, (*_LIST, "406")
    ),
    "/wmts/1.0.0/{layer}/{style}/{tileMatrixSetId}/{tileMatrix}/{row}/{col}.{format}": operation(
        "getWmtsTile",
        "WMTS",
        "A tile",
        ("versionedLayer", "style", "tileMatrixSetId", "tileMatrix", "row", "col", "pictureFormat"),
        _pictures(*FILES),
        ("302", *_TILE),
    ),
    "/health/live": operation("getLive", "Operations", "The process answers", (), _json("Health"), ()),
    "/health/ready": operation("getReady", "Operations", "The worker can serve", (), _json("Health"), ()),
}
"""Paths in the order of the document."""


def document(title: str, base_url: str) -> Json:
    """The description of a server.

    Args:
        title: the server's.
        base_url: beginning of the URLs of its paths.
    """
    return {
        "openapi": "3.0.3",
        "info": {
            "title": title,
            "version": __version__,
            "description": "Cloud Optimized GeoTIFFs, whose tiles are served as they are stored.",
            "license": {"name": "MIT"},
        },
        "servers": [{"url": base_url}],
        "tags": [
            {"name": name} for name in ("OGC API", "Layers", "Tiles", "Web maps", "GDAL", "TMS", "WMTS", "Operations")
        ],
        "paths": PATHS,
        "components": {"schemas": SCHEMAS, "parameters": PARAMETERS, "responses": RESPONSES},
    }
