"""The directories of a file -> images in tiles, levels with their masks, and the COG that they make up.

GDAL's rules sort the directories (frmts/gtiff/gtiffdataset_read.cpp, `ScanDirectories`): the first is the full
resolution; those that NewSubfileType calls reduced are its overviews if they have as many bands; that tag alone tells
masks, never their codec, and they belong to the level of their size. Other directories are pages, and left out. So are
overviews that are not supported, such as thumbnails in strips: the image is whole without them.
"""

from collections.abc import Sequence
from typing import Final

from cogread.byterange import Version
from cogread.conversion import cog_line, cog_options
from cogread.crs.georeference import georeference
from cogread.errors import FormatError, UnsupportedFormat
from cogread.image import Cog, Image, Level
from cogread.tiff.colors import color_interpretations, stated_extra_samples
from cogread.tiff.directory import Directory, Entry
from cogread.tiff.fields import BYTES
from cogread.tiff.gdal_metadata import Item, parse_items
from cogread.tiff.structure import check_structure
from cogread.tiff.tags import Compression, Photometric, Planar, SampleFormat, Subfile, Tag

MAX_SIDE: Final = 2**31 - 1
"""GDAL counts pixels in int32."""
MAX_TILE_BYTES: Final = 256 << 20
"""Largest decoded tile; a larger one is no tile for a map."""
MAX_TILES: Final = 2**31 - 1
"""GDAL counts blocks in int32 too."""
MAX_LEVELS: Final = 31


def build_cog(directories: Sequence[Directory], version: Version) -> Cog:
    """Sort directories into levels.

    Raises:
        UnsupportedFormat: the image is in strips, or of a kind that is not supported.
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
    """Read and check the image of one directory.

    Raises:
        UnsupportedFormat: strips, or samples of different kinds.
        FormatError: a value is missing or out of bounds.
    """
    where = directory.where
    if Tag.TILE_WIDTH not in directory.entries:
        raise UnsupportedFormat(
            f"{where}: the image is in strips, wanted tiles; `{cog_line(cog_options(directory))}` makes them"
        )
    check_structure(directory)
    for tag in (Tag.IMAGE_DEPTH, Tag.TILE_DEPTH):
        depth = directory.integer(tag, 1)
        if depth != 1:
            raise UnsupportedFormat(f"{where}: {tag.name} {depth}, wanted 1: no images of several slices")
    width, height = _size(directory)
    image = Image(
        directory=directory,
        width=width,
        height=height,
        tile_width=_bounded(directory, Tag.TILE_WIDTH, 1, MAX_SIDE),
        tile_height=_bounded(directory, Tag.TILE_LENGTH, 1, MAX_SIDE),
        samples=_bounded(directory, Tag.SAMPLES_PER_PIXEL, 1, 65535, 1),
        bits=_common(directory, Tag.BITS_PER_SAMPLE, 1),
        sample_format=_common(directory, Tag.SAMPLE_FORMAT, SampleFormat.UINT),
        photometric=directory.integer(Tag.PHOTOMETRIC, Photometric.MINISBLACK),
        compression=_common(directory, Tag.COMPRESSION, Compression.NONE),
        planar=_bounded(directory, Tag.PLANAR_CONFIGURATION, 1, 2, Planar.CONTIGUOUS),
        extra_samples=stated_extra_samples(directory),
        jpeg_tables=directory.raw(Tag.JPEG_TABLES),
        offsets=_index(directory, Tag.TILE_OFFSETS, Tag.STRIP_OFFSETS),
        counts=_index(directory, Tag.TILE_BYTE_COUNTS, Tag.STRIP_BYTE_COUNTS),
        ycbcr_subsampling=_subsampling(directory),
    )
    _check_bounds(image, where)
    return image


def _check_bounds(image: Image, where: str) -> None:
    """Refuse samples of no known kind, and tiles that are too large or too many."""
    if not 1 <= image.bits <= 128:
        raise FormatError(f"{where}: {image.bits} bits a sample, wanted 1 to 128")
    if image.sample_format not in set(SampleFormat):
        raise FormatError(f"{where}: SAMPLE_FORMAT {image.sample_format}, wanted 1 to 6")
    if image.tile_bytes > MAX_TILE_BYTES:
        raise UnsupportedFormat(f"{where}: a tile of {image.tile_bytes} bytes, wanted at most {MAX_TILE_BYTES}")
    tiles = image.tiles_across * image.tiles_down * image.planes
    if tiles > MAX_TILES:
        raise FormatError(f"{where}: {tiles} tiles, wanted at most {MAX_TILES}")


def _size(directory: Directory) -> tuple[int, int]:
    return _bounded(directory, Tag.IMAGE_WIDTH, 1, MAX_SIDE), _bounded(directory, Tag.IMAGE_LENGTH, 1, MAX_SIDE)


def _bounded(directory: Directory, tag: Tag, lowest: int, highest: int, default: int | None = None) -> int:
    value = directory.integer(tag, default)
    if not lowest <= value <= highest:
        raise FormatError(f"{directory.where}: {tag.name} {value}, wanted {lowest} to {highest}")
    return value


def _common(directory: Directory, tag: Tag, default: int) -> int:
    """Read a value that TIFF states for each sample; like libtiff, refuse samples that differ."""
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
    """Find an array of the tile index; old writers keep it under the tag for strips, which libtiff accepts."""
    entry = directory.entries.get(tag) or directory.entries.get(strip_tag)
    if entry is None:
        raise FormatError(f"{directory.where}: no {tag.name}")
    return entry
