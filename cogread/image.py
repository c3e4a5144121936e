"""From directories to what is served: images in tiles, levels with their masks, and the COG that they make up.

Which directory is what follows GDAL (frmts/gtiff/gtiffdataset_read.cpp, `ScanDirectories`): the first is the full
resolution; those that NewSubfileType calls reduced are its overviews if they have as many bands; masks are told by that
tag alone, never by their codec, and belong to the level of their size; anything else is another page and left aside. So
are overviews of a kind that is not read, such as thumbnails in strips: the image is whole without them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from cogread.byterange import Version
from cogread.crs.georeference import Georeference, georeference
from cogread.errors import FormatError, UnsupportedFormat
from cogread.jpeg_stream import Head
from cogread.tiff.colors import color_interpretations
from cogread.tiff.directory import Directory, Entry
from cogread.tiff.gdal_metadata import Item, parse_items
from cogread.tiff.structure import check_structure
from cogread.tiff.tags import BYTES, Compression, Photometric, Planar, SampleFormat, Subfile, Tag

MAX_SIDE: Final = 2**31 - 1
"""GDAL's rasters are counted in int32."""
MAX_TILE_BYTES: Final = 256 << 20
"""Largest decoded tile; what is larger is no tile for a map."""
MAX_TILES: Final = 2**31 - 1
"""GDAL's blocks are counted in int32 too."""
MAX_LEVELS: Final = 31

_SAMPLINGS: Final = frozenset(horizontal << 4 | vertical for horizontal in (1, 2, 4) for vertical in (1, 2, 4))
"""Factors that TIFF can state."""

_COREL_ALPHA: Final = {999: 2}
"""Corel's number of unassociated alpha in ExtraSamples, and TIFF's (libtiff, tif_dir.c, `setExtraSamples`)."""


@dataclass(frozen=True)
class Image:
    """The image of one directory, in tiles. Without slots, so that what follows from its fields is worked out once."""

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
    """Of each sample."""
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
    """Of a JPEG image, where it was looked at; see `first_tiles`."""

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
        """Sets of tiles: as many as bands if they are stored apart, else 1."""
        return self.samples if self.planar == Planar.SEPARATE else 1

    @cached_property
    def tile_bytes(self) -> int:
        """Bytes of one tile of one plane when decoded; rows are padded to whole bytes (TIFF 6.0 §8)."""
        samples = self.samples // self.planes
        return -(-self.tile_width * samples * self.bits // 8) * self.tile_height

    @cached_property
    def jpeg_sampling(self) -> bytes:
        """Sampling factors that the components of JPEG tiles must have for libtiff; see `jpegstream.Frame`.

        Only the first of YCbCr may have others than 1, 1. Where the tags do not say them, those of the first tile count
        (tif_jpeg.c, `JPEGFixupTagsSubsampling`).
        """
        return bytes([self._first_sampling]).ljust(self.samples // self.planes, b"\x11")

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
        """Type of the samples in numpy's names; `uint1` to `uint63` where the bits are no whole bytes."""
        kinds = {
            SampleFormat.INT: "int",
            SampleFormat.FLOAT: "float",
            SampleFormat.COMPLEX_INT: "complex_int",
            SampleFormat.COMPLEX_FLOAT: "complex",
        }
        return f"{kinds.get(SampleFormat(self.sample_format), 'uint')}{self.bits}"

    @property
    def compression_name(self) -> str:
        """The codec's name, or its number if it has none here."""
        return _name(Compression, self.compression)

    @property
    def photometric_name(self) -> str:
        """The photometric interpretation's name, or its number."""
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


def build_cog(directories: Sequence[Directory], version: Version) -> Cog:
    """Sort directories into levels.

    Raises:
        UnsupportedFormat: the image is in strips, or of a kind that is not read.
        FormatError: a directory contradicts itself.
    """
    first, *others = directories
    full = build_image(first)
    overviews: list[Image] = []
    masks: dict[tuple[int, int], Directory] = {}
    for directory in others:
        kind = Subfile(directory.integer(Tag.NEW_SUBFILE_TYPE, 0) & 0b111)
        if not kind & (Subfile.REDUCED | Subfile.MASK):
            continue
        if kind & Subfile.MASK:
            masks.setdefault(_size(directory), directory)
            continue
        try:
            image = build_image(directory)
        except UnsupportedFormat:
            continue
        if image.samples == full.samples and image.width <= full.width and image.height <= full.height:
            overviews.append(image)
    overviews.sort(key=lambda image: (image.width, image.height), reverse=True)
    if len(overviews) >= MAX_LEVELS:
        raise FormatError(f"{len(overviews)} overviews, wanted fewer than {MAX_LEVELS}")
    metadata = _metadata(first)
    colors = color_interpretations(first, full.samples, full.bits, metadata)
    levels = tuple(Level(image, _mask(image, masks), colors) for image in (full, *overviews))
    return Cog(version, levels, georeference(first, full.width, full.height), metadata)


def _metadata(directory: Directory) -> tuple[Item, ...]:
    entry = directory.entries.get(Tag.GDAL_METADATA)
    return parse_items(entry.data) if entry is not None and entry.data and entry.type in BYTES else ()


def _mask(image: Image, masks: dict[tuple[int, int], Directory]) -> Image | None:
    """The mask of an image; None without one, or if GDAL would not take it for one because of its samples."""
    directory = masks.get((image.width, image.height))
    if directory is None:
        return None
    mask = build_image(directory)
    is_mask = mask.bits in (1, 8) and mask.sample_format == SampleFormat.UINT and mask.samples in (1, image.samples)
    return mask if is_mask else None


def build_image(directory: Directory) -> Image:
    """Read and check what one directory says of its image.

    Raises:
        UnsupportedFormat: strips, or samples of different kinds.
        FormatError: a value is missing or out of bounds.
    """
    where = directory.where
    if Tag.TILE_WIDTH not in directory.entries:
        raise UnsupportedFormat(
            f"{where}: the image is in strips, wanted tiles; `gdal_translate -of COG in.tif out.tif` makes them"
        )
    check_structure(directory)
    for tag in (Tag.IMAGE_DEPTH, Tag.TILE_DEPTH):
        depth = directory.integer(tag, 1)
        if depth != 1:
            raise UnsupportedFormat(f"{where}: {tag.name} {depth}, wanted 1: images of several slices are not read")
    width, height = _size(directory)
    image = Image(
        directory=directory,
        width=width,
        height=height,
        tile_width=_bounded(directory, Tag.TILE_WIDTH, 1, MAX_SIDE),
        tile_height=_bounded(directory, Tag.TILE_LENGTH, 1, MAX_SIDE),
        samples=_bounded(directory, Tag.SAMPLES_PER_PIXEL, 1, 65535, 1),
        bits=_same(directory, Tag.BITS_PER_SAMPLE, 1),
        sample_format=_same(directory, Tag.SAMPLE_FORMAT, SampleFormat.UINT),
        photometric=directory.integer(Tag.PHOTOMETRIC, Photometric.MINISBLACK),
        compression=_same(directory, Tag.COMPRESSION, Compression.NONE),
        planar=_bounded(directory, Tag.PLANAR_CONFIGURATION, 1, 2, Planar.CONTIGUOUS),
        extra_samples=tuple(_COREL_ALPHA.get(kind, kind) for kind in directory.integers(Tag.EXTRA_SAMPLES)),
        jpeg_tables=directory.raw(Tag.JPEG_TABLES),
        offsets=_index(directory, Tag.TILE_OFFSETS, Tag.STRIP_OFFSETS),
        counts=_index(directory, Tag.TILE_BYTE_COUNTS, Tag.STRIP_BYTE_COUNTS),
        ycbcr_subsampling=_subsampling(directory),
    )
    if not 1 <= image.bits <= 128:
        raise FormatError(f"{where}: {image.bits} bits a sample, wanted 1 to 128")
    if image.sample_format not in set(SampleFormat):
        raise FormatError(f"{where}: SAMPLE_FORMAT {image.sample_format}, wanted 1 to 6")
    if image.tile_bytes > MAX_TILE_BYTES:
        raise UnsupportedFormat(f"{where}: a tile of {image.tile_bytes} bytes, wanted at most {MAX_TILE_BYTES}")
    tiles = image.tiles_across * image.tiles_down * image.planes
    if tiles > MAX_TILES:
        raise FormatError(f"{where}: {tiles} tiles, wanted at most {MAX_TILES}")
    return image


def _size(directory: Directory) -> tuple[int, int]:
    return _bounded(directory, Tag.IMAGE_WIDTH, 1, MAX_SIDE), _bounded(directory, Tag.IMAGE_LENGTH, 1, MAX_SIDE)


def _bounded(directory: Directory, tag: Tag, least: int, most: int, default: int | None = None) -> int:
    value = directory.integer(tag, default)
    if not least <= value <= most:
        raise FormatError(f"{directory.where}: {tag.name} {value}, wanted {least} to {most}")
    return value


def _same(directory: Directory, tag: Tag, default: int) -> int:
    """A value that TIFF gives for each sample and that must be the same for all, as libtiff wants it."""
    values = set(directory.integers(tag, (default,))[: directory.integer(Tag.SAMPLES_PER_PIXEL, 1)])
    if len(values) > 1:
        raise UnsupportedFormat(f"{directory.where}: {tag.name} differs between the bands: {sorted(values)}")
    return values.pop()


def _subsampling(directory: Directory) -> tuple[int, int] | None:
    if directory.integer(Tag.COMPRESSION, Compression.NONE) != Compression.JPEG:
        return None
    values = directory.integers(Tag.YCBCR_SUBSAMPLING)
    return (values[0], values[1]) if values else None


def _index(directory: Directory, tag: Tag, strip_tag: Tag) -> Entry:
    """An array of the tile index; old writers keep it under the tag for strips, which libtiff accepts."""
    entry = directory.entries.get(tag) or directory.entries.get(strip_tag)
    if entry is None:
        raise FormatError(f"{directory.where}: no {tag.name}")
    return entry


def _name(kind: type[Compression] | type[Photometric], number: int) -> str:
    try:
        return kind(number).name
    except ValueError:
        return str(number)
