"""Parameters and replies of operations, and the function that composes an operation."""

from typing import Any, Final

from cogread.wrap import FILES, WRAPPERS
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
    f"`{NATIVE}`: the file's own grid; `{WEB_MERCATOR}`: that of web maps, of layers that are aligned to it"
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
        "Name of a layer; with `@` and a version behind it, what is at the URL never changes",
        {"type": "string", "pattern": _VERSIONED},
    ),
    "grid": _parameter("grid", "path", _GRID_TEXT, _GRIDS),
    "z": _number("z", "Level, 0 the coarsest of the grid", 30),
    "x": _number("x", "Column, 0 the leftmost"),
    "y": _number("y", "Row, 0 the uppermost"),
    "row": _number("row", "Row, 0 the uppermost"),
    "col": _number("col", "Column, 0 the leftmost"),
    "tileFormat": _format("path", tuple(WRAPPERS), "Format; the layer's JSON lists those that it has"),
    "pictureFormat": _format("path", FILES, "Format; the layer's JSON lists those that it has"),
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
        "band", "query", "Of `bin`, where a file stores its bands apart", {"type": "integer", "minimum": 1}
    ),
    "predictor": _parameter(
        "predictor", "query", "`none`: have that of `bin` undone", {"type": "string", "enum": ["none"]}
    ),
    "f-json": _format("query", ("json",), "There is JSON alone"),
    "f-page": _format("query", ("json", "html"), "Instead of Accept"),
    "f-tile": _format("query", FILES, "Format, instead of Accept"),
    "limit": _parameter(
        "limit",
        "query",
        "How many layers to look at; more than 1,000 are not. Those of which there is nothing to list are passed over",
        {"type": "integer", "minimum": 1, "maximum": 999_999_999, "default": 100},
    ),
    "offset": _parameter(
        "offset",
        "query",
        "How many layers to begin after, of all that are configured",
        {"type": "integer", "minimum": 0, "maximum": 999_999_999, "default": 0},
    ),
}

_PROBLEMS: Final = {
    "400": "A value in the request is not one that can be",
    "404": "There is no such thing; the message lists what there is",
    "406": "Nothing that is there is acceptable; the message lists what there is",
    "416": "The range begins behind the end of the tile",
    "502": "The origin, the file or the tile is broken",
    "503": "The origin is busy, or the list of layers is being made: try again",
    "504": "The origin took too long: try again",
}

_PROBLEM: Final[Json] = {
    "application/problem+json": {"schema": ref("Problem")},
    "text/html": {"schema": {"type": "string"}},  # for browsers, and with f=html
}
_REPORT: Final[Json] = {"application/xml": {"schema": {"type": "string"}}}

RESPONSES: Final[dict[str, Json]] = {
    status: {"description": text, "content": _PROBLEM} for status, text in _PROBLEMS.items()
} | {
    "204": {"description": "The file leaves this tile out"},
    "206": {
        "description": "The part of the tile that the Range field asks for",
        "headers": {"Content-Range": {"required": True, "schema": {"type": "string"}}},
    },
    "302": {
        "description": "The version is no longer the layer's: where the layer is now",
        "headers": {"Location": {"required": True, "schema": {"type": "string"}}},
    },
    "304": {"description": "What the client has is current", "headers": {"ETag": {"schema": {"type": "string"}}}},
    "ows400": {"description": "The request is not as it should be: an exception report", "content": _REPORT},
    "ows404": {"description": "The file leaves this tile out, and the layer is to say it so", "content": _REPORT},
    "ows416": {"description": _PROBLEMS["416"], "content": _REPORT},
    "ows501": {"description": "The operation is none that the server has: an exception report", "content": _REPORT},
    "ows502": {"description": "The origin, the file or the tile is broken", "content": _REPORT},
    "ows503": {"description": _PROBLEMS["503"], "content": _REPORT},
    "ows504": {"description": "The origin took too long: try again", "content": _REPORT},
    "empty404": {
        "description": "There is no such thing, or the file leaves this tile out, and the layer is to say it so",
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
