"""A layer version in the lists of OGC API: its collection and the tile matrix set of its own grid, without PROJ."""

from zlib import decompress

import msgspec

from cogread.crs.georeference import Bounds


class TilesetsItem(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Facts about the tilesets of a layer."""

    crs_uris: tuple[str, ...]
    """CRSs of its tilesets that have a URI."""
    wgs84: Bounds | None
    """West, south, east, north; None: its place cannot be told in degrees."""
    own_crs: bytes
    """CRS of its own grid as documents name it, as JSON in zlib."""
    has_vrt: bool
    """GDAL has it as a VRT."""

    def own_crs_json(self) -> msgspec.Raw:
        """The CRS of its own grid."""
        return msgspec.Raw(decompress(self.own_crs))
