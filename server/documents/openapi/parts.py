"""Parameters and replies of operations, by name."""

from typing import Any, Final

from cogread.wrap import FILES, TERRAIN, WRAPPERS
from server.documents import Json
from server.documents.openapi.schemas import INTEGER, POSITIVE, STRING, WHOLE, choice, ref
from server.documents.pictures import MEDIA_TYPES
from server.layers.grids import NATIVE, WEB_MERCATOR
from server.settings.collections import ANY_NAME
from server.tiles.request import NUMBER, STYLE, VERSION

MASK_FORMATS: Final = tuple(extension for extension, wrapper in WRAPPERS.items() if wrapper.is_for_masks)

_NAME: Final[Json] = STRING | {"pattern": f"^{ANY_NAME}$"}
_VERSIONED_NAME: Final[Json] = STRING | {"pattern": f"^{ANY_NAME}(@{VERSION})?$"}
_TIME: Final[Json] = STRING | {"pattern": "^[0-9A-Za-z:.+-]{1,40}$"}
_LISTED: Final = "Format; the layer's JSON lists those available"
_OVER_ACCEPT: Final = "Format, instead of Accept"


def _in_path(name: str, description: str, schema: Json, example: Any = None) -> Json:
    parameter = {"name": name, "in": "path", "required": True, "description": description, "schema": schema}
    return parameter if example is None else {**parameter, "example": example}


def _in_query(name: str, description: str, schema: Json, *, is_required: bool = False) -> Json:
    return {"name": name, "in": "query", "required": is_required, "description": description, "schema": schema}


def _number(name: str, description: str, most: int = 2**31) -> Json:
    return _in_path(name, description, WHOLE | {"maximum": most}, 0)


def _of_tile(name: str, description: str, schema: Json) -> Json:
    return _in_query(name, f"Of GetTile: {description}", schema)


PARAMETERS: Final[dict[str, Json]] = {
    "wmts-service": _in_query("service", "The service", choice("WMTS"), is_required=True),
    "wmts-request": _in_query("request", "The operation", choice("GetCapabilities", "GetTile"), is_required=True),
    "wmts-version": _of_tile("version", "the version", choice("1.0.0")),
    "wmts-layer": _of_tile("layer", "name of a layer", _NAME),
    "wmts-style": _of_tile("style", "the style", choice(STYLE)),
    "wmts-format": _of_tile("format", "media type", choice(*MEDIA_TYPES.values())),
    "wmts-set": _of_tile("tilematrixset", "name of a tile matrix set", _NAME),
    "wmts-matrix": _of_tile("tilematrix", "identifier of a tile matrix", STRING),
    "wmts-row": _of_tile("tilerow", "row, 0 the uppermost", WHOLE),
    "wmts-col": _of_tile("tilecol", "column, 0 the leftmost", WHOLE),
    "wmts-time": _of_tile("time", "the time, of a collection in time; by default the latest", _TIME),
    "time": _in_path("time", "The time: a value of the dimension, or `current`", _TIME, "current"),
    "style": _in_path("style", "The style", choice(STYLE)),
    "layer": _in_path("layer", "Name of a layer", _NAME),
    "versionedLayer": _in_path(
        "layer", "Name of a layer; with `@` and a version behind it, the reply never changes", _VERSIONED_NAME
    ),
    "grid": _in_path(
        "grid",
        f"`{NATIVE}`: the grid of the file; `{WEB_MERCATOR}`: the grid of web maps, for layers that are aligned to it",
        choice(NATIVE, WEB_MERCATOR),
    ),
    "z": _number("z", "Level, 0 the coarsest of the grid", 30),
    "x": _number("x", "Column, 0 the leftmost"),
    "y": _number("y", "Row, 0 the uppermost"),
    "row": _number("row", "Row, 0 the uppermost"),
    "col": _number("col", "Column, 0 the leftmost"),
    "tileFormat": _in_path("format", _LISTED, choice(*WRAPPERS)),
    "pictureFormat": _in_path("format", _LISTED, choice(*MEDIA_TYPES)),
    "maskFormat": _in_path("format", "Format", choice(*MASK_FORMATS)),
    "tileMatrixSetId": _in_path("tileMatrixSetId", "Name of a tile matrix set", _NAME, WEB_MERCATOR),
    "tileMatrix": _in_path(
        "tileMatrix",
        "Identifier of a tile matrix: its level, 0 the coarsest of the set",
        STRING | {"pattern": f"^{NUMBER}$"},
        "0",
    ),
    "tileRow": _number("tileRow", "Row index of the tile on the selected TileMatrix"),
    "tileCol": _number("tileCol", "Column index of the tile on the selected TileMatrix"),
    "band": _in_query("band", "The only band of a `bin` tile; by default all that a stored tile has", POSITIVE),
    "predictor": _in_query("predictor", "`none`: undo the predictor of a `bin` tile", choice("none")),
    "encoding": _in_query(
        "encoding", "Terrain: the colours of `png` tiles are heights of the only band", choice(*TERRAIN)
    ),
    "q": _in_query("q", "Words, each in the name, title, CRS, type or attribution of the layers", STRING),
    "type": _in_query("type", "Type of the samples, such as `uint16`", STRING),
    "crs": _in_query("crs", "CRS as in the list, such as `EPSG:2056`", STRING),
    "format": _in_query("format", "Format of tiles", STRING),
    "status": _in_query("status", "`ok`, `error` or `not opened yet`", STRING),
    "f-page": _in_query("f", _OVER_ACCEPT, choice("json", "html")),
    "f-tile": _in_query("f", f"{_OVER_ACCEPT}; `auto`: as the tile's URL without a format", choice("auto", *FILES)),
    "limit": _in_query(
        "limit",
        "Length of the page, in layers that have tilesets; at most 1,000",
        INTEGER | {"minimum": 1, "maximum": 999_999_999, "default": 100},
    ),
    "member-limit": _in_query(
        "limit",
        "Members of a collection on the page; at most 1,000",
        INTEGER | {"minimum": 1, "maximum": 999_999_999, "default": 100},
    ),
    "after": _in_query("after", "Name of the last member of the page before; the link `next` has it", STRING),
    "bbox": _in_query("bbox", "West, south, east, north in degrees: members that are known to overlap", STRING),
    "datetime": _in_query("datetime", "Members of an instant or an interval: `2024`, `2024-05-01/..`", STRING),
    "offset": _in_query(
        "offset", "Layers with tilesets before the page", INTEGER | {"minimum": 0, "maximum": 999_999_999, "default": 0}
    ),
}

_FAILURES: Final = {
    "400": "A parameter of the request is invalid",
    "401": "The layer takes credentials, or the token is unknown",
    "403": "The credentials do not open the layer, or the signature has expired",
    "404": "No such layer, grid, tile or format; the message lists those available, or similar names of layers",
    "406": "The client accepts none of the available formats; the message lists them",
    "412": "The file has another version than the request asks for",
    "416": "The range begins beyond the end of the tile or the file",
    "502": "The origin, the file or the tile is broken",
    "503": "The origin, a list of layers or the server is busy: try again after Retry-After",
    "504": "The origin did not answer in time: try again",
}
_REPORTS: Final = {
    "ows400": "The request is invalid: an exception report",
    "ows401": _FAILURES["401"],
    "ows403": _FAILURES["403"],
    "ows404": "A sparse tile of a layer with `empty = 404`",
    "ows416": _FAILURES["416"],
    "ows501": "The server does not offer the operation: an exception report",
    "ows502": _FAILURES["502"],
    "ows503": _FAILURES["503"],
    "ows504": _FAILURES["504"],
}
_PROBLEM: Final = ("application/problem+json", ref("Problem")), ("text/html", STRING)
"""A page for browsers, and with f=html."""
_REPORT: Final = (("application/xml", STRING),)


def _failure(description: str, content: tuple[tuple[str, Json], ...]) -> Json:
    return {"description": description, "content": {kind: {"schema": schema} for kind, schema in content}}


def _with_header(description: str, name: str, *, is_required: bool) -> Json:
    required = {"required": True} if is_required else {}
    return {"description": description, "headers": {name: required | {"schema": STRING}}}


RESPONSES: Final[dict[str, Json]] = {
    **{status: _failure(text, _PROBLEM) for status, text in _FAILURES.items()},
    "204": {"description": "A sparse tile: the file does not store it"},
    "206": _with_header("The requested range of the tile or the file", "Content-Range", is_required=True),
    "302": _with_header("The version is no longer current: the plain URL of the layer", "Location", is_required=True),
    "304": _with_header("The copy of the client is current", "ETag", is_required=False),
    **{name: _failure(text, _REPORT) for name, text in _REPORTS.items()},
    "health503": _failure("The worker cannot serve, for the `reasons`", (("application/json", ref("Health")),)),
    "empty404": _failure(
        "No such layer, grid, tile or format, or a sparse tile of a layer with `empty = 404`", _PROBLEM
    ),
}

SECURITY_SCHEMES: Final[Json] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A token"},
    "basic": {"type": "http", "scheme": "basic", "description": "A token as the password of any user"},
    **{
        name: {"type": "apiKey", "in": "query", "name": name, "description": text}
        for name, text in {
            "token": "A token, for clients that can send no header",
            "expires": "Expiry of the signature, in seconds since the epoch",
            "signature": "Signature of a layer or a collection, see `rawcog sign`",
        }.items()
    },
}
SECURITY: Final[list[Json]] = [{}, {"bearer": []}, {"basic": []}, {"token": []}, {"expires": [], "signature": []}]
"""Alternatives; none for public layers and for lists."""
