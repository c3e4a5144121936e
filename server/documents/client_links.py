"""Services by which clients of other standards have a layer: links to those, and why it is not in the others.

It needs PROJ: imported late.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from server.documents.gdal_vrt import why_no_vrt
from server.documents.gdal_wms import why_no_wms
from server.documents.ogc.sets import tilesets
from server.documents.tms import SERVICE
from server.documents.web_maps import web_map_refusal
from server.documents.wmts.layer import refusal
from server.documents.wmts.names import CAPABILITIES
from server.layers.catalog import Layer
from server.layers.layer_version import OpenLayer

Json = dict[str, Any]
Check = Callable[[Layer, OpenLayer], str | None]
"""Tells why a layer cannot be in a service; None if it can."""

TILESETS: Final = "http://www.opengis.net/def/rel/ogc/1.0/tilesets-map"

_JSON: Final = "application/json"
_XML: Final = "application/xml"


def service_refusals(layer: Layer, opened: OpenLayer) -> dict[str, str | None]:
    """For each service: None if it has the layer, else why not."""
    return {service: check(layer, opened) for service, check in _CHECKS.items()}


def client_links(layer: Layer, refusals: Mapping[str, str | None], root: str) -> list[Json]:
    """Links to the documents that follow the file.

    Args:
        layer: the layer.
        refusals: as `service_refusals` returns them.
        root: what links begin with.
    """
    documents = {
        "tilejson": ("tilejson", f"{layer.path}/tilejson.json", _JSON),
        "tms": ("tms", f"{SERVICE}/{layer.config.name}", _XML),
        "gdal.vrt": ("gdal", f"{layer.path}/gdal.vrt", _XML),
        "gdal.xml": ("gdal-wms", f"{layer.path}/gdal.xml", _XML),
        "wmts": ("wmts", CAPABILITIES, _XML),
        "ogc-tiles": (TILESETS, f"/collections/{layer.config.name}/map/tiles", _JSON),
    }
    return [
        {"rel": rel, "href": root + path, "type": media_type}
        for service, (rel, path, media_type) in documents.items()
        if refusals[service] is None
    ]


def _why_no_tilesets(layer: Layer, opened: OpenLayer) -> str | None:
    sets = tilesets(layer, opened)
    return sets if isinstance(sets, str) else None


_CHECKS: Final[dict[str, Check]] = {
    "wmts": lambda _, opened: refusal(opened),
    "ogc-tiles": _why_no_tilesets,
    "tms": lambda _, opened: web_map_refusal(opened),
    "tilejson": lambda _, opened: web_map_refusal(opened),
    "gdal.vrt": lambda _, opened: why_no_vrt(opened.cog),
    "gdal.xml": lambda _, opened: why_no_wms(opened.cog),
}
"""By service, in the order of the layer's JSON."""
