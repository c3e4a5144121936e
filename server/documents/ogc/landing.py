"""The landing page of the API, and the requirements that it claims to meet (OGC API Common 1.0)."""

from typing import Final

from server.documents import Json
from server.documents.ogc.links import CONFORMANCE, DATA, JSON, OPENAPI, TILING_SCHEMES, link

_COMMON: Final = "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/"
_TILES: Final = "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/"
_SETS: Final = "http://www.opengis.net/spec/tms/2.0/conf/"

CONFORMS_TO: Final = (
    *(_COMMON + name for name in ("core", "landing-page", "json", "oas30")),
    "http://www.opengis.net/spec/ogcapi-common-2/1.0/conf/collections",
    *(_TILES + name for name in ("core", "tileset", "tilesets-list", "geodata-tilesets", "oas30", "jpeg", "png")),
    *(_SETS + name for name in ("tilematrixset", "json-tilematrixset", "tilematrixsetlimits")),
    *(_SETS + name for name in ("json-tilematrixsetlimits", "tilesetmetadata", "json-tilesetmetadata")),
)
"""Not `tiff`, which wants strips, nor `dataset-tilesets`: no tile shows several layers, so the landing page has no link
to tilesets; those of the collections have."""


def landing(title: str, base_url: str) -> Json:
    """The landing page; its links begin with `base_url`."""
    return {
        "title": title,
        "description": "Cloud Optimized GeoTIFFs, whose tiles are served as they are stored.",
        "links": [
            link("self", f"{base_url}/?f=json", JSON, "This document"),
            link("alternate", f"{base_url}/?f=html", "text/html", "The layers, as a page"),
            link("service-desc", f"{base_url}/api", OPENAPI, "This API in OpenAPI"),
            link("service-doc", f"{base_url}/api?f=html", "text/html", "This API, explained"),
            *(
                link(rel, f"{base_url}/conformance", JSON, "The requirements that this API meets")
                for rel in ("conformance", CONFORMANCE)
            ),
            *(link(rel, f"{base_url}/collections", JSON, "The layers as collections") for rel in ("data", DATA)),
            link(TILING_SCHEMES, f"{base_url}/tileMatrixSets", JSON, "The tile matrix sets"),
            link("related", f"{base_url}/layers", JSON, "The layers, each with its properties"),
            link("related", f"{base_url}/wmts/1.0.0/WMTSCapabilities.xml", "application/xml", "The same tiles as WMTS"),
            link("status", f"{base_url}/health/ready", JSON, "Readiness of the server"),
        ],
    }
