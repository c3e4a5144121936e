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


def landing(title: str, root: str) -> Json:
    """The landing page; its links begin with `root`."""
    return {
        "title": title,
        "description": "Cloud Optimized GeoTIFFs, whose tiles are served as they are stored.",
        "links": [
            link("self", f"{root}/?f=json", JSON, "This document"),
            link("alternate", f"{root}/?f=html", "text/html", "The layers, as a page"),
            link("service-desc", f"{root}/api", OPENAPI, "What can be asked for, in OpenAPI"),
            *(
                link(rel, f"{root}/conformance", JSON, "What this API conforms to")
                for rel in ("conformance", CONFORMANCE)
            ),
            *(link(rel, f"{root}/collections", JSON, "The layers as collections") for rel in ("data", DATA)),
            link(TILING_SCHEMES, f"{root}/tileMatrixSets", JSON, "The tile matrix sets"),
            link("related", f"{root}/layers", JSON, "The layers, with all that is known of each"),
            link("related", f"{root}/wmts/1.0.0/WMTSCapabilities.xml", "application/xml", "The same tiles as WMTS"),
            link("status", f"{root}/health/ready", JSON, "Whether the server is ready"),
        ],
    }
