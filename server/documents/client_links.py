"""Links from a layer's JSON to what other standards say of it, where they can. It needs PROJ: imported late."""

from typing import Any, Final

from cogread.errors import FormatNotOffered
from server.catalog import Layer
from server.documents.gdal_wms import gdal_wms
from server.documents.tms import SERVICE
from server.documents.web_maps import has_pictures
from server.errors import UnknownUrl
from server.open_layer import OpenLayer
from server.tile_matrix_set import native_set

Json = dict[str, Any]

TILESETS: Final = "http://www.opengis.net/def/rel/ogc/1.0/tilesets-map"


def client_links(layer: Layer, opened: OpenLayer, root: str) -> list[Json]:
    """The links, to the documents that follow the file."""
    links: list[Json] = []
    if has_pictures(opened):
        links.append(_link("tilejson", f"{root}{layer.path}/tilejson.json", "application/json"))
        links.append(_link("tms", f"{root}{SERVICE}/{layer.config.name}", "application/xml"))
    if _has_gdal_wms(layer, opened):
        links.append(_link("gdal", f"{root}{layer.path}/gdal.xml", "application/xml"))
    if not isinstance(native_set(opened.cog, opened.grids), str):
        links.append(_link("wmts", f"{root}/wmts/1.0.0/WMTSCapabilities.xml", "application/xml"))
        links.append(_link(TILESETS, f"{root}/collections/{layer.config.name}/map/tiles", "application/json"))
    return links


def _has_gdal_wms(layer: Layer, opened: OpenLayer) -> bool:
    try:
        gdal_wms(layer, opened)
    except (UnknownUrl, FormatNotOffered):
        return False
    return True


def _link(rel: str, href: str, media_type: str) -> Json:
    return {"rel": rel, "href": href, "type": media_type}
