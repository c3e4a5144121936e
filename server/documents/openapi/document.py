"""All operations by tag and path, and the document."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from cogread import __version__
from cogread.wrap import FILES, PICTURES, WRAPPERS
from server.documents import Json
from server.documents.ogc.links import JSON, OPENAPI
from server.documents.openapi.parts import MASK_FORMATS, PARAMETERS, RESPONSES, SECURITY, SECURITY_SCHEMES
from server.documents.openapi.schemas import OBJECT, SCHEMAS, STRING, ref
from server.file.plan import MEDIA_TYPE

_XML: Final[Json] = {"application/xml": STRING}
_BINARY: Final[Json] = STRING | {"format": "binary"}
_LIST: Final = "304 400 401 503"
_FILE: Final = "401 403 502 503 504"
"""Statuses of operations that read the file of a layer."""
_DOCUMENT: Final = f"302 304 400 404 {_FILE}"
_TILE: Final = f"204 206 304 400 empty404 416 {_FILE}"

_MEMBERS: Final = "member-limit after q bbox datetime"
"""Parameters of lists of the members of a collection."""


class Get(NamedTuple):
    """The GET of a path; names of parameters and replies are separated by spaces."""

    operation_id: str
    summary: str
    parameters: str
    """Names in PARAMETERS."""
    content: Json
    """Media type -> schema of the reply with status 200."""
    statuses: str = ""
    """Other replies, by their names in RESPONSES."""

    def path_item(self, tag: str) -> Json:
        """The object of the path in the document; `tag` is the family of endpoints."""
        content = {media_type: {"schema": schema} for media_type, schema in self.content.items()}
        responses: Json = {"200": {"description": self.summary, "content": content}}
        responses |= {name[-3:]: {"$ref": f"#/components/responses/{name}"} for name in self.statuses.split()}
        get: Json = {"operationId": self.operation_id, "tags": [tag], "summary": self.summary, "responses": responses}
        if self.parameters:
            get["parameters"] = [{"$ref": f"#/components/parameters/{name}"} for name in self.parameters.split()]
        return {"get": get}


def _tiles(formats: Iterable[str]) -> Json:
    return dict.fromkeys((WRAPPERS[name].media_type for name in formats), _BINARY)


def _list(operation_id: str, summary: str, schema: str) -> Get:
    """A page of a list."""
    return _page(operation_id, summary, "limit offset", schema, _LIST)


def _facts(operation_id: str, summary: str, parameters: str, schema: str) -> Get:
    """A description of a layer."""
    return _page(operation_id, summary, parameters, schema, f"304 400 404 {_FILE}")


def _page(operation_id: str, summary: str, parameters: str, schema: str, statuses: str) -> Get:
    """A description in JSON, and a page for browsers."""
    return Get(operation_id, summary, f"{parameters} f-page", {JSON: ref(schema), "text/html": STRING}, statuses)


def _document(operation_id: str, summary: str, content: Json, parameters: str = "") -> Get:
    """A document of a layer that clients open."""
    return Get(operation_id, summary, f"versionedLayer {parameters}", content, _DOCUMENT)


def _tile(operation_id: str, summary: str, parameters: str, formats: Iterable[str]) -> Get:
    return Get(operation_id, summary, f"versionedLayer {parameters}", _tiles(formats), f"302 {_TILE}")


_OPERATIONS: Final[dict[str, dict[str, Get]]] = {
    "OGC API": {
        "/": _page(
            "getLandingPage", "Landing page of the API; for browsers a page with all layers", "", "LandingPage", _LIST
        ),
        "/api": Get("getApi", "This document", "f-page", {OPENAPI: OBJECT, "text/html": STRING}, "304 400"),
        "/conformance": _page("getConformance", "Requirements that the API meets", "", "Conformance", "304 400"),
        "/collections": _list("getCollections", "A page of the layers, as collections", "Collections"),
        "/collections/{layer}": _facts(
            "getCollection",
            "A layer, as a collection; or a collection of layers, with a page of them where they can be listed",
            f"layer {_MEMBERS}",
            "Collection",
        ),
        "/collections/{layer}/map/tiles": _facts(
            "layer.collection.map.getTileSetsList", "The tilesets of a layer", "layer", "Tilesets"
        ),
        "/collections/{layer}/map/tiles/{grid}": _facts(
            "layer.collection.map.getTileSet", "A tileset, with the addresses of its tiles", "layer grid", "Tileset"
        ),
        "/collections/{layer}/map/tiles/{grid}/{tileMatrix}/{tileRow}/{tileCol}": Get(
            "layer.collection.map.getTile",
            "A tile, its format negotiated",
            "layer grid tileMatrix tileRow tileCol f-tile",
            _tiles(FILES),
            f"{_TILE} 406",
        ),
        "/tileMatrixSets": _list(
            "getTileMatrixSets",
            "The tile matrix sets that layers share, and a page of those of the layers' own grids",
            "TileMatrixSets",
        ),
        "/tileMatrixSets/{tileMatrixSetId}": _facts(
            "getTileMatrixSet",
            "A tile matrix set; a layer's own is called `native.{layer}`",
            "tileMatrixSetId",
            "TileMatrixSet",
        ),
    },
    "Layers": {
        "/layers": _page(
            "getLayers",
            "All layers, or those that match; with the reason for each that cannot be opened; with f=html a page",
            "q type crs format status",
            "Layers",
            _LIST,
        ),
        "/layers/{layer}": _page(
            "getLayer",
            "A layer with its properties; for browsers a page with a map. Or a collection, with a page of its members "
            "where they can be listed",
            f"versionedLayer {_MEMBERS}",
            "LayerOrCollection",
            _DOCUMENT,
        ),
    },
    "Files": {
        "/layers/{layer}/cog.tif": Get(
            "getFile",
            "The file itself, whole or by byte ranges, or a redirect to its bucket",
            "versionedLayer",
            {MEDIA_TYPE: _BINARY},
            f"206 302 304 404 412 416 {_FILE}",
        ),
    },
    "Tiles": {
        "/layers/{layer}/tiles/{grid}/{z}/{x}/{y}.{format}": _tile(
            "getTile", "A tile", "grid z x y tileFormat band predictor encoding", WRAPPERS
        ),
        "/layers/{layer}/tiles/{grid}/{z}/{x}/{y}": _tile(
            "getPicture",
            "The lightest picture of a tile that loses nothing, transparent outside the image and where a mask hides "
            "pixels; of a tile that is all hidden, the same as of a sparse one",
            "grid z x y",
            PICTURES,
        ),
        "/layers/{layer}/mask/{grid}/{z}/{x}/{y}.{format}": _tile(
            "getMask", "The mask of a tile", "grid z x y maskFormat predictor", MASK_FORMATS
        ),
    },
    "Web maps": {
        "/layers/{layer}/tilejson.json": _document(
            "getTileJson",
            "A layer that is aligned to the grid of web maps, in TileJSON 3.0",
            {JSON: ref("TileJSON")},
            "encoding",
        )
    },
    "GDAL": {
        "/layers/{layer}/gdal.vrt": _document("getGdalVrt", "The file as a dataset for GDAL and QGIS", _XML),
        "/layers/{layer}/gdal.xml": _document(
            "getGdalXml", "The same for GDAL's WMS driver, where that driver reads the file correctly", _XML
        ),
    },
    "TMS": {
        "/tms": Get("getTileMapServices", "The versions of the service", "", _XML, "304 400"),
        "/tms/1.0.0": Get("getTileMapService", "All maps", "", _XML, _LIST),
        "/tms/1.0.0/{layer}": _document("getTileMap", "A map", _XML),
        "/tms/1.0.0/{layer}/{z}/{x}/{y}.{format}": _tile(
            "getTileMapTile", "A tile, y counted from the bottom", "z x y pictureFormat", FILES
        ),
    },
    "WMTS": {
        "/wmts": Get(
            "getWmts",
            "WMTS 1.0.0 by key-value pairs, keys in any case",
            " ".join(name for name in PARAMETERS if name.startswith("wmts-")),
            _XML | _tiles(FILES),
            "204 206 304 ows400 ows401 ows403 ows404 ows416 ows501 ows502 ows503 ows504",
        ),
        "/wmts/1.0.0/WMTSCapabilities.xml": Get(
            "getWmtsCapabilities",
            "The capabilities of all layers of the config, and of members of collections that are listed with them",
            "",
            _XML,
            f"{_LIST} 406",
        ),
        "/layers/{layer}/wmts.xml": _document(
            "getLayerCapabilities",
            "The capabilities of one layer, or of a page of the members of a collection",
            _XML,
            _MEMBERS,
        ),
        "/wmts/1.0.0/{layer}/{style}/{tileMatrixSetId}/{tileMatrix}/{row}/{col}.{format}": _tile(
            "getWmtsTile", "A tile", "style tileMatrixSetId tileMatrix row col pictureFormat", FILES
        ),
        "/wmts/1.0.0/{layer}/{style}/{time}/{tileMatrixSetId}/{tileMatrix}/{row}/{col}.{format}": _tile(
            "getWmtsTileOfTime",
            "A tile of a time, of a collection that is one layer in time",
            "style time tileMatrixSetId tileMatrix row col pictureFormat",
            FILES,
        ),
    },
    "Operations": {
        "/health/live": Get("getLive", "The process answers", "", {JSON: ref("Health")}),
        "/health/ready": Get("getReady", "The worker can serve", "", {JSON: ref("Health")}, "health503"),
        "/metrics": Get(
            "getMetrics",
            "Metrics of all workers for Prometheus",
            "",
            {"text/plain": STRING, "application/openmetrics-text": STRING},
            "404",
        ),
    },
}
"""Tag -> path -> operation, in the order of the document."""

PATHS: Final[Json] = {
    path: get.path_item(tag) for tag, operations in _OPERATIONS.items() for path, get in operations.items()
}


def document(title: str, base_url: str, has_metrics: bool) -> Json:
    """The description of a server.

    Args:
        title: the server's.
        base_url: beginning of the URLs of its paths.
        has_metrics: the server has `/metrics`.
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
        "tags": [{"name": name} for name in _OPERATIONS],
        "paths": {path: item for path, item in PATHS.items() if has_metrics or path != "/metrics"},
        "security": SECURITY,
        "components": {
            "schemas": SCHEMAS,
            "parameters": PARAMETERS,
            "responses": RESPONSES,
            "securitySchemes": SECURITY_SCHEMES,
        },
    }
