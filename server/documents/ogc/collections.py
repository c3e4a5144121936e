"""Layers as collections, and their tilesets (OGC API Common 2, OGC API Tiles 1.0 §8, §9 and §11)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from cogread.errors import CogError
from cogread.wrap import FILES
from server.documents.ogc.formats import linked_type
from server.documents.ogc.links import GEODATA, JSON, MAP_TILESETS, TILING_SCHEME, Json, link
from server.documents.ogc.sets import Tileset, crs_json, tilesets, tilesets_or_reason
from server.http.errors import UnknownGrid
from server.layers.catalog import Layer
from server.layers.layer_version import IMAGE, OpenLayer
from server.layers.tile_matrix_sets import corners
from server.resilience.layer_fault import one_layer

CRS84: Final = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"


def path_of(layer: Layer) -> str:
    """Of a layer's collection, below the server's root."""
    return f"/collections/{layer.config.name}"


def collections(layers: Iterable[Layer], opened: Mapping[str, OpenLayer | CogError | None], root: str) -> list[Json]:
    """The collections of a list; those of layers that are not open yet in short, none of layers without tilesets.

    Args:
        layers: in the order of the list.
        opened: by name, as `Catalog.open_all` returns it.
        root: what links begin with.
    """
    found = []
    for layer in layers:
        state = opened[layer.config.name]
        if state is None:
            found.append(_in_short(layer, root))
        elif isinstance(state, OpenLayer) and not isinstance(sets := tilesets_or_reason(layer, state), str):
            found.append(_in_full_or_short(layer, state, sets, root))
    return found


def _in_full_or_short(layer: Layer, opened: OpenLayer, sets: Sequence[Tileset], root: str) -> Json:
    """A collection in a list: in short if its place cannot be told, so that the list has as many as it counts."""
    try:
        with one_layer(layer.config.name):
            return _in_full(layer, opened, sets, root)
    except CogError:
        return _in_short(layer, root)


def collection(layer: Layer, opened: OpenLayer, root: str) -> Json:
    """A layer as a collection.

    Raises:
        UnknownGrid: it has no tilesets.
    """
    return _in_full(layer, opened, _tilesets(layer, opened), root)


def _tilesets(layer: Layer, opened: OpenLayer) -> list[Tileset]:
    found = tilesets(layer, opened)
    if isinstance(found, str):
        raise UnknownGrid(f"layer {layer.config.name!r} has no tilesets: {found}; its tiles are at {layer.path}")
    return found


def _in_short(layer: Layer, root: str) -> Json:
    config = layer.config
    about: Json = {"id": config.name, "title": config.title, "dataType": "map"}
    if config.attribution is not None:
        about["attribution"] = config.attribution
    return {**about, "links": [link("self", root + path_of(layer), JSON, config.title)]}


def _in_full(layer: Layer, opened: OpenLayer, sets: Sequence[Tileset], root: str) -> Json:
    about, title = _in_short(layer, root), layer.config.title
    more = [
        link(MAP_TILESETS, f"{root}{path_of(layer)}/map/tiles", JSON, f"Tilesets of {title}"),
        link("describedby", root + layer.path, JSON, f"All that is known of {title}"),
    ]
    return {**about, **_where(opened, sets), "links": about["links"] + more}


def _where(opened: OpenLayer, sets: Sequence[Tileset]) -> Json:
    crs, bounds = sets[0].set.matrices.crs, opened.cog.geo.bounds
    uris = [each.set.matrices.crs.uri for each in sets]
    found: Json = {"crs": [uri for uri in dict.fromkeys(uris) if uri is not None]}
    wgs84 = crs.wgs84_bounds(bounds) if bounds else None
    if wgs84 is not None:
        found["extent"] = {"spatial": {"bbox": [wgs84], "crs": CRS84}}
    return found


def tilesets_list(layer: Layer, opened: OpenLayer, root: str) -> Json:
    """The tilesets of a layer, in short.

    Raises:
        UnknownGrid: it has none.
    """
    here = f"{root}{path_of(layer)}/map/tiles"
    return {
        "links": [link("self", here), link(GEODATA, root + path_of(layer), JSON, layer.config.title)],
        "tilesets": [
            {**_short(layer, each), "links": [link("self", f"{here}/{each.grid.name}"), _scheme(each, root)]}
            for each in _tilesets(layer, opened)
        ],
    }


def tileset(layer: Layer, opened: OpenLayer, grid_name: str, root: str) -> Json:
    """A tileset in full. Its tiles are linked by URLs that name the version: clients such as GDAL keep them for days.

    Raises:
        UnknownGrid: the layer has no such tileset.
    """
    grid = opened.grids.named(grid_name)
    found = next(each for each in _tilesets(layer, opened) if each.grid is grid)
    here = root + path_of(layer)
    crs, config, bounds = found.set.matrices.crs, layer.config, opened.cog.geo.bounds
    formats = _formats(opened, found)
    about = _short(layer, found)
    if config.attribution is not None:
        about["attribution"] = config.attribution
    if bounds is not None:
        lower, upper = corners(crs, bounds)
        about["boundingBox"] = {"lowerLeft": lower, "upperRight": upper, "crs": about["crs"]}
    tiles = f"{root}{layer.path_of(opened)}/{IMAGE}/{found.grid.name}/{{tileMatrix}}/{{tileCol}}/{{tileRow}}"
    return {
        **about,
        "version": opened.version_key,
        "mediaTypes": [linked_type(extension) for extension in formats],
        "tileMatrixSetLimits": _limits(found),
        "layers": [{"id": config.name, "title": config.title, "dataType": "map", "links": [link(GEODATA, here)]}],
        "links": [
            link("self", f"{here}/map/tiles/{found.grid.name}"),
            _scheme(found, root),
            link(GEODATA, here, JSON, config.title),
            *(link("item", f"{tiles}.{extension}", linked_type(extension)) for extension in formats),
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


def _scheme(tileset: Tileset, root: str) -> Json:
    return link(TILING_SCHEME, root + tileset.set.path, JSON, tileset.set.title)


def _formats(opened: OpenLayer, tileset: Tileset) -> list[str]:
    """What the tiles of every matrix are offered as."""
    offered = [set(opened.offered(IMAGE, matrix.level)) for matrix in tileset.grid.matrices]
    return [extension for extension in FILES if all(extension in formats for formats in offered)]


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
