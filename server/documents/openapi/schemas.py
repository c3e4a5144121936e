"""Schemas of JSON replies. Members beyond the schemas are allowed."""

from typing import Any, Final

from server.documents import Json

STRING: Final[Json] = {"type": "string"}
INTEGER: Final[Json] = {"type": "integer"}
NUMBER: Final[Json] = {"type": "number"}
OBJECT: Final[Json] = {"type": "object"}
WHOLE: Final[Json] = {"type": "integer", "minimum": 0}
POSITIVE: Final[Json] = {"type": "integer", "minimum": 1}


def ref(name: str) -> Json:
    """A schema by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


def choice(*values: str) -> Json:
    """One of these texts."""
    return {"type": "string", "enum": list(values)}


def array(items: Json, **more: Any) -> Json:
    """A list."""
    return {"type": "array", "items": items, **more}


def record(required: Json, optional: Json | None = None) -> Json:
    """An object with these members at least."""
    return {"type": "object", "required": list(required), "properties": required | (optional or {})}


def nullable(schema: Json) -> Json:
    """A schema, or null."""
    return {**schema, "nullable": True}


def _each(names: str, schema: Json) -> Json:
    """Members of one schema; their names are separated by spaces."""
    return dict.fromkeys(names.split(), schema)


_LINKS: Final = array(ref("Link"))
_CRS: Final[Json] = {"oneOf": [STRING, record({"wkt": OBJECT})]}
_POINT: Final = array(NUMBER, minItems=2, maxItems=2)
_BOX: Final = array(NUMBER, minItems=4, maxItems=4)
_REASONS: Final[Json] = {
    "type": "object",
    "additionalProperties": STRING,
    "description": "Name -> reason why the layer does not offer it",
}
_URI: Final[Json] = {"type": "string", "format": "uri"}

_VALUE: Final[Json] = {"anyOf": [nullable(NUMBER), choice("nan", "inf", "-inf")]}
"""A number, or text for values that JSON does not have."""
_STATISTICS: Final = record(
    _each("minimum maximum mean stddev valid_percent", _VALUE) | {"is_approximate": {"type": "boolean"}}
)
MOST_BANDS: Final = 4096
"""Bands that the JSON of a layer describes; more are only counted."""

_SAMPLES: Final = record(
    _each("dtype typestr byte_order interleave", STRING)
    | {"shape": array(POSITIVE, minItems=3), "predictor": POSITIVE, "coding": nullable(STRING)}
)
"""The layout of `bin` tiles."""
_LEVEL: Final = record(
    _each("z level", WHOLE) | _each("width height tile_width tile_height tiles_across tiles_down", POSITIVE),
    {"formats": array(STRING), "mask_formats": array(STRING), **_each("samples mask_samples", nullable(_SAMPLES))},
)

SCHEMAS: Final[Json] = {
    "Problem": record(_each("type title", STRING) | {"status": INTEGER, "detail": STRING}),
    "Link": record(_each("rel href", STRING), _each("type title", STRING) | {"templated": {"type": "boolean"}}),
    "LandingPage": record({"links": _LINKS}, _each("title description", STRING)),
    "Conformance": record({"conformsTo": array(_URI)}),
    "Collection": record(
        {"id": STRING, "links": _LINKS},
        _each("title attribution", STRING)
        | {
            "dataType": choice("map"),
            "crs": array(_URI),
            "extent": {
                "type": "object",
                "properties": {
                    "spatial": record({"bbox": array(_BOX, minItems=1), "crs": _URI}),
                    "temporal": record({"interval": array(array(nullable(STRING)))}, {"trs": _URI}),
                },
            },
            "collections": array(ref("Collection")),
            **_each("numberMatched numberReturned", WHOLE),
        },
    ),
    "Collections": record(
        {"links": _LINKS, "collections": array(ref("Collection"))}, _each("numberMatched numberReturned", WHOLE)
    ),
    "LayerCollection": record(
        _each("name title href names", STRING) | {"is_listable": {"type": "boolean"}, "links": _LINKS},
        _each("numberMatched numberReturned", WHOLE)
        | {"layers": array(ref("LayerItem")), "patterns": {"type": "object", "additionalProperties": STRING}},
    ),
    "LayerOrCollection": {"anyOf": [ref("Layer"), ref("LayerCollection")]},
    "TilesetItem": record(
        {"dataType": STRING, "crs": _CRS, "links": _LINKS}, {"title": STRING, "tileMatrixSetURI": _URI}
    ),
    "Tilesets": record({"tilesets": array(ref("TilesetItem"))}, {"links": _LINKS}),
    "Tileset": {
        "allOf": [
            ref("TilesetItem"),
            record(
                {"tileMatrixSetLimits": array(ref("TileMatrixLimits")), "mediaTypes": array(STRING)},
                _each("version attribution", STRING)
                | {
                    "boundingBox": record(_each("lowerLeft upperRight", _POINT), {"crs": _CRS}),
                    "layers": array(record(_each("id dataType", STRING), {"title": STRING, "links": _LINKS})),
                },
            ),
        ]
    },
    "TileMatrixLimits": record({"tileMatrix": STRING} | _each("minTileRow maxTileRow minTileCol maxTileCol", WHOLE)),
    "TileMatrixSetItem": record({"links": _LINKS}, _each("id title", STRING) | {"uri": _URI, "crs": _CRS}),
    "TileMatrixSets": record({"tileMatrixSets": array(ref("TileMatrixSetItem"))}, {"links": _LINKS}),
    "TileMatrixSet": {
        "allOf": [
            ref("TileMatrixSetItem"),
            record(
                {"id": STRING, "crs": _CRS, "tileMatrices": array(ref("TileMatrix"), minItems=1)},
                {"orderedAxes": array(STRING, minItems=2, maxItems=2), "wellKnownScaleSet": _URI},
            ),
        ]
    },
    "TileMatrix": record(
        {"id": STRING}
        | _each("scaleDenominator cellSize", NUMBER)
        | {"pointOfOrigin": _POINT}
        | _each("tileWidth tileHeight matrixWidth matrixHeight", POSITIVE),
        {"cornerOfOrigin": choice("topLeft")},
    ),
    "LayerItem": record(
        _each("name title status", STRING),
        {
            "href": STRING,
            **_each("attribution attribution_html", nullable(STRING)),
            "reason": STRING,
            **_each("width height bands", INTEGER),
            "dtype": STRING,
            "crs": nullable(STRING),
            "formats": array(STRING),
            "datetime": STRING,
            "bbox": _BOX,
        },
    ),
    "CollectionItem": record(_each("name title href", STRING), _each("attribution attribution_html", nullable(STRING))),
    "Layers": record({"layers": array(ref("LayerItem")), "collections": array(ref("CollectionItem"))}),
    "Band": record(
        {"band": POSITIVE, "color_interpretation": STRING}
        | _each("scale offset", _VALUE)
        | _each("unit description", nullable(STRING))
        | {"statistics": nullable(_STATISTICS)}
    ),
    "Layer": record(
        {
            **_each("name title version", STRING),
            **_each("width height bands", INTEGER),
            "dtype": STRING,
            "levels": array(_LEVEL, minItems=1),
            "formats": array(STRING),
            "formats_not_offered": _REASONS,
            "services": array(STRING),
            "services_not_offered": _REASONS,
            "links": _LINKS,
        },
        {
            **_each("bounds bounds_wgs84", nullable(_BOX)),
            "size_bytes": POSITIVE,
            "crs": nullable(OBJECT),
            "nodata": _VALUE,
            "band_info": array(ref("Band"), maxItems=MOST_BANDS),
            "crs_reason": nullable(STRING),
            "terrain": record({"encodings": array(STRING), "nodata": NUMBER, "reason": nullable(STRING)}),
        },
    ),
    "TileJSON": record(
        {"tilejson": STRING, "tiles": array(STRING, minItems=1)},
        {"bounds": _BOX, **_each("minzoom maxzoom", WHOLE), **_each("name attribution encoding", STRING)},
    ),
    "Health": record(
        {"status": STRING}, {"reasons": array(STRING), "layers": INTEGER, "redis": STRING, "origins": OBJECT}
    ),
}
