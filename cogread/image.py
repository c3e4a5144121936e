"""A COG in memory: images in tiles, levels with their masks, and the file that they make up. Plain data, no reading."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

from cogread.byterange import Version
from cogread.crs.georeference import Georeference
from cogread.jpeg_stream import Head
from cogread.jxl_stream import Header
from cogread.tiff.directory import Directory, Entry
from cogread.tiff.gdal_metadata import Item
from cogread.tiff.tags import Compression, Photometric, Planar, SampleFormat, Subfile, Tag

_SAMPLINGS: Final = frozenset(horizontal << 4 | vertical for horizontal in (1, 2, 4) for vertical in (1, 2, 4))
"""Sampling factors that TIFF can state, as in `jpeg_stream.Frame.sampling`."""


@dataclass(frozen=True)
class Image:
    """The image of one directory, in tiles. Without slots, which cached properties need."""

    directory: Directory
    width: int
    """Pixels."""
    height: int
    tile_width: int
    """Pixels; tiles at the right and lower edge are stored whole, padded."""
    tile_height: int
    samples: int
    """Bands."""
    bits: int
    """Bits of each sample."""
    sample_format: int
    photometric: int
    compression: int
    planar: int
    extra_samples: tuple[int, ...]
    jpeg_tables: bytes | None
    offsets: Entry
    """Place of TileOffsets; tiles beyond the end of the array are sparse."""
    counts: Entry
    """Place of TileByteCounts."""
    ycbcr_subsampling: tuple[int, int] | None = None
    """Horizontal, vertical; None: the tags do not say."""
    first_tile: Head | None = None
    """Head of the first tile of a JPEG image; None: not read, or sparse; see `first_tiles`."""
    first_jxl: Header | None = None
    """The same of a JPEG XL image."""

    @cached_property
    def tiles_across(self) -> int:
        """Columns of tiles."""
        return -(-self.width // self.tile_width)

    @cached_property
    def tiles_down(self) -> int:
        """Rows of tiles."""
        return -(-self.height // self.tile_height)

    @cached_property
    def planes(self) -> int:
        """Number of sets of tiles: one for each band if bands are stored apart, else 1."""
        return self.samples if self.planar == Planar.SEPARATE else 1

    @cached_property
    def plane_samples(self) -> int:
        """Number of samples of a pixel within one plane."""
        return self.samples // self.planes

    @cached_property
    def tile_bytes(self) -> int:
        """Bytes of one tile of one plane when decoded; rows are padded to whole bytes (TIFF 6.0 §8)."""
        return -(-self.tile_width * self.plane_samples * self.bits // 8) * self.tile_height

    @property
    def tile_size(self) -> tuple[int, int]:
        """Width and height of a tile."""
        return self.tile_width, self.tile_height

    @property
    def tile_pixels(self) -> int:
        """Number of pixels of a tile."""
        return self.tile_width * self.tile_height

    @cached_property
    def is_mask(self) -> bool:
        """The image is the mask of another."""
        return bool(self.directory.integer(Tag.NEW_SUBFILE_TYPE, 0) & Subfile.MASK)

    @cached_property
    def jpeg_sampling(self) -> bytes:
        """Sampling factors that libtiff demands of the components of JPEG tiles; see `jpeg_stream.Frame`.

        Only the first component of YCbCr may have others than 1, 1. Where the tags do not state them, those of the
        first tile count (tif_jpeg.c, `JPEGFixupTagsSubsampling`).
        """
        return bytes([self._first_sampling]).ljust(self.plane_samples, b"\x11")

    @property
    def _first_sampling(self) -> int:
        if self.photometric != Photometric.YCBCR:
            return 0x11
        if self.ycbcr_subsampling is not None:
            horizontal, vertical = self.ycbcr_subsampling
            return (horizontal & 15) << 4 | vertical & 15
        frame = self.first_tile.frame if self.first_tile else None
        if frame is None or frame.sampling[1:] != b"\x11\x11" or frame.sampling[0] not in _SAMPLINGS:
            return 0x22
        return frame.sampling[0]

    @property
    def dtype(self) -> str:
        """Type of the samples by numpy's name; `uint1` to `uint63` where the bits are no whole bytes."""
        kinds = {
            SampleFormat.INT: "int",
            SampleFormat.FLOAT: "float",
            SampleFormat.COMPLEX_INT: "complex_int",
            SampleFormat.COMPLEX_FLOAT: "complex",
        }
        return f"{kinds.get(SampleFormat(self.sample_format), 'uint')}{self.bits}"

    @property
    def compression_name(self) -> str:
        """The codec's name, or the number of an unknown one."""
        return _name(Compression, self.compression)

    @property
    def photometric_name(self) -> str:
        """The photometric interpretation's name, or the number of an unknown one."""
        return _name(Photometric, self.photometric)


@dataclass(frozen=True, slots=True)
class Level:
    """One resolution."""

    image: Image
    mask: Image | None
    colors: tuple[str, ...] = ()
    """Colour interpretation of each band of the full resolution, by GDAL's name in lower case; () of a mask."""


@dataclass(frozen=True, slots=True)
class Cog:
    """A whole file, without its tiles."""

    version: Version
    levels: tuple[Level, ...]
    """Level 0 is the full resolution, then ever coarser."""
    geo: Georeference
    metadata: tuple[Item, ...] = ()
    """Items of GDAL_METADATA."""

    @property
    def full(self) -> Image:
        """The image in full resolution."""
        return self.levels[0].image


def _name(kind: type[Compression] | type[Photometric], number: int) -> str:
    try:
        return kind(number).name
    except ValueError:
        return str(number)
