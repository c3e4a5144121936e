"""Parameters and replies of operations, and the function that composes an operation."""

from typing import Any, Final

from cogread.wrap import FILES, TERRAIN, WRAPPERS
from server.documents import Json
from server.documents.openapi.schemas import ref
from server.layers.grids import NATIVE, WEB_MERCATOR
from server.settings.load import LAYER_NAME
from server.tiles.request import NUMBER, VERSION

NAME: Final = f"^{LAYER_NAME.pattern}$"
_VERSIONED: Final = f"^{LAYER_NAME.pattern}(@{VERSION})?$"

MASK_FORMATS: Final = tuple(extension for extension, wrapper in WRAPPERS.items() if wrapper.is_for_masks)


def _parameter(name: str, place: str, description: str, schema: Json, example: Any = None) -> Json:
    parameter = {"name": name, "in": place, "required": place == "path", "description": description, "schema": schema}
    return parameter if example is None else {**parameter, "example": example}


def _number(name: str, description: str, most: int = 2**31) -> Json:
    return _parameter(name, "path", description, {"type": "integer", "minimum": 0, "maximum": most}, 0)


_GRIDS: Final[Json] = {"type": "string", "enum": [NATIVE, WEB_MERCATOR]}
_GRID_TEXT: Final = (
    f"`{NATIVE}`: the grid of the file; `{WEB_MERCATOR}`: the grid of web maps, for layers that are aligned to it"
)


def _format(place: str, names: tuple[str, ...], description: str) -> Json:
    name = "f" if place == "query" else "format"
    return _parameter(name, place, description, {"type": "string", "enum": list(names)})


def _key(name: str, description: str, schema: Json, *, is_required: bool = False) -> Json:
    return {**_parameter(name, "query", description, schema), "required": is_required}


_NAMES: Final[Json] = {"type": "string", "pattern": NAME}
_OF_TILES: Final = "Of GetTile: "

_WMTS: Final[dict[str, Json]] = {
    "wmts-service": _key("service", "The service", {"type": "string", "enum": ["WMTS"]}, is_required=True),
    "wmts-request": _key(
        "request", "The operation", {"type": "string", "enum": ["GetCapabilities", "GetTile"]}, is_required=True
    ),
    "wmts-version": _key("version", f"{_OF_TILES}the version", {"type": "string", "enum": ["1.0.0"]}),
    "wmts-layer": _key("layer", f"{_OF_TILES}name of a layer", _NAMES),
    "wmts-style": _key("style", f"{_OF_TILES}the style", {"type": "string", "enum": ["default"]}),
    "wmts-format": _key(
        "format", f"{_OF_TILES}media type", {"type": "string", "enum": [WRAPPERS[name].media_type for name in FILES]}
    ),
    "wmts-set": _key("tilematrixset", f"{_OF_TILES}name of a tile matrix set", _NAMES),
    "wmts-matrix": _key("tilematrix", f"{_OF_TILES}identifier of a tile matrix", {"type": "string"}),
    "wmts-row": _key("tilerow", f"{_OF_TILES}row, 0 the uppermost", {"type": "integer", "minimum": 0}),
    "wmts-col": _key("tilecol", f"{_OF_TILES}column, 0 the leftmost", {"type": "integer", "minimum": 0}),
    "style": _parameter("style", "path", "The style", {"type": "string", "enum": ["default"]}),
}

PARAMETERS: Final[dict[str, Json]] = {
    **_WMTS,
    "layer": _parameter("layer", "path", "Name of a layer", {"type": "string", "pattern": NAME}),
    "versionedLayer": _parameter(
        "layer",
        "path",
        "Name of a layer; with `@` and a version behind it, the reply never changes",
        {"type": "string", "pattern": _VERSIONED},
    ),
    "grid": _parameter("grid", "path", _GRID_TEXT, _GRIDS),
    "z": _number("z", "Level, 0 the coarsest of the grid", 30),
    "x": _number("x", "Column, 0 the leftmost"),
    "y": _number("y", "Row, 0 the uppermost"),
    "row": _number("row", "Row, 0 the uppermost"),
    "col": _number("col", "Column, 0 the leftmost"),
    "tileFormat": _format("path", tuple(WRAPPERS), "Format; the layer's JSON lists those available"),
    "pictureFormat": _format("path", FILES, "Format; the layer's JSON lists those available"),
    "maskFormat": _format("path", MASK_FORMATS, "Format"),
    "tileMatrixSetId": _parameter(
        "tileMatrixSetId", "path", "Name of a tile matrix set", {"type": "string", "pattern": NAME}, WEB_MERCATOR
    ),
    "tileMatrix": _parameter(
        "tileMatrix",
        "path",
        "Identifier of a tile matrix: its level, 0 the coarsest of the set",
        {"type": "string", "pattern": f"^{NUMBER}$"},
        "0",
    ),
    "tileRow": _number("tileRow", "Row index of the tile on the selected TileMatrix"),
    "tileCol": _number("tileCol", "Column index of the tile on the selected TileMatrix"),
    "band": _parameter(
        "band",
        "query",
        "Band of a `bin` tile, if the file stores its bands separately",
        {"type": "integer", "minimum": 1},
    ),
    "predictor": _parameter(
        "predictor", "query", "`none`: undo the predictor of a `bin` tile", {"type": "string", "enum": ["none"]}
    ),
    "encoding": _parameter(
        "encoding",
        "query",
        "Terrain: the colours of `png` tiles are heights of the only band",
        {"type": "string", "enum": list(TERRAIN)},
    ),
    "f-json": _format("query", ("json",), "JSON is the only format"),
    "f-page": _format("query", ("json", "html"), "Format, instead of Accept"),
    "f-tile": _format("query", FILES, "Format, instead of Accept"),
    "limit": _parameter(
        "limit",
        "query",
        "Length of the page, in layers that have tilesets; at most 1,000",
        {"type": "integer", "minimum": 1, "maximum": 999_999_999, "default": 100},
    ),
    "offset": _parameter(
        "offset",
        "query",
        "Layers with tilesets before the page",
        {"type": "integer", "minimum": 0, "maximum": 999_999_999, "default": 0},
    ),
}

_PROBLEMS: Final = {
    "400": "A parameter of the request is invalid",
    "404": "No such layer, grid, tile or format; the message lists those available, or similar names of layers",
    "406": "The client accepts none of the available formats; the message lists them",
    "416": "The range begins beyond the end of the tile",
    "502": "The origin, the file or the tile is broken",
    "503": "The origin, a list of layers or the server is busy: try again after Retry-After",
    "504": "The origin did not answer in time: try again",
}

_PROBLEM: Final[Json] = {
    "application/problem+json": {"schema": ref("Problem")},
    "text/html": {"schema": {"type": "string"}},  # for browsers, and with f=html
}
_REPORT: Final[Json] = {"application/xml": {"schema": {"type": "string"}}}

RESPONSES: Final[dict[str, Json]] = {
    status: {"description": text, "content": _PROBLEM} for status, text in _PROBLEMS.items()
} | {
    "204": {"description": "A sparse tile: the file does not store it"},
    "206": {
        "description": "The requested range of the tile",
        "headers": {"Content-Range": {"required": True, "schema": {"type": "string"}}},
    },
    "302": {
        "description": "The version is no longer current: the plain URL of the layer",
        "headers": {"Location": {"required": True, "schema": {"type": "string"}}},
    },
    "304": {"description": "The copy of the client is current", "headers": {"ETag": {"schema": {"type": "string"}}}},
    "ows400": {"description": "The request is invalid: an exception report", "content": _REPORT},
    "ows404": {"description": "A sparse tile of a layer with `empty = 404`", "content": _REPORT},
    "ows416": {"description": _PROBLEMS["416"], "content": _REPORT},
    "ows501": {"description": "The server does not offer the operation: an exception report", "content": _REPORT},
    "ows502": {"description": "The origin, the file or the tile is broken", "content": _REPORT},
    "ows503": {"description": _PROBLEMS["503"], "content": _REPORT},
    "ows504": {"description": "The origin did not answer in time: try again", "content": _REPORT},
    "empty404": {
        "description": "No such layer, grid, tile or format, or a sparse tile of a layer with `empty = 404`",
        "content": _PROBLEM,
    },
}

ORIGIN: Final = ("502", "503", "504")
"""Statuses of operations that read the file of a layer."""


def operation(
    operation_id: str, tag: str, summary: str, parameters: tuple[str, ...], content: Json, statuses: tuple[str, ...]
) -> Json:
    """A path with GET.

    Args:
        operation_id: unique.
        tag: the family of endpoints.
        summary: in a sentence.
        parameters: names in PARAMETERS.
        content: media type -> schema of the reply with status 200.
        statuses: of other replies, names in RESPONSES.
    """
    responses: Json = {"200": {"description": summary, "content": {key: {"schema": content[key]} for key in content}}}
    for status in statuses:
        responses[status[-3:]] = {"$ref": f"#/components/responses/{status}"}
    get: Json = {"operationId": operation_id, "tags": [tag], "summary": summary, "responses": responses}
    if parameters:
        get["parameters"] = [{"$ref": f"#/components/parameters/{name}"} for name in parameters]
    return {"get": get}
