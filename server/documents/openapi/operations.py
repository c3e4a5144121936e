"""All operations, by tag and path."""

from typing import Final

from cogread.wrap import FILES, PICTURES, WRAPPERS
from server.documents import Json
from server.documents.ogc.links import JSON, OPENAPI
from server.documents.openapi.operation import (
    BINARY,
    DOCUMENT,
    FILE,
    LIST,
    TILE,
    Get,
    document,
    layer_page,
    list_page,
    page,
    tile,
    tiles,
)
from server.documents.openapi.parts import MASK_FORMATS, PARAMETERS
from server.documents.openapi.schemas import OBJECT, STRING, ref
from server.file.plan import MEDIA_TYPE

_XML: Final[Json] = {"application/xml": STRING}

_MEMBERS: Final = "member-limit after q bbox datetime"
"""Parameters of lists of the members of a collection."""

OPERATIONS: Final[dict[str, dict[str, Get]]] = {
    "OGC API": {
        "/": page(
            "getLandingPage", "Landing page of the API; for browsers a page with all layers", "", "LandingPage", LIST
        ),
        "/api": Get("getApi", "This document", "f-page", {OPENAPI: OBJECT, "text/html": STRING}, "304 400"),
        "/conformance": page("getConformance", "Requirements that the API meets", "", "Conformance", "304 400"),
        "/collections": list_page("getCollections", "A page of the layers, as collections", "Collections"),
        "/collections/{layer}": layer_page(
            "getCollection",
            "A layer, as a collection; or a collection of layers, with a page of them where they can be listed",
            f"layer {_MEMBERS}",
            "Collection",
        ),
        "/collections/{layer}/map/tiles": layer_page(
            "layer.collection.map.getTileSetsList", "The tilesets of a layer", "layer", "Tilesets"
        ),
        "/collections/{layer}/map/tiles/{grid}": layer_page(
            "layer.collection.map.getTileSet", "A tileset, with the addresses of its tiles", "layer grid", "Tileset"
        ),
        "/collections/{layer}/map/tiles/{grid}/{tileMatrix}/{tileRow}/{tileCol}": Get(
            "layer.collection.map.getTile",
            "A tile, its format negotiated",
            "layer grid tileMatrix tileRow tileCol f-tile",
            tiles(FILES),
            f"{TILE} 406",
        ),
        "/tileMatrixSets": list_page(
            "getTileMatrixSets",
            "The tile matrix sets that layers share, and a page of those of the layers' own grids",
            "TileMatrixSets",
        ),
        "/tileMatrixSets/{tileMatrixSetId}": layer_page(
            "getTileMatrixSet",
            "A tile matrix set; a layer's own is called `native.{layer}`",
            "tileMatrixSetId",
            "TileMatrixSet",
        ),
    },
    "Layers": {
        "/layers": page(
            "getLayers",
            "All layers, or those that match; with the reason for each that cannot be opened; with f=html a page",
            "q type crs format status",
            "Layers",
            LIST,
        ),
        "/layers/{layer}": page(
            "getLayer",
            "A layer with its properties; for browsers a page with a map. Or a collection, with a page of its members "
            "where they can be listed",
            f"versionedLayer {_MEMBERS}",
            "LayerOrCollection",
            DOCUMENT,
        ),
    },
    "Files": {
        "/layers/{layer}/cog.tif": Get(
            "getFile",
            "The file itself, whole or by byte ranges, or a redirect to its bucket",
            "versionedLayer",
            {MEDIA_TYPE: BINARY},
            f"206 302 304 404 412 416 {FILE}",
        ),
    },
    "Tiles": {
        "/layers/{layer}/tiles/{grid}/{z}/{x}/{y}.{format}": tile(
            "getTile", "A tile", "grid z x y tileFormat band predictor encoding", WRAPPERS
        ),
        "/layers/{layer}/tiles/{grid}/{z}/{x}/{y}": tile(
            "getPicture",
            "The lightest picture of a tile that loses nothing, transparent outside the image and where a mask hides "
            "pixels; of a tile that is all hidden, the same as of a sparse one",
            "grid z x y",
            PICTURES,
        ),
        "/layers/{layer}/mask/{grid}/{z}/{x}/{y}.{format}": tile(
            "getMask", "The mask of a tile", "grid z x y maskFormat predictor", MASK_FORMATS
        ),
    },
    "Web maps": {
        "/layers/{layer}/tilejson.json": document(
            "getTileJson",
            "A layer that is aligned to the grid of web maps, in TileJSON 3.0",
            {JSON: ref("TileJSON")},
            "encoding",
        )
    },
    "GDAL": {
        "/layers/{layer}/gdal.vrt": document("getGdalVrt", "The file as a dataset for GDAL and QGIS", _XML),
        "/layers/{layer}/gdal.xml": document(
            "getGdalXml", "The same for GDAL's WMS driver, where that driver reads the file correctly", _XML
        ),
    },
    "TMS": {
        "/tms": Get("getTileMapServices", "The versions of the service", "", _XML, "304 400"),
        "/tms/1.0.0": Get("getTileMapService", "All maps", "", _XML, LIST),
        "/tms/1.0.0/{layer}": document("getTileMap", "A map", _XML),
        "/tms/1.0.0/{layer}/{z}/{x}/{y}.{format}": tile(
            "getTileMapTile", "A tile, y counted from the bottom", "z x y pictureFormat", FILES
        ),
    },
    "WMTS": {
        "/wmts": Get(
            "getWmts",
            "WMTS 1.0.0 by key-value pairs, keys in any case",
            " ".join(name for name in PARAMETERS if name.startswith("wmts-")),
            _XML | tiles(FILES),
            "204 206 304 ows400 ows401 ows403 ows404 ows416 ows501 ows502 ows503 ows504",
        ),
        "/wmts/1.0.0/WMTSCapabilities.xml": Get(
            "getWmtsCapabilities",
            "The capabilities of all layers of the config, and of members of collections that are listed with them",
            "",
            _XML,
            f"{LIST} 406",
        ),
        "/layers/{layer}/wmts.xml": document(
            "getLayerCapabilities",
            "The capabilities of one layer, or of a page of the members of a collection",
            _XML,
            _MEMBERS,
        ),
        "/wmts/1.0.0/{layer}/{style}/{tileMatrixSetId}/{tileMatrix}/{row}/{col}.{format}": tile(
            "getWmtsTile", "A tile", "style tileMatrixSetId tileMatrix row col pictureFormat", FILES
        ),
        "/wmts/1.0.0/{layer}/{style}/{time}/{tileMatrixSetId}/{tileMatrix}/{row}/{col}.{format}": tile(
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
