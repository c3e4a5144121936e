"""What WMTS requests and documents call things: styles, formats, tile matrix sets, the paths of tiles."""

from typing import Final

from cogread.wrap import FILES, WRAPPERS
from cogread.wrap.tiff.wrapper import TIFF, WHOLE_TIFF
from server.http.errors import UnknownGrid
from server.layers.grids import NATIVE, WEB_MERCATOR, Grids

QUERIES: Final = "/wmts"
"""Path of requests by key-value pairs."""
RESOURCES: Final = "/wmts/1.0.0"
"""What the paths of the RESTful binding begin with."""
CAPABILITIES: Final = f"{RESOURCES}/WMTSCapabilities.xml"

STYLE: Final = "default"
"""The only one of each layer."""

MEDIA_TYPES: Final = {extension: WRAPPERS[extension].media_type for extension in FILES}
"""By extension; without blanks, which some clients cannot send."""
EXTENSIONS: Final = {media_type: extension for extension, media_type in MEDIA_TYPES.items()}

WHOLE: Final = {TIFF.extension: WHOLE_TIFF.extension}
"""Extension of a format whose tiles end where the image does -> of the same with whole tiles, as WMTS wants them."""

SHARED_SIDE: Final = 256
"""Pixels of the tiles of the tile matrix set that layers share."""


def native_set_name(layer: str) -> str:
    """Identifier of the tile matrix set of a layer's own grid: of all layers' it must be another."""
    return f"{NATIVE}.{layer}"


def grid_of(layer: str, tile_matrix_set: str) -> str:
    """The grid that a tile matrix set is, for a layer.

    Raises:
        UnknownGrid: it is none of the layer's.
    """
    if tile_matrix_set == native_set_name(layer):
        return NATIVE
    if tile_matrix_set == WEB_MERCATOR:
        return WEB_MERCATOR
    raise unknown_set(layer, tile_matrix_set)


def unknown_set(layer: str, tile_matrix_set: str) -> UnknownGrid:
    """The error for a tile matrix set that is none of the layer's."""
    wanted = f"{native_set_name(layer)}, or {WEB_MERCATOR} where the layer is aligned to it with tiles of 256 px"
    return UnknownGrid(f"tile matrix set {tile_matrix_set[:100]!r}: wanted {wanted}")


def shares_web_mercator(grids: Grids) -> bool:
    """Whether a layer's tiles are tiles of the shared set; those of 512 px are not."""
    shared = grids.web_mercator
    return shared is not None and shared.matrices[0].tile_width == SHARED_SIDE
