"""Schemas of JSON replies. Members beyond the schemas are allowed."""

from typing import Any, Final

from server.documents import Json

STRING: Final[Json] = {"type": "string"}
INTEGER: Final[Json] = {"type": "integer"}
NUMBER: Final[Json] = {"type": "number"}


def ref(name: str) -> Json:
    """A schema by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


def array(items: Json, **more: Any) -> Json:
    """A list."""
    return {"type": "array", "items": items, **more}


def record(required: Json, optional: Json | None = None) -> Json:
    """An object with these members at least."""
    return {"type": "object", "required": list(required), "properties": required | (optional or {})}


def nullable(schema: Json) -> Json:
    """A schema, or null."""
    return {**schema, "nullable": True}


_LINKS: Final = array(ref("Link"))
_CRS: Final[Json] = {"oneOf": [STRING, record({"wkt": {"type": "object"}})]}
_POINT: Final = array(NUMBER, minItems=2, maxItems=2)
_BOX: Final = array(NUMBER, minItems=4, maxItems=4)
_REASONS: Final[Json] = {
    "type": "object",
    "additionalProperties": STRING,
    "description": "Name -> reason why the layer does not offer it",
}
_URI: Final[Json] = {"type": "string", "format": "uri"}
_WHOLE: Final[Json] = {"type": "integer", "minimum": 0}
_POSITIVE: Final[Json] = {"type": "integer", "minimum": 1}

_VALUE: Final[Json] = {"anyOf": [nullable(NUMBER), {"type": "string", "enum": ["nan", "inf", "-inf"]}]}
"""A number, or text for values that JSON does not have."""
MOST_BANDS: Final = 4096
"""Bands that the JSON of a layer describes; more are only counted."""

SCHEMAS: Final[Json] = {
    "Problem": record({"type": STRING, "title": STRING, "status": INTEGER, "detail": STRING}),
    "Link": record(
        {"rel": STRING, "href": STRING}, {"type": STRING, "title": STRING, "templated": {"type": "boolean"}}
    ),
    "LandingPage": record({"links": _LINKS}, {"title": STRING, "description": STRING}),
    "Conformance": record({"conformsTo": array(_URI)}),
    "Collection": record(
        {"id": STRING, "links": _LINKS},
        {
            "title": STRING,
            "attribution": STRING,
            "dataType": {"type": "string", "enum": ["map"]},
            "crs": array(_URI),
            "extent": record({"spatial": record({"bbox": array(_BOX, minItems=1), "crs": _URI})}),
        },
    ),
    "Collections": record(
        {"links": _LINKS, "collections": array(ref("Collection"))},
        {"numberMatched": _WHOLE, "numberReturned": _WHOLE},
    ),
    "TilesetItem": record(
        {"dataType": STRING, "crs": _CRS, "links": _LINKS}, {"title": STRING, "tileMatrixSetURI": _URI}
    ),
    "Tilesets": record({"tilesets": array(ref("TilesetItem"))}, {"links": _LINKS}),
    "Tileset": {
        "allOf": [
            ref("TilesetItem"),
            record(
                {"tileMatrixSetLimits": array(ref("TileMatrixLimits")), "mediaTypes": array(STRING)},
                {
                    "version": STRING,
                    "attribution": STRING,
                    "boundingBox": record({"lowerLeft": _POINT, "upperRight": _POINT}, {"crs": _CRS}),
                    "layers": array(record({"id": STRING, "dataType": STRING}, {"title": STRING, "links": _LINKS})),
                },
            ),
        ]
    },
    "TileMatrixLimits": record(
        {"tileMatrix": STRING} | dict.fromkeys(("minTileRow", "maxTileRow", "minTileCol", "maxTileCol"), _WHOLE)
    ),
    "TileMatrixSetItem": record({"links": _LINKS}, {"id": STRING, "title": STRING, "uri": _URI, "crs": _CRS}),
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
        {"id": STRING, "scaleDenominator": NUMBER, "cellSize": NUMBER, "pointOfOrigin": _POINT}
        | dict.fromkeys(("tileWidth", "tileHeight", "matrixWidth", "matrixHeight"), _POSITIVE),
        {"cornerOfOrigin": {"type": "string", "enum": ["topLeft"]}},
    ),
    "LayerItem": record(
        {"name": STRING, "title": STRING, "href": STRING, "status": STRING},
        {
            "attribution": nullable(STRING),
            "attribution_html": nullable(STRING),
            "reason": STRING,
            "width": INTEGER,
            "height": INTEGER,
            "formats": array(STRING),
        },
    ),
    "Layers": record({"layers": array(ref("LayerItem"))}),
    "Band": record(
        {"band": _POSITIVE, "color_interpretation": STRING, "scale": _VALUE, "offset": _VALUE}
        | dict.fromkeys(("unit", "description"), nullable(STRING))
    ),
    "Layer": record(
        {
            "name": STRING,
            "title": STRING,
            "version": STRING,
            "width": INTEGER,
            "height": INTEGER,
            "bands": INTEGER,
            "dtype": STRING,
            "levels": array({"type": "object"}, minItems=1),
            "formats": array(STRING),
            "formats_not_offered": _REASONS,
            "services": array(STRING),
            "services_not_offered": _REASONS,
            "links": _LINKS,
        },
        {
            "bounds": nullable(_BOX),
            "bounds_wgs84": nullable(_BOX),
            "crs": nullable({"type": "object"}),
            "nodata": _VALUE,
            "band_info": array(ref("Band"), maxItems=MOST_BANDS),
            "crs_reason": nullable(STRING),
            "terrain": record({"encodings": array(STRING), "nodata": NUMBER, "reason": nullable(STRING)}),
        },
    ),
    "TileJSON": record(
        {"tilejson": STRING, "tiles": array(STRING, minItems=1)},
        {"bounds": _BOX, "minzoom": _WHOLE, "maxzoom": _WHOLE, "name": STRING, "attribution": STRING}
        | {"encoding": STRING},
    ),
    "Health": record({"status": STRING}, {"layers": INTEGER, "redis": STRING}),
}
