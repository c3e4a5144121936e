"""One file as it would be served: its facts, the reads up to the first tile, and its problems.

The file is opened, examined and closed; a `Report` holds text and numbers only, so that many files take little memory.
"""

from contextlib import closing
from dataclasses import dataclass, replace
from typing import Final

from cogread.byterange import ByteRange, SourceBytes, Version
from cogread.cli.table import printable
from cogread.conversion import cog_line, cog_options, jpeg_quality
from cogread.crs.lookup import crs_of
from cogread.deadline import NEVER, Deadline
from cogread.errors import CogError, FormatError, TileError, UnsupportedFormat
from cogread.image import Cog, Image
from cogread.reader import CogReader
from cogread.sources import Source, SourceOptions, SourceUri, make_source
from cogread.tiff.directory import Directory
from cogread.tiff.parse import FIRST_READ_BYTES, drive, parse
from cogread.tiff.tags import Compression, Tag
from cogread.wrap import refusals
from server.cli.problems import TILE_SIDES, Problem, Sample, problems_of
from server.documents.alignment import misfit
from server.layers.file_grids import grids_of

MAX_TILE_BYTES: Final = 16 << 20
"""Largest stored tile that is read; of larger ones the read is only counted."""

_PICTURES: Final = {b"\x89PNG": "DEFLATE", b"\xff\xd8\xff\xe0": "JPEG", b"\xff\xd8\xff\xe1": "JPEG", b"GIF8": "DEFLATE"}
"""First bytes of pictures that GDAL reads -> the codec of a COG that is made of one."""
_LOSSY_WEBP: Final = frozenset({b"VP8 ", b"VP8X"})
"""First chunks of lossy WebP, without and with alpha (RFC 9649 §2.5 to §2.7)."""


@dataclass(frozen=True, slots=True)
class Facts:
    """The columns of the table."""

    width: int
    height: int
    bands: int
    crs: str | None
    dtype: str
    codec: str
    formats: tuple[str, ...]
    masks: str
    """`all`, `none`, or `some` of the levels."""
    web_maps: str
    """Alignment of the levels: `all`, `none` or `some`."""
    reads: int
    """Reads of the origin up to a first tile, with the header."""
    read_bytes: int


@dataclass(frozen=True, slots=True)
class Report:
    """The result for one layer."""

    layer: str
    file: str
    """Path or URI, without credentials."""
    facts: Facts | None
    """None: the file cannot be served."""
    problems: tuple[Problem, ...]


class MeteredSource:
    """A source that counts its reads."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.name, self.is_local = source.name, source.is_local
        self.reads = self.read_bytes = 0

    def read(self, wanted: ByteRange, expect: Version | None = None, deadline: Deadline = NEVER) -> SourceBytes:
        """See `Source.read`."""
        result = self._source.read(wanted, expect, deadline)
        self.reads += 1
        self.read_bytes += len(result.data)
        return result

    def version(self, deadline: Deadline = NEVER) -> Version:
        """See `Source.version`."""
        return self._source.version(deadline)

    def close(self) -> None:
        """See `Source.close`."""
        self._source.close()


def inspect(layer: str, uri: SourceUri, options: SourceOptions, *, wants_web_maps: bool) -> Report:
    """Open and examine a file; an error of it is a problem in the report."""
    with closing(MeteredSource(make_source(uri, options))) as source:
        name = printable(source.name)
        try:
            facts, problems = _examine(source, wants_web_maps)
        except CogError as error:
            return Report(layer, name, None, (_refusal(source, error),))
    return Report(layer, name, facts, tuple(replace(problem, text=printable(problem.text)) for problem in problems))


def _examine(source: MeteredSource, wants_web_maps: bool) -> tuple[Facts, list[Problem]]:
    reader = CogReader(source)
    cog, full = reader.cog, reader.cog.full
    place = reader.place(full, full.tiles_across // 2, full.tiles_down // 2)
    tile = None
    if place is not None and place.size_bytes <= MAX_TILE_BYTES:
        tile = source.read(place, reader.version).data
    reads, read_bytes = source.reads, source.read_bytes
    if place is not None and tile is None:
        reads, read_bytes = reads + 1, read_bytes + place.size_bytes
    places = (place, *(_first_place(reader, level.image) for level in (cog.levels[0], cog.levels[-1])))
    sample = Sample(
        cog=cog,
        tile=tile,
        data_start=min((place.start for place in places if place is not None), default=None),
        options=_kept_options(full, tile),
        wants_web_maps=wants_web_maps,
    )
    return _facts(cog, reads, read_bytes), problems_of(sample)


def _first_place(reader: CogReader, image: Image) -> ByteRange | None:
    try:
        return reader.place(image, 0, 0)
    except TileError:
        return None


def _facts(cog: Cog, reads: int, read_bytes: int) -> Facts:
    full, crs, off = cog.full, crs_of(cog.geo), misfit(cog, grids_of(cog))
    return Facts(
        width=full.width,
        height=full.height,
        bands=full.samples,
        crs=None if crs is None else printable(crs.code or crs.name),
        dtype=full.dtype,
        codec=full.compression_name,
        formats=tuple(name for name, refusal in refusals(cog.levels).items() if refusal is None),
        masks=_share(sum(level.mask is not None for level in cog.levels), len(cog.levels)),
        web_maps=_share(len(cog.levels) - (0 if off is None else len(off.off_levels)), len(cog.levels)),
        reads=reads,
        read_bytes=read_bytes,
    )


def _share(count: int, total: int) -> str:
    return "none" if count == 0 else "all" if count == total else "some"


def _kept_options(image: Image, tile: bytes | None) -> dict[str, str]:
    """Options that keep what the file has, with those that only a tile tells: the quality of JPEG and WebP."""
    options = cog_options(image.directory)
    if image.tile_width == image.tile_height and image.tile_width in TILE_SIDES:
        options["BLOCKSIZE"] = str(image.tile_width)
    if image.compression == Compression.JPEG and "QUALITY" not in options:
        quality = jpeg_quality(tile or b"")
        return options if quality is None else {**options, "QUALITY": str(quality)}
    if options["COMPRESS"] == "WEBP" and tile is not None and tile[12:16] in _LOSSY_WEBP:
        del options["QUALITY"]
    return options


def _refusal(source: Source, error: CogError) -> Problem:
    """The problem of a file that cannot be opened, with the line that mends it where there is one."""
    text = printable(str(error))
    if isinstance(error, UnsupportedFormat):
        directory = _first_directory(source)
        if directory is not None and Tag.TILE_WIDTH not in directory.entries:
            line = cog_line(cog_options(directory))
            return Problem("not-tiled", "error", f"{directory.where}: the image is in strips, wanted tiles", line)
        return Problem("unsupported", "error", text, None)
    if isinstance(error, FormatError):
        codec = _PICTURES.get(error.evidence or b"")
        picture_line = None if codec is None else cog_line({"COMPRESS": codec})
        return Problem("not-a-tiff" if text.startswith("not a TIFF") else "damaged", "error", text, picture_line)
    return Problem("unreadable", "error", text, None)


def _first_directory(source: Source) -> Directory | None:
    try:
        head = source.read(ByteRange(0, FIRST_READ_BYTES))

        def read(wanted: ByteRange) -> bytes:
            if wanted.stop <= len(head.data):
                return head.data[wanted.start : wanted.stop]
            return source.read(wanted, head.version).data

        return drive(parse(head.version.size_bytes), read)[0]
    except CogError:
        return None
