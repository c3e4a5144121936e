"""Tile matrix sets in JSON (OGC 17-083r4, §8 and its schema `tileMatrixSet.json`)."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from cogread.crs.crs import Crs
from cogread.errors import CogError
from server.documents.ogc.links import JSON, Json, link
from server.http.errors import UnknownGrid, public_reason
from server.layers.catalog import Layer
from server.layers.grids import MAX_Z, NATIVE, WEB_MERCATOR, WEB_TILE_SIDES, Grid, native_set_name
from server.layers.layer_version import OpenLayer
from server.layers.tile_matrix_sets import TileMatrix, TileMatrixSet, native_set, web_mercator_set
from server.resilience.layer_fault import one_layer

WEB_MERCATOR_URI: Final = f"http://www.opengis.net/def/tilematrixset/OGC/1.0/{WEB_MERCATOR}"
WELL_KNOWN_SCALES: Final = "http://www.opengis.net/def/wkss/OGC/1.0/GoogleMapsCompatible"
REGISTERED_SIDE: Final = 256
"""Of the tiles of the set that is registered; with others it is a set of its own."""


@dataclass(frozen=True, slots=True)
class NamedSet:
    """A tile matrix set under the name that this server gives it."""

    id: str
    """Unique among all of the server: each layer has a native grid of its own."""
    title: str
    uri: str | None
    """Where it is registered; None: nowhere."""
    matrices: TileMatrixSet

    @property
    def path(self) -> str:
        """Of its document, below the server's root."""
        return f"/tileMatrixSets/{self.id}"


@dataclass(frozen=True, slots=True)
class Tileset:
    """The tiles of a layer in one of its grids."""

    grid: Grid
    set: NamedSet


def layer_of(name: str) -> str | None:
    """The layer whose own grid has this name; None if it is none of a layer's."""
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


def tilesets(layer: Layer, opened: OpenLayer) -> list[Tileset] | str:
    """The tilesets of a layer, that of its own grid first, or why it has none."""
    own = native_set(opened.cog, opened.grids)
    if isinstance(own, str):
        return own
    config = layer.config
    found = [
        Tileset(opened.grids.native, NamedSet(native_set_name(config.name), f"The grid of {config.title}", None, own))
    ]
    if opened.grids.web_mercator is not None:
        side = opened.grids.web_mercator.matrices[0].tile_width
        found.append(Tileset(opened.grids.web_mercator, web_mercator(side)))
    return found


def tilesets_or_reason(layer: Layer, opened: OpenLayer) -> list[Tileset] | str:
    """The same for a list, which no layer may spoil."""
    try:
        with one_layer(layer.config.name):
            return tilesets(layer, opened)
    except CogError as error:
        return public_reason(error)


def crs_json(crs: Crs) -> str | Json:
    """A CRS as documents name it: by its URI, or in full where it has none.

    The axes of a definition follow the order of the coordinates in the document, which goes by `swaps_axes`.
    """
    if crs.uri is not None:
        return crs.uri
    whole = crs.horizontal_projjson()
    system: dict[str, Any] = whole.get("coordinate_system", {})
    axes = sorted(system.get("axis", []), key=lambda axis: (axis["direction"] == "north") is not crs.swaps_axes)
    return {"wkt": {**whole, "coordinate_system": {**system, "axis": axes}}}


def sets(layers: Iterable[Layer], opened: Mapping[str, OpenLayer | CogError | None], root: str) -> list[Json]:
    """The sets of layers, in short: those that all share first, then each layer's own where it has one.

    Args:
        layers: in the order of the list.
        opened: by name, as `Catalog.open_all` returns it.
        root: what links begin with.
    """
    found = [_item(web_mercator(side), root) for side in WEB_TILE_SIDES]
    for layer in layers:
        state = opened[layer.config.name]
        if isinstance(state, OpenLayer) and not isinstance(of_layer := tilesets_or_reason(layer, state), str):
            with suppress(CogError), one_layer(layer.config.name):
                found.append(_item(of_layer[0].set, root))
    return found


def shared_set(name: str, root: str) -> Json | None:
    """A set that layers share, in full; None if no such set is shared."""
    sides = {web_mercator_id(side): side for side in WEB_TILE_SIDES}
    return _document(web_mercator(sides[name]), root) if name in sides else None


def own_set(layer: Layer, opened: OpenLayer, root: str) -> Json:
    """The set of a layer's own grid, in full.

    Raises:
        UnknownGrid: no tile matrix set can describe it.
    """
    found = tilesets(layer, opened)
    if isinstance(found, str):
        raise UnknownGrid(f"layer {layer.config.name!r} has no tile matrix set: {found}")
    return _document(found[0].set, root)


def _item(named: NamedSet, root: str) -> Json:
    """A set in the list of all."""
    about: Json = {"id": named.id, "title": named.title, "crs": crs_json(named.matrices.crs)}
    if named.uri is not None:
        about["uri"] = named.uri
    return {**about, "links": [link("self", root + named.path, JSON, named.title)]}


def _document(named: NamedSet, root: str) -> Json:
    """A set in full."""
    document = {
        **_item(named, root),
        "orderedAxes": _axes(named),
        "tileMatrices": [_matrix(named.matrices, matrix) for matrix in named.matrices.matrices],
        **_version_1(named),
    }
    if named.uri is not None:
        document["wellKnownScaleSet"] = WELL_KNOWN_SCALES
    return document


def _axes(named: NamedSet) -> list[str]:
    """What the two coordinates are, in words by which clients tell their order."""
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
    """The same in the words of version 1.0 (OGC 17-083r2), which are all that GDAL 3.6 knows."""
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
