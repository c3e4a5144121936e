"""Layers as collections (OGC API Common 2)."""

from collections.abc import Sequence
from typing import Final
from zlib import compress

import msgspec

from cogread.refusal import Refusal
from server.collections import Member
from server.documents import Json
from server.documents.gdal.vrt import vrt_refusal
from server.documents.ogc.item import TilesetsItem
from server.documents.ogc.links import JSON, MAP_TILESETS, link
from server.documents.ogc.sets import Tileset, crs_json, tilesets
from server.http.errors import UnknownGrid
from server.http.public_urls import Links
from server.layers.collection import Collection
from server.layers.layer import Layer
from server.layers.layer_version import LayerVersion
from server.settings.layer_config import LayerConfig

CRS84: Final = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
_GREGORIAN: Final = "http://www.opengis.net/def/uom/ISO-8601/0/Gregorian"


def collection_path(config: LayerConfig) -> str:
    """Path of a layer's collection, below the server's base URL."""
    return f"/collections/{config.name}"


def tilesets_item(layer: Layer, opened: LayerVersion) -> TilesetsItem | Refusal:
    """Summarize a layer version for lists, if it has tilesets."""
    sets = tilesets(layer, opened)
    return sets if isinstance(sets, Refusal) else _item(opened, sets)


def collection(layer: Layer, opened: LayerVersion, links: Links) -> Json:
    """A layer as a collection.

    Raises:
        UnknownGrid: it has no tilesets.
    """
    return collection_item(layer.config, _item(opened, require_tilesets(layer, opened)), links)


def require_tilesets(layer: Layer, opened: LayerVersion) -> list[Tileset]:
    """Return the tilesets of a layer.

    Raises:
        UnknownGrid: it has none.
    """
    sets = tilesets(layer, opened)
    if isinstance(sets, Refusal):
        raise UnknownGrid(f"layer {layer.config.name!r} has no tilesets: {sets}; its tiles are at {layer.path}")
    return sets


def collection_item(config: LayerConfig, item: TilesetsItem | None, links: Links) -> Json:
    """A collection in the list of all.

    Args:
        config: of the layer.
        item: of its version; None: it is not opened yet, and the collection is described in short.
        links: makes the links.
    """
    title, layer_path, path = config.title, f"/layers/{config.name}", collection_path(config)
    about: Json = {"id": config.name, "title": title, "dataType": "map"}
    if config.attribution is not None:
        about["attribution"] = config.attribution.text
    own = [link("self", links.to(path), JSON, title)]
    if item is None:
        return {**about, "links": own}
    own.append(link(MAP_TILESETS, links.to(f"{path}/map/tiles"), JSON, f"Tilesets of {title}"))
    own.append(link("describedby", links.to(layer_path), JSON, f"All that is known of {title}"))
    if item.has_vrt:
        vrt = links.to(f"{layer_path}/gdal.vrt")
        own.append(link("alternate", vrt, "application/xml", f"{title} for GDAL and QGIS"))
    about["crs"] = item.crs_uris
    if item.wgs84 is not None:
        about["extent"] = {"spatial": {"bbox": [item.wgs84], "crs": CRS84}}
    return {**about, "links": own}


def parent_item(parent: Collection, links: Links, span: tuple[str, str] | None = None) -> Json:
    """A collection of layers; its document has a page of them, if they can be listed.

    Args:
        parent: the collection.
        links: makes links.
        span: first and last instant of its members, where they are one layer in time, which has tilesets.
    """
    config, title = parent.config, parent.title
    about: Json = {"id": config.name, "title": title}
    if config.attribution is not None:
        about["attribution"] = config.attribution.text
    return {
        **about,
        "links": [
            link("self", links.to(f"/collections/{config.name}"), JSON, title),
            link("describedby", links.to(parent.path), JSON, f"All that is known of {title}"),
            *([] if span is None else [link(MAP_TILESETS, links.to(f"/collections/{config.name}/map/tiles"), JSON)]),
        ],
        **({} if span is None else {"extent": {"temporal": {"interval": [span], "trs": _GREGORIAN}}}),
    }


def member_item(config: LayerConfig, member: Member, item: TilesetsItem | None, links: Links) -> Json:
    """A member in the page of its collection; see `collection_item`."""
    about = collection_item(config, item, links)
    extent = about.get("extent", {})
    if "spatial" not in extent and member.bbox is not None:
        extent = {"spatial": {"bbox": [member.bbox], "crs": CRS84}}
    if member.datetime is not None:
        interval = [member.datetime, member.end_datetime or member.datetime]
        extent = {**extent, "temporal": {"interval": [interval], "trs": _GREGORIAN}}
    return {**about, "extent": extent} if extent else about


def _item(opened: LayerVersion, sets: Sequence[Tileset]) -> TilesetsItem:
    crs, bounds = sets[0].set.matrices.crs, opened.cog.geo.bounds
    uris = (each.set.matrices.crs.uri for each in sets)
    return TilesetsItem(
        crs_uris=tuple(uri for uri in dict.fromkeys(uris) if uri is not None),
        wgs84=opened.resolver.wgs84_bounds(crs, bounds) if bounds else None,
        own_crs=compress(msgspec.json.encode(crs_json(crs))),
        has_vrt=vrt_refusal(opened.cog) is None,
    )
