"""Links to the services that have a layer, and the refusals of the others.

It needs PROJ: imported late.
"""

from collections.abc import Callable, Mapping
from typing import Final

from cogread.refusal import Refusal
from server.documents import Json
from server.documents.gdal.vrt import vrt_refusal
from server.documents.gdal.wms import wms_refusal
from server.documents.ogc.sets import tilesets
from server.documents.tms import SERVICE, tms_refusal
from server.documents.web_maps import web_map_refusal
from server.documents.wmts.layer import wmts_refusal
from server.documents.wmts.names import CAPABILITIES, LAYER_CAPABILITIES
from server.file.plan import MEDIA_TYPE
from server.http.public_urls import Links
from server.layers.layer import Layer
from server.layers.layer_version import LayerVersion

Check = Callable[[Layer, LayerVersion], Refusal | None]
"""Refuses a layer that cannot be in a service."""

NOT_SERVED: Final = Refusal("the config of the layer does not serve the file itself (`file = false`)")
TILESETS: Final = "http://www.opengis.net/def/rel/ogc/1.0/tilesets-map"

_JSON: Final = "application/json"
_XML: Final = "application/xml"


def service_refusals(layer: Layer, opened: LayerVersion) -> dict[str, Refusal | None]:
    """Service -> refusal; None: the service has the layer."""
    return {service: check(layer, opened) for service, check in _CHECKS.items()}


def client_links(layer: Layer, refusals: Mapping[str, Refusal | None], links: Links) -> list[Json]:
    """Links to the documents that follow the file.

    Args:
        layer: the layer.
        refusals: as `service_refusals` returns them.
        links: makes the links.
    """
    is_in_all = layer.is_public and layer.config.collection is None
    documents = {
        "tilejson": ("tilejson", f"{layer.path}/tilejson.json", _JSON),
        "tms": ("tms", f"{SERVICE}/{layer.config.name}", _XML),
        "gdal.vrt": ("gdal", f"{layer.path}/gdal.vrt", _XML),
        "gdal.xml": ("gdal-wms", f"{layer.path}/gdal.xml", _XML),
        "wmts": ("wmts", CAPABILITIES if is_in_all else layer.path + LAYER_CAPABILITIES, _XML),
        "cog.tif": ("cog", f"{layer.path}/cog.tif", MEDIA_TYPE),
        "ogc-tiles": (TILESETS, f"/collections/{layer.config.name}/map/tiles", _JSON),
    }
    return [
        {"rel": rel, "href": links.to(path), "type": media_type}
        for service, (rel, path, media_type) in documents.items()
        if refusals[service] is None
    ]


def _tilesets_refusal(layer: Layer, opened: LayerVersion) -> Refusal | None:
    sets = tilesets(layer, opened)
    return sets if isinstance(sets, Refusal) else None


_CHECKS: Final[dict[str, Check]] = {
    "wmts": lambda _, opened: wmts_refusal(opened),
    "ogc-tiles": _tilesets_refusal,
    "tms": lambda _, opened: tms_refusal(opened),
    "tilejson": lambda _, opened: web_map_refusal(opened),
    "gdal.vrt": lambda _, opened: vrt_refusal(opened.cog),
    "gdal.xml": lambda _, opened: wms_refusal(opened),
    "cog.tif": lambda layer, _: None if layer.config.file else NOT_SERVED,
}
"""Service -> function that checks a layer for it, in the order of the layer's JSON."""
