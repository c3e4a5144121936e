"""Tiles of any codec -> one-tile GeoTIFFs around the stored bytes.

The directory repeats for the tile what the source's says about the image: codec, meaning of samples, georeference.
ImageWidth and ImageLength end with the image, so that readers show no padding. The mask's tile follows in a directory
of its own.
"""

from dataclasses import replace
from functools import partial
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from cogread.image import Cog, Level
from cogread.refusal import Refusal
from cogread.tiff.fields import FieldType
from cogread.tiff.parse import Steps
from cogread.tiff.tags import Compression, Subfile, Tag
from cogread.wrap.tiff.field import Field, copied, longs
from cogread.wrap.tiff.file import OneTileTiff, Part, SizeOfTile
from cogread.wrap.tiff.placement import placement_of
from cogread.wrap.tile import mask_mismatch, valid_size
from cogread.wrap.wrapper import Kind, Options, Wrapper, Wrapping

MAX_PLANES: Final = 64
"""Each may cost a read of its own."""

_UNREADABLE: Final = frozenset({Compression.OLD_JPEG, Compression.JPEG2000})
"""Codecs that GDAL's TIFF driver does not read."""

_IMAGE_TAGS: Final = (
    Tag.BITS_PER_SAMPLE,
    Tag.COMPRESSION,
    Tag.PHOTOMETRIC,
    Tag.FILL_ORDER,
    Tag.SAMPLES_PER_PIXEL,
    Tag.PLANAR_CONFIGURATION,
    Tag.T4_OPTIONS,
    Tag.T6_OPTIONS,
    Tag.PREDICTOR,
    Tag.COLOR_MAP,
    Tag.TILE_WIDTH,
    Tag.TILE_LENGTH,
    Tag.EXTRA_SAMPLES,
    Tag.SAMPLE_FORMAT,
    Tag.JPEG_TABLES,
    Tag.YCBCR_SUBSAMPLING,
    Tag.REFERENCE_BLACK_WHITE,
    Tag.LERC_PARAMETERS,
)
"""Fields of an image's own directory that a reader needs."""

_CRS_TAGS: Final = (Tag.GEO_KEY_DIRECTORY, Tag.GEO_DOUBLE_PARAMS, Tag.GEO_ASCII_PARAMS)
"""Fields of the first directory that hold for all levels."""

_VALUE_ROLES: Final = frozenset({"scale", "offset", "unittype", "colorinterp"})
"""Roles of items of GDAL_METADATA that give a sample's number its meaning."""


def refusal(level: Level) -> Refusal | None:
    """See `Wrapper.refusal`."""
    return _refusal_of_image(level) or mask_mismatch(level)


def _refusal_of_image(level: Level) -> Refusal | None:
    image = level.image
    if image.compression not in set(Compression):
        return Refusal(f"compression {image.compression} is not known")
    if image.compression in _UNREADABLE:
        return Refusal(f"GIS clients do not read {image.compression_name} in TIFF")
    if image.planes > MAX_PLANES:
        return Refusal(f"the {image.planes} bands are stored apart, and a file is made of at most {MAX_PLANES}")
    return None


def prepare(cog: Cog, level: Level, options: Options, size: SizeOfTile = valid_size) -> Steps[Wrapping]:
    """See `Wrapper.prepare`; `size` is that which the file of a tile states."""
    image, mask = level.image, level.mask
    placement = placement_of(cog, image)
    has_place = placement.points or not cog.geo.points
    own = yield from copied(image.directory, _IMAGE_TAGS)
    own += yield from copied(cog.full.directory, (*(_CRS_TAGS if has_place else ()), Tag.GDAL_NODATA))
    parts = [Part(image, (*own, *_metadata(cog)), placement, size)]
    if mask is not None:
        subfile = longs(image.directory.order, Tag.NEW_SUBFILE_TYPE, [Subfile.MASK])
        parts.append(Part(mask, (subfile, *(yield from copied(mask.directory, _IMAGE_TAGS))), size=size))
    return _wrapping(parts)


_prepare_whole: Final = partial(prepare, size=lambda image, col, row: image.tile_size)


def _prepare_bare(cog: Cog, level: Level, options: Options) -> Steps[Wrapping]:
    return _wrapping([Part(level.image, tuple((yield from copied(level.image.directory, _IMAGE_TAGS))))])


def _wrapping(parts: list[Part]) -> Wrapping:
    file = OneTileTiff(parts)
    return Wrapping(file.wrap, file.added_bytes, tuple(range(parts[0].image.planes)), wants_mask=len(parts) > 1)


def _metadata(cog: Cog) -> list[Field]:
    """Write the items of GDAL_METADATA with scales, offsets, units and colours; GDAL escapes their text twice."""
    items = "".join(
        f'<Item name={quoteattr(name)} sample="{sample}" role="{role}">{escape(escape(text))}</Item>'
        for name, text, sample, role in cog.metadata
        if role in _VALUE_ROLES
    )
    if not items:
        return []
    text = f"<GDALMetadata>{items}</GDALMetadata>\0".encode()
    return [Field(Tag.GDAL_METADATA, FieldType.ASCII, len(text), text)]


TIFF: Final = Wrapper(
    "tif", "image/tiff;application=geotiff", Kind.RASTER, revision=3, refusal=refusal, prepare=prepare
)

BARE_TIFF: Final = replace(TIFF, extension="gdaltif", refusal=_refusal_of_image, prepare=_prepare_bare)
"""Pixels without georeference, metadata and mask, for GDAL's WMS driver: its documents have these."""

WHOLE_TIFF: Final = replace(TIFF, extension="wholetif", prepare=_prepare_whole)
"""The tiles with padding, for WMTS, whose clients refuse tiles smaller than those of the matrix (OGC 07-057r7 §6.1)."""
