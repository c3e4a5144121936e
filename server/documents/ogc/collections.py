"""Layers as collections, and their tilesets (OGC API Common 2, OGC API Tiles 1.0 §8, §9 and §11)."""

from collections.abc import Sequence
from typing import Final
from zlib import compress

import msgspec

from cogread.refusal import Refusal
from server.collections import Member
from server.documents import Json
from server.documents.gdal.vrt import vrt_refusal
from server.documents.ogc.item import TilesetsItem
from server.documents.ogc.links import GEODATA, JSON, MAP_TILESETS, TILING_SCHEME, link
from server.documents.ogc.sets import Tileset, crs_json, tilesets
from server.documents.pictures import CUT_OUT, MEDIA_TYPES, service_formats
from server.http.errors import UnknownGrid
from server.http.public_urls import Links
from server.layers.collection import Collection
from server.layers.layer import Layer
from server.layers.layer_version import IMAGE, LayerVersion
from server.layers.tile_matrix_sets import corners
from server.settings.layer_config import LayerConfig

CRS84: Final = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
_GREGORIAN: Final = "http://www.opengis.net/def/uom/ISO-8601/0/Gregorian"
_GEOTIFF: Final = "image/tiff; application=geotiff"
"""Media type of `tif` tiles as OGC API documents spell it and GDAL expects it."""


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
    return collection_item(layer.config, _item(opened, _tilesets(layer, opened)), links)


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


def _tilesets(layer: Layer, opened: LayerVersion) -> list[Tileset]:
    sets = tilesets(layer, opened)
    if isinstance(sets, Refusal):
        raise UnknownGrid(f"layer {layer.config.name!r} has no tilesets: {sets}; its tiles are at {layer.path}")
    return sets


def tilesets_list(layer: Layer, opened: LayerVersion, links: Links) -> Json:
    """The tilesets of a layer, in short.

    Raises:
        UnknownGrid: the layer has none.
    """
    path = collection_path(layer.config)
    return {
        "links": [
            link("self", links.to(f"{path}/map/tiles")),
            link(GEODATA, links.to(path), JSON, layer.config.title),
        ],
        "tilesets": [
            {
                **_short(layer, each),
                "links": [link("self", links.to(f"{path}/map/tiles/{each.grid.name}")), _scheme(each, links)],
            }
            for each in _tilesets(layer, opened)
        ],
    }


def tileset(layer: Layer, opened: LayerVersion, grid_name: str, links: Links) -> Json:
    """A tileset in full. Its tiles are linked by URLs that name the version: clients such as GDAL keep them for days.

    Raises:
        UnknownGrid: the layer has no such tileset.
    """
    grid = opened.grids.named(grid_name)
    entry = next(each for each in _tilesets(layer, opened) if each.grid is grid)
    path = collection_path(layer.config)
    crs, config, bounds = entry.set.matrices.crs, layer.config, opened.cog.geo.bounds
    formats = service_formats(opened, (matrix.level for matrix in entry.grid.matrices))
    about = _short(layer, entry)
    if config.attribution is not None:
        about["attribution"] = config.attribution.text
    if bounds is not None:
        lower, upper = corners(crs, bounds)
        about["boundingBox"] = {"lowerLeft": lower, "upperRight": upper, "crs": about["crs"]}
    tiles = f"{layer.versioned_path(opened)}/{IMAGE}/{entry.grid.name}/{{tileMatrix}}/{{tileCol}}/{{tileRow}}"
    return {
        **about,
        "version": opened.version_key,
        "mediaTypes": [_media_type(extension) for extension in formats],
        "tileMatrixSetLimits": _limits(entry),
        "layers": [
            {"id": config.name, "title": config.title, "dataType": "map", "links": [link(GEODATA, links.to(path))]}
        ],
        "links": [
            link("self", links.to(f"{path}/map/tiles/{entry.grid.name}")),
            _scheme(entry, links),
            link(GEODATA, links.to(path), JSON, config.title),
            *(link("item", links.to(f"{tiles}.{CUT_OUT.get(name, name)}"), _media_type(name)) for name in formats),
        ],
    }


def _short(layer: Layer, tileset: Tileset) -> Json:
    about: Json = {
        "title": f"{layer.config.title}, {tileset.grid.name}",
        "dataType": "map",
        "crs": crs_json(tileset.set.matrices.crs),
    }
    if tileset.set.uri is not None:
        about["tileMatrixSetURI"] = tileset.set.uri
    return about


def _scheme(tileset: Tileset, links: Links) -> Json:
    return link(TILING_SCHEME, links.to(tileset.set.path), JSON, tileset.set.title)


def _limits(tileset: Tileset) -> list[Json]:
    return [
        {
            "tileMatrix": str(matrix.z),
            "minTileRow": matrix.min_y,
            "maxTileRow": matrix.max_y,
            "minTileCol": matrix.min_x,
            "maxTileCol": matrix.max_x,
        }
        for matrix in tileset.grid.matrices
    ]


def _media_type(extension: str) -> str:
    """The media type of tiles in links."""
    return _GEOTIFF if extension == "tif" else MEDIA_TYPES[extension]
