"""The library's public face: open a COG, read its tiles as they are stored or as files.

    with open_cog("s3://bucket/key.tif") as reader:
        stored = reader.tile(level=0, col=3, row=1)
        picture = reader.wrapped(level=0, col=3, row=1)

Header and tile index are read in aligned blocks, each once; tiles are read when they are requested.
"""

from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from cogread.byterange import ByteRange, Version
from cogread.deadline import NEVER, Deadline
from cogread.errors import FormatNotOffered, SourceChanged, TileOutOfRange
from cogread.first_tiles import with_first_tiles
from cogread.header import build_cog
from cogread.image import Cog, Image, Level
from cogread.sources import Source, SourceOptions, open_source
from cogread.sources.gather import gather
from cogread.sources.protocol import DEFAULT_OPTIONS
from cogread.tiff.parse import Steps, drive, parse
from cogread.tile_index import locate, tile_number
from cogread.wrap import USUAL, WRAPPERS, Wrapper, wrappers_of
from cogread.wrap.tile import Tile

BLOCK_BYTES: Final = 32768


def read_cog(source: Source, expect: Version | None = None, deadline: Deadline = NEVER) -> Cog:
    """Parse the header of a source whose small reads are cheap, because it caches blocks.

    Args:
        source: where the bytes come from.
        expect: the version; None: the current one.
        deadline: see `Source.read`.

    Raises:
        SourceError: it cannot be read.
        FormatError: it is no TIFF, a damaged one, or one of a kind that is not supported.
    """
    version = expect or source.version(deadline)

    def read(wanted: ByteRange) -> bytes:
        return source.read(wanted, version, deadline).data

    return drive(_header(version), read)


def _header(version: Version) -> Steps[Cog]:
    """Parse the header of a file of this version, and first tiles where formats depend on them; sans-io."""
    directories = yield from parse(version.size_bytes)
    return (yield from with_first_tiles(build_cog(directories, version)))


@dataclass(frozen=True, slots=True)
class WrappedTile:
    """A tile as a file, with its representation."""

    data: bytes
    wrapper: Wrapper


class CogReader:
    """Reads a COG tile by tile. Not safe to share between threads."""

    def __init__(self, source: Source, first_read_bytes: int = BLOCK_BYTES) -> None:
        self.source = source
        self._blocks: dict[int, bytes] = {}
        self._head = source.read(ByteRange(0, max(first_read_bytes, 16)))
        self.version = self._head.version
        self.cog: Cog = drive(_header(self.version), self._read)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.source.close()

    def image(self, level: int) -> Image:
        """The image of a level, 0 = full resolution.

        Raises:
            TileOutOfRange: there is no such level.
        """
        if not 0 <= level < len(self.cog.levels):
            raise TileOutOfRange(f"level {level}: wanted 0 to {len(self.cog.levels) - 1}")
        return self.cog.levels[level].image

    def tile(self, level: int, col: int, row: int, plane: int = 0) -> bytes | None:
        """The stored bytes of a tile, None if it is sparse.

        Raises:
            TileOutOfRange: there is no such level or tile.
            TileDamaged: the index points outside of the file.
            SourceError: it cannot be read; `SourceChanged` if it was replaced since it was opened.
        """
        return self.stored(self.image(level), col, row, plane)

    def mask(self, level: int, col: int, row: int) -> bytes | None:
        """The stored bytes of a tile's mask, None if there is none or it is sparse; raises as `tile`."""
        self.image(level)
        mask = self.cog.levels[level].mask
        return self.stored(mask, col, row) if mask else None

    def wrapped(self, level: int, col: int, row: int, extension: str | None = None) -> WrappedTile | None:
        """A tile as a file that other programs open, None if it is sparse.

        Args:
            level: 0 = full resolution.
            col: column of the tile.
            row: row of the tile.
            extension: of the representation; None: the tile's preferred one.

        Raises:
            FormatNotOffered: the tile is not offered in this representation, or in any.
            CogError: as `tile`.
        """
        image = self.image(level)
        wrapper = choose(self.cog.levels[level], extension)
        wrapping = drive(wrapper.prepare(self.cog, self.cog.levels[level], USUAL), self._read)
        places = [self.place(image, col, row, plane) for plane in wrapping.planes]
        if not any(places):
            return None
        mask = self.cog.levels[level].mask if wrapping.wants_mask else None
        places.append(self.place(mask, col, row) if mask else None)
        *planes, mask_tile = gather(places, lambda wanted: self.source.read(wanted, self.version).data)
        return WrappedTile(wrapping.wrap(Tile(col, row, tuple(planes), mask_tile)), wrapper)

    def stored(self, image: Image, col: int, row: int, plane: int = 0) -> bytes | None:
        """The stored bytes of a tile of an image of this file, None if it is sparse; raises as `tile`."""
        place = self.place(image, col, row, plane)
        return None if place is None else self.source.read(place, self.version).data

    def place(self, image: Image, col: int, row: int, plane: int = 0) -> ByteRange | None:
        """The byte range of a tile of an image of this file, None if it is sparse; raises as `tile`."""
        number = tile_number(image, col, row, plane)
        return drive(locate(image, number, self.version.size_bytes), self._read)

    def _read(self, wanted: ByteRange) -> bytes:
        """Read bytes of the header from the first read, or from aligned blocks."""
        if wanted.stop <= len(self._head.data):
            return self._head.data[wanted.start : wanted.stop]
        first, last = wanted.start // BLOCK_BYTES, (wanted.stop - 1) // BLOCK_BYTES
        blocks = b"".join(self._block(number) for number in range(first, last + 1))
        data = blocks[wanted.start - first * BLOCK_BYTES : wanted.stop - first * BLOCK_BYTES]
        if len(data) != wanted.size_bytes:
            raise SourceChanged(f"{self.source.name}: {len(data)} bytes at {wanted}")
        return data

    def _block(self, number: int) -> bytes:
        if number not in self._blocks:
            start = number * BLOCK_BYTES
            stop = min(start + BLOCK_BYTES, self.version.size_bytes)
            self._blocks[number] = self.source.read(ByteRange(start, stop), self.version).data
        return self._blocks[number]


def choose(level: Level, extension: str | None) -> Wrapper:
    """Choose the representation of a level with this extension, or the preferred one.

    Raises:
        FormatNotOffered: there is none.
    """
    if extension is None:
        wrappers = wrappers_of(level)
        if not wrappers:
            raise FormatNotOffered(f"tiles of {level.image.compression_name} have no representation that clients open")
        return wrappers[0]
    wrapper = WRAPPERS.get(extension)
    if wrapper is None:
        raise FormatNotOffered(f"format {extension!r}: wanted one of {', '.join(WRAPPERS)}")
    refusal = wrapper.refusal(level)
    if refusal:
        raise FormatNotOffered(f"format {extension!r}: {refusal}")
    return wrapper


def open_cog(uri: str, options: SourceOptions = DEFAULT_OPTIONS, first_read_bytes: int = BLOCK_BYTES) -> CogReader:
    """Open the COG at a path or URI and read its header.

    Raises:
        UriError: the URI has no supported form.
        SourceError: it cannot be read.
        FormatError: it is no TIFF, a damaged one, or one of a kind that is not supported.
    """
    source = open_source(uri, options)
    try:
        return CogReader(source, first_read_bytes)
    except BaseException:
        source.close()
        raise
