"""The core of cogread run on bytes in memory, without sources and readers."""

from cogread.byterange import Version
from cogread.header import build_cog
from cogread.image import Cog, Image
from cogread.tiff.directory import Directory
from cogread.tiff.parse import drive, parse
from cogread.tile_index import locate


def parsed(data: bytes) -> tuple[Directory, ...]:
    """The directories of a file."""
    return drive(parse(len(data)), lambda wanted: data[wanted.start : wanted.stop])


def cog_of(data: bytes) -> Cog:
    """The COG that a file is."""
    return build_cog(parsed(data), Version(len(data)))


def stored(data: bytes, image: Image, number: int) -> bytes | None:
    """The stored bytes of a tile, None if it is sparse."""
    place = drive(locate(image, number, len(data)), lambda wanted: data[wanted.start : wanted.stop])
    return None if place is None else data[place.start : place.stop]
