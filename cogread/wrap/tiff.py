"""Tiles of any codec -> one-tile GeoTIFFs around the untouched bytes.

The directory says of the tile what the source's says of the image: how to decode it, what its samples mean, and where
it lies. ImageWidth and ImageLength are those of the part within the image, so that readers show no padding. The mask's
tile follows in a directory of its own. Byte order is the source's, for samples, predictors and copied values depend on
it; the file is always a classic TIFF, which has room for any tile.

GDAL's WMS driver gets the pixels alone: documents describe the rest, and masks have tiles of their own.
"""

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from cogread.crs.georeference import Geotransform, GroundControlPoint
from cogread.errors import FormatError
from cogread.image import Cog, Image, Level
from cogread.refusal import Refusal
from cogread.tiff.directory import Directory, Entry
from cogread.tiff.parse import MAX_VALUE_BYTES, Steps
from cogread.tiff.tags import CLASSIC, ByteOrder, Compression, FieldType, Subfile, Tag
from cogread.wrap.check import check_stored
from cogread.wrap.tiff_writer import Field, directory, doubles, header, longs
from cogread.wrap.tile import Tile, mask_mismatch, valid_size
from cogread.wrap.wrapper import Options, Wrapper, Wrapping

MAX_PLANES: Final = 64
"""Each may cost a read of its own."""

_UNREADABLE: Final = frozenset({Compression.OLD_JPEG, Compression.JPEG2000})
"""Codecs that GDAL's TIFF driver does not read."""

_COPIED: Final = (
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
"""What of an image's own directory a reader needs."""

_LONG8: Final[Mapping[int, str]] = {FieldType.LONG8: "Q", FieldType.IFD8: "Q", FieldType.SLONG8: "q"}
"""`struct` codes of the types that classic TIFF has not."""

_CRS: Final = (Tag.GEO_KEY_DIRECTORY, Tag.GEO_DOUBLE_PARAMS, Tag.GEO_ASCII_PARAMS)
"""Stand in the first directory and hold for all."""
MAX_POINTS: Final = 512
"""Ground control points that go with each tile; a file of more gives its tiles no place and no CRS."""

_VALUE_ROLES: Final = frozenset({"scale", "offset", "unittype", "colorinterp"})
"""Roles of the items of GDAL_METADATA that say what a sample's number means."""


Size = Callable[[Image, int, int], tuple[int, int]]
"""Width and height of the tile of an image at (column, row)."""


@dataclass(frozen=True, slots=True)
class _Part:
    """An image, and what is the same in the directories of all its tiles."""

    image: Image
    fields: tuple[Field, ...]
    transform: Geotransform | None
    """Of the level; None for masks and what is not georeferenced."""
    points: tuple[GroundControlPoint, ...]
    """In pixels of the level."""
    point_shift: float
    """0.5 where the file's coordinates are those of pixel centres."""
    size: Size = valid_size
    """What its tiles are given."""


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


def prepare(cog: Cog, level: Level, options: Options) -> Steps[Wrapping]:
    """See `Wrapper.prepare`."""
    return (yield from _prepare_with_mask(cog, level, valid_size))


def _prepare_whole(cog: Cog, level: Level, options: Options) -> Steps[Wrapping]:
    return (yield from _prepare_with_mask(cog, level, _whole_size))


def _prepare_with_mask(cog: Cog, level: Level, size: Size) -> Steps[Wrapping]:
    parts = [(yield from _image_part(cog, level.image, size))]
    if level.mask is not None:
        subfile = longs(level.image.directory.order, Tag.NEW_SUBFILE_TYPE, [Subfile.MASK])
        fields = (subfile, *(yield from _copied(level.mask.directory, _COPIED)))
        parts.append(_Part(level.mask, fields, None, (), 0.0, size))
    return _wrapping(level.image, parts)


def _prepare_bare(cog: Cog, level: Level, options: Options) -> Steps[Wrapping]:
    fields = tuple((yield from _copied(level.image.directory, _COPIED)))
    return _wrapping(level.image, [_Part(level.image, fields, None, (), 0.0)])


def _image_part(cog: Cog, image: Image, size: Size) -> Steps[_Part]:
    first = cog.full.directory
    transform, points = level_transform(cog, image), _level_points(cog, image)
    crs = () if cog.geo.points and not points else _CRS
    own = [*(yield from _copied(image.directory, _COPIED)), *(yield from _copied(first, (*crs, Tag.GDAL_NODATA)))]
    return _Part(
        image=image,
        fields=(*own, *_metadata(cog)),
        transform=transform,
        points=points,
        point_shift=0.5 if cog.geo.is_point else 0.0,
        size=size,
    )


def _whole_size(image: Image, col: int, row: int) -> tuple[int, int]:
    return image.tile_width, image.tile_height


def _wrapping(image: Image, parts: Sequence[_Part]) -> Wrapping:
    file = _OneTileTiff(parts)
    return Wrapping(file.wrap, file.added_bytes, tuple(range(image.planes)), wants_mask=len(parts) > 1)


class _OneTileTiff:
    """Makes the files of one level."""

    def __init__(self, parts: Sequence[_Part]) -> None:
        self._parts = parts
        self._order: ByteOrder = parts[0].image.directory.order
        self._directory_bytes = [
            len(directory(self._order, _fields(part, 0, 0, [0] * part.image.planes, [0] * part.image.planes), 0, 0))
            for part in parts
        ]
        self.added_bytes = CLASSIC.header_bytes + sum(self._directory_bytes)

    def wrap(self, tile: Tile) -> bytes:
        """See `Wrapping.wrap`."""
        head = [header(self._order)]
        body: list[bytes] = []
        at, data_at = CLASSIC.header_bytes, self.added_bytes
        for part, size, stored in zip(self._parts, self._directory_bytes, (tile.planes, (tile.mask,)), strict=False):
            offsets, counts = [], []
            for data in stored:
                if data is not None:
                    check_stored(part.image, data, tile.col, tile.row)
                    body.append(data)
                counts.append(len(data or b""))
                offsets.append(data_at if data else 0)
                data_at += counts[-1]
            following = 0 if part is self._parts[-1] else at + size
            head.append(directory(self._order, _fields(part, tile.col, tile.row, offsets, counts), at, following))
            at += size
        return b"".join((*head, *body))


def level_transform(cog: Cog, image: Image) -> Geotransform | None:
    """The transform of a level: that of the full resolution, its pixels stretched to the same extent."""
    if cog.geo.transform is None:
        return None
    x0, dx, rx, y0, ry, dy = cog.geo.transform
    across, down = cog.full.width / image.width, cog.full.height / image.height
    return x0, dx * across, rx * down, y0, ry * across, dy * down


def _level_points(cog: Cog, image: Image) -> tuple[GroundControlPoint, ...]:
    """Ground control points in pixels of a level; () where they are too many."""
    points = cog.geo.points
    if len(points) > MAX_POINTS:
        return ()
    across, down = image.width / cog.full.width, image.height / cog.full.height
    return tuple(point._replace(col=point.col * across, row=point.row * down) for point in points)


def _fields(part: _Part, col: int, row: int, offsets: list[int], counts: list[int]) -> list[Field]:
    """All entries of the directory of a tile."""
    order, image = part.image.directory.order, part.image
    width, height = part.size(image, col, row)
    fields = [
        *part.fields,
        longs(order, Tag.IMAGE_WIDTH, [width]),
        longs(order, Tag.IMAGE_LENGTH, [height]),
        longs(order, Tag.TILE_OFFSETS, offsets),
        longs(order, Tag.TILE_BYTE_COUNTS, counts),
    ]
    left, top = col * image.tile_width, row * image.tile_height
    if part.transform is not None:
        fields += _place(order, part.transform, left, top, part.point_shift)
    elif part.points:
        fields.append(_moved(order, part.points, left + part.point_shift, top + part.point_shift))
    return fields


def _place(order: ByteOrder, transform: Geotransform, col: int, row: int, shift: float) -> list[Field]:
    """Where the pixel at (col, row) of a level lies (GeoTIFF 1.1 §7.4)."""
    x0, dx, rx, y0, ry, dy = transform
    x, y = x0 + (col + shift) * dx + (row + shift) * rx, y0 + (col + shift) * ry + (row + shift) * dy
    if rx == ry == 0 and dx > 0 > dy:
        return [
            doubles(order, Tag.MODEL_PIXEL_SCALE, (dx, -dy, 0)),
            doubles(order, Tag.MODEL_TIEPOINT, (0, 0, 0, x, y, 0)),
        ]
    return [doubles(order, Tag.MODEL_TRANSFORMATION, (dx, rx, 0, x, ry, dy, 0, y, 0, 0, 0, 0, 0, 0, 0, 1))]


def _moved(order: ByteOrder, points: Sequence[GroundControlPoint], left: float, top: float) -> Field:
    """Ground control points of a level, counted from the pixel at (left, top)."""
    numbers = [number for col, row, x, y, z in points for number in (col - left, row - top, 0.0, x, y, z)]
    return doubles(order, Tag.MODEL_TIEPOINT, numbers)


def _copied(directory: Directory, tags: Sequence[Tag]) -> Steps[list[Field]]:
    """Entries as they stand in a directory; integers of BigTIFF's types as LONG."""
    fields = []
    for tag in tags:
        entry = directory.entries.get(tag)
        if entry is None or entry.count == 0:
            continue
        data = entry.data
        if data is None:
            if entry.place is None or entry.place.size_bytes > MAX_VALUE_BYTES:
                raise FormatError(f"{directory.where}: {tag.name} of {entry.count} values is too large")
            data = yield entry.place
        if entry.type in _LONG8:
            fields.append(_shortened(directory, entry, data))
        else:
            fields.append(Field(tag, entry.type, entry.count, data))
    return fields


def _shortened(directory: Directory, entry: Entry, data: bytes) -> Field:
    """A field of BigTIFF's integers as LONG, for a classic TIFF."""
    values = struct.unpack(f"{directory.order}{entry.count}{_LONG8[entry.type]}", data)
    if not 0 <= min(values) <= max(values) < 1 << 32:
        raise FormatError(f"{directory.where}: {entry.tag.name} has values of 64 bits, wanted 32")
    return longs(directory.order, entry.tag, values)


def _metadata(cog: Cog) -> list[Field]:
    """The items of GDAL_METADATA that say what a sample's number means: scale, offset, unit and colour.

    GDAL escapes their text twice.
    """
    items = "".join(
        f'<Item name={quoteattr(name)} sample="{sample}" role="{role}">{escape(escape(text))}</Item>'
        for name, text, sample, role in cog.metadata
        if role in _VALUE_ROLES
    )
    if not items:
        return []
    text = f"<GDALMetadata>{items}</GDALMetadata>\0".encode()
    return [Field(Tag.GDAL_METADATA, FieldType.ASCII, len(text), text)]


TIFF: Final = Wrapper("tif", "image/tiff;application=geotiff", revision=3, refusal=refusal, prepare=prepare)

BARE_TIFF: Final = Wrapper("gdaltif", TIFF.media_type, revision=3, refusal=_refusal_of_image, prepare=_prepare_bare)
"""Pixels without place, metadata and mask: for GDAL's WMS driver, which the documents tell all of these."""

WHOLE_TIFF: Final = Wrapper("wholetif", TIFF.media_type, revision=3, refusal=refusal, prepare=_prepare_whole)
"""For WMTS, whose tiles are all of the size of their matrix: clients refuse what is smaller (OGC 07-057r7 §6.1)."""
