"""Names in requests and documents of WMTS: formats, tile matrix sets, paths."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

import msgspec
from msgspec.structs import replace

from cogread.wrap.tiff.wrapper import TIFF, WHOLE_TIFF
from server.documents.pictures import CUT_OUT, MEDIA_TYPES
from server.http.errors import UnknownGrid
from server.layers.grids import NATIVE, WEB_MERCATOR, Grids, native_set_name

QUERIES: Final = "/wmts"
"""Path of requests by key-value pairs."""
RESOURCES: Final = "/wmts/1.0.0"
"""Start of the paths of the RESTful binding."""
CAPABILITIES: Final = f"{RESOURCES}/WMTSCapabilities.xml"
LAYER_CAPABILITIES: Final = "/wmts.xml"
"""End of the path of the capabilities of one layer or collection, behind its own path."""

EXTENSIONS: Final = {media_type: extension for extension, media_type in MEDIA_TYPES.items()}
"""Media type -> extension. Media types have no blanks, which some clients cannot send."""

VARIANTS: Final = {TIFF.extension: WHOLE_TIFF.extension, **CUT_OUT}
"""Format -> its variant for WMTS, whose tiles are whole and without hidden pixels; extensions."""

BASE_URL_PLACEHOLDER: Final = "\x1a"
"""Stands for the base URL, which differs among clients; a character that no XML text can hold."""

QUERY_PLACEHOLDER: Final = "\x1b"
"""The same for the query of the URLs of tiles."""

DIMENSION_PLACEHOLDER: Final = "\x1c"
"""The same for the `Dimension` element, whose values change without the file."""
TIME_IDENTIFIER: Final = "Time"

SHARED_SIDE: Final = 256
"""Width of the tiles of the tile matrix set that layers share, in pixels."""


class LayerPart(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A layer version in the capabilities."""

    layer: bytes
    """Its `Layer` element with BASE_URL_PLACEHOLDER in place of the server's base URL, as zlib."""
    tile_matrix_set: bytes
    """The `TileMatrixSet` element of its own grid, as zlib."""
    digest: bytes
    """Digest of both, and of the name and the version of the layer."""
    web_mercator_z: int | None
    """The highest z of the shared set at which it has tiles; None: it is not on that."""
    times: tuple[str, ...] = ()
    """Values of its time, the latest is the default; (): it has none."""

    def at_times(self, times: Sequence[str]) -> "LayerPart":
        """The part of the same file with other times."""
        digest = blake2b("\0".join(times).encode(), key=self.digest, digest_size=8).digest()
        return replace(self, times=tuple(times), digest=digest)


def grid_of(layer: str, tile_matrix_set: str) -> str:
    """The grid of a layer's tile matrix set.

    Raises:
        UnknownGrid: the layer has no such tile matrix set.
    """
    if tile_matrix_set == native_set_name(layer):
        return NATIVE
    if tile_matrix_set == WEB_MERCATOR:
        return WEB_MERCATOR
    raise unknown_set(layer, tile_matrix_set)


def unknown_set(layer: str, tile_matrix_set: str) -> UnknownGrid:
    """The error for a tile matrix set that the layer does not have."""
    wanted = f"{native_set_name(layer)}, or {WEB_MERCATOR} where the layer is aligned to it with tiles of 256 px"
    return UnknownGrid(f"tile matrix set {tile_matrix_set[:100]!r}: wanted {wanted}")


def shares_web_mercator(grids: Grids) -> bool:
    """Tell whether a layer's tiles belong to the shared set; tiles of 512 px do not."""
    shared = grids.web_mercator
    return shared is not None and shared.matrices[0].tile_width == SHARED_SIDE
