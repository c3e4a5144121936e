"""Tile matrix sets in JSON (OGC 17-083r4, §8 and its schema `tileMatrixSet.json`)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from cogread.crs.crs import Crs
from cogread.refusal import Refusal
from server.documents import Json
from server.documents.ogc.item import TilesetsItem
from server.documents.ogc.links import JSON, link
from server.http.errors import UnknownGrid
from server.http.public_urls import Links
from server.layers.grids import MAX_Z, NATIVE, WEB_MERCATOR, WEB_TILE_SIDES, Grid, native_set_name
from server.layers.layer import Layer
from server.layers.layer_version import LayerVersion
from server.layers.tile_matrix_sets import TileMatrix, TileMatrixSet, native_set, web_mercator_set
from server.settings.layer_config import LayerConfig

SETS: Final = "/tileMatrixSets"
"""Path of the list of sets."""
WEB_MERCATOR_URI: Final = f"http://www.opengis.net/def/tilematrixset/OGC/1.0/{WEB_MERCATOR}"
WELL_KNOWN_SCALES: Final = "http://www.opengis.net/def/wkss/OGC/1.0/GoogleMapsCompatible"
REGISTERED_SIDE: Final = 256
"""Tile size of the registered set; another size makes another set."""


@dataclass(frozen=True, slots=True)
class NamedSet:
    """A tile matrix set under the name that this server gives it."""

    id: str
    """Name, unique on the server: each layer has its native grid."""
    title: str
    uri: str | None
    """URI of the registered set; None: it is not registered."""
    matrices: TileMatrixSet

    @property
    def path(self) -> str:
        """Path of its document, below the server's base URL."""
        return f"{SETS}/{self.id}"


@dataclass(frozen=True, slots=True)
class Tileset:
    """The tiles of a layer in one of its grids."""

    grid: Grid
    set: NamedSet


def layer_of(name: str) -> str | None:
    """The layer whose native grid has this name; None if there is none."""
    prefix, _, layer = name.partition(".")
    return layer if prefix == NATIVE and layer else None


def web_mercator_id(side: int) -> str:
    """The name of the grid of web maps with tiles of `side` pixels."""
    return WEB_MERCATOR if side == REGISTERED_SIDE else f"{WEB_MERCATOR}{side}"


def web_mercator(side: int) -> NamedSet:
    """The grid of web maps with tiles of `side` pixels."""
    uri = WEB_MERCATOR_URI if side == REGISTERED_SIDE else None
    title = f"Web Mercator, tiles of {side} pixels"
    return NamedSet(web_mercator_id(side), title, uri, web_mercator_set(MAX_Z, side))


def tilesets(layer: Layer, opened: LayerVersion) -> list[Tileset] | Refusal:
    """The tilesets of a layer, that of its own grid first."""
    own = native_set(opened.cog, opened.grids, opened.resolver)
    if isinstance(own, Refusal):
        return own
    config = layer.config
    native = NamedSet(native_set_name(config.name), _native_title(config), None, own)
    result = [Tileset(opened.grids.native, native)]
    if opened.grids.web_mercator is not None:
        side = opened.grids.web_mercator.matrices[0].tile_width
        result.append(Tileset(opened.grids.web_mercator, web_mercator(side)))
    return result


def crs_json(crs: Crs) -> str | Json:
    """A CRS as documents name it: by its URI, else in full.

    The axes of a definition follow the order of the coordinates in the document, which goes by `swaps_axes`.
    """
    if crs.uri is not None:
        return crs.uri
    whole = crs.horizontal_projjson()
    system: dict[str, Any] = whole.get("coordinate_system", {})
    axes = sorted(system.get("axis", []), key=lambda axis: (axis["direction"] == "north") is not crs.swaps_axes)
    return {"wkt": {**whole, "coordinate_system": {**system, "axis": axes}}}


def set_items(layers: Iterable[tuple[LayerConfig, TilesetsItem]], links: Links) -> list[Json]:
    """The sets of layers' own grids in the list of all sets."""
    return [
        _item(native_set_name(config.name), _native_title(config), item.own_crs_json(), links)
        for config, item in layers
    ]


def shared_set_items(links: Links) -> list[Json]:
    """The sets that layers share in the list of all sets."""
    return [_named_item(web_mercator(side), links) for side in WEB_TILE_SIDES]


def shared_set(name: str, links: Links) -> Json | None:
    """A set that layers share, in full; None if no such set is shared."""
    sides = {web_mercator_id(side): side for side in WEB_TILE_SIDES}
    return _document(web_mercator(sides[name]), links) if name in sides else None


def own_set(layer: Layer, opened: LayerVersion, links: Links) -> Json:
    """The set of a layer's own grid, in full.

    Raises:
        UnknownGrid: no tile matrix set can describe it.
    """
    sets = tilesets(layer, opened)
    if isinstance(sets, Refusal):
        raise UnknownGrid(f"layer {layer.config.name!r} has no tile matrix set: {sets}")
    return _document(sets[0].set, links)


def _native_title(config: LayerConfig) -> str:
    return f"The grid of {config.title}"


def _item(name: str, title: str, crs: str | Json | msgspec.Raw, links: Links) -> Json:
    return {"id": name, "title": title, "crs": crs, "links": [link("self", links.to(f"{SETS}/{name}"), JSON, title)]}


def _named_item(named: NamedSet, links: Links) -> Json:
    item = _item(named.id, named.title, crs_json(named.matrices.crs), links)
    return item if named.uri is None else {**item, "uri": named.uri}


def _document(named: NamedSet, links: Links) -> Json:
    """A set in full."""
    document = {
        **_named_item(named, links),
        "orderedAxes": _axes(named),
        "tileMatrices": [_matrix(named.matrices, matrix) for matrix in named.matrices.matrices],
        **_version_1(named),
    }
    if named.uri is not None:
        document["wellKnownScaleSet"] = WELL_KNOWN_SCALES
    return document


def _axes(named: NamedSet) -> list[str]:
    """Names of the two coordinates, by which clients know their order."""
    crs = named.matrices.crs
    if named.id.startswith(WEB_MERCATOR):
        return ["X", "Y"]  # as registered
    axes = ["Lon", "Lat"] if crs.is_geographic else ["E", "N"]
    return axes[::-1] if crs.swaps_axes else axes


def _matrix(matrices: TileMatrixSet, matrix: TileMatrix) -> Json:
    return {
        "id": str(matrix.z),
        "scaleDenominator": matrix.scale_denominator,
        "cellSize": matrix.cell_size,
        "cornerOfOrigin": "topLeft",
        "pointOfOrigin": matrices.top_left,
        "tileWidth": matrix.tile_width,
        "tileHeight": matrix.tile_height,
        "matrixWidth": matrix.width,
        "matrixHeight": matrix.height,
    }


def _version_1(named: NamedSet) -> Json:
    """The same in version 1.0 (OGC 17-083r2), the only one that GDAL 3.6 reads."""
    own = ("scaleDenominator", "tileWidth", "tileHeight", "matrixWidth", "matrixHeight")
    matrices = [_matrix(named.matrices, matrix) for matrix in named.matrices.matrices]
    return {
        "type": "TileMatrixSetType",
        "identifier": named.id,
        "supportedCRS": named.matrices.crs.uri or named.matrices.crs.supported_crs,
        "tileMatrix": [
            {
                "type": "TileMatrixType",
                "identifier": matrix["id"],
                "topLeftCorner": matrix["pointOfOrigin"],
                **{key: matrix[key] for key in own},
            }
            for matrix in matrices
        ],
    }
