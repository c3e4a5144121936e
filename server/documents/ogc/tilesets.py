"""The tilesets of a layer, in short and in full (OGC API Tiles 1.0 §8, §9 and §11)."""

from typing import Final

from server.documents import Json
from server.documents.ogc.collections import collection_path, require_tilesets
from server.documents.ogc.links import GEODATA, JSON, TILING_SCHEME, link
from server.documents.ogc.sets import Tileset, crs_json
from server.documents.pictures import CUT_OUT, MEDIA_TYPES, service_formats
from server.http.public_urls import Links
from server.layers.layer import Layer
from server.layers.layer_version import IMAGE, LayerVersion
from server.layers.tile_matrix_sets import corners

_GEOTIFF: Final = "image/tiff; application=geotiff"
"""Media type of `tif` tiles as OGC API documents spell it and GDAL expects it."""


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
            for each in require_tilesets(layer, opened)
        ],
    }


def tileset(layer: Layer, opened: LayerVersion, grid_name: str, links: Links) -> Json:
    """A tileset in full. Its tiles are linked by URLs that name the version: clients such as GDAL keep them for days.

    Raises:
        UnknownGrid: the layer has no such tileset.
    """
    grid = opened.grids.named(grid_name)
    entry = next(each for each in require_tilesets(layer, opened) if each.grid is grid)
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
