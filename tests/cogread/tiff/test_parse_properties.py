"""Whatever a file holds: cogread's errors only, few bytes asked for, no end without an end."""

import random
from functools import lru_cache

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cogread.byterange import ByteRange, Version
from cogread.errors import CogError, FormatError
from cogread.first_tiles import with_first_tiles
from cogread.header import build_cog
from cogread.image import Cog, Level
from cogread.reader import CogReader
from cogread.tiff.parse import MAX_HEADER_BYTES, drive, parse
from cogread.tile_index import index_places, locate, tile_number
from cogread.wrap import USUAL, wrappers_of
from cogread.wrap.tile import Tile
from tests.support import handmade as hm
from tests.support.cogs import cog_of, stored
from tests.support.memory_source import MemorySource
from tests.support.tiffs import KINDS, gdal_tiff

SIDES = st.integers(1, 90)


@st.composite
def geometries(draw: st.DrawFn) -> tuple[hm.Ifd, ...]:
    """An image with overviews of any size, sparse tiles among the others."""
    samples, planar = draw(st.sampled_from([(1, 1), (3, 1), (1, 2), (3, 2)]))
    width, height = draw(SIDES), draw(SIDES)
    chain = []
    for level in range(draw(st.integers(1, 3))):
        tile = (draw(st.integers(1, 40)), draw(st.integers(1, 40)))
        ifd = hm.image(width, height, tile, subfile=min(level, 1), samples=samples, planar=planar)
        sparse = draw(st.sets(st.integers(0, len(ifd.tiles) - 1), max_size=5))
        tiles = tuple(None if number in sparse else number.to_bytes(5, "big") for number in range(len(ifd.tiles)))
        types = draw(st.sampled_from([(hm.LONG, hm.LONG), (hm.LONG8, hm.SHORT), (hm.LONG, hm.SHORT)]))
        chain.append(ifd.but(tiles=tiles, index_types=types))
        width, height = -(-width // draw(st.integers(2, 5))), -(-height // 2)
    return tuple(chain)


@settings(derandomize=True, max_examples=60, deadline=None, database=None)
@given(chain=geometries(), order=st.sampled_from("<>"), big=st.booleans())
def test_every_tile_of_any_geometry_is_found(chain: tuple[hm.Ifd, ...], order: str, big: bool) -> None:
    data = hm.tiff(*chain, order=order, big=big)
    cog = cog_of(data)
    by_offset = sorted((level.image for level in cog.levels), key=lambda image: image.directory.number)
    assert len(by_offset) == len(chain)
    for image, ifd in zip(by_offset, chain, strict=True):
        wanted = iter(ifd.tiles)
        for plane in range(image.planes):
            for row in range(image.tiles_down):
                for col in range(image.tiles_across):
                    assert stored(data, image, tile_number(image, col, row, plane)) == next(wanted)
        assert next(wanted, "no more") == "no more"


class Asked:
    """A file in memory that notes what is asked of it."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.size_bytes = 0

    def read(self, wanted: ByteRange) -> bytes:
        assert wanted.stop <= len(self.data)
        self.size_bytes += wanted.size_bytes
        return self.data[wanted.start : wanted.stop]


def use(data: bytes) -> bool:
    """Open a file and take some tiles of each image; whether it opened. Raises what is not cogread's."""
    asked = Asked(data)
    try:
        cog = drive(with_first_tiles(build_cog(drive(parse(len(data)), asked.read), Version(len(data)))), asked.read)
    except CogError:
        return False
    finally:
        assert asked.size_bytes <= min(MAX_HEADER_BYTES, 8 * len(data) + 1024)
    for level in cog.levels:
        for part in filter(None, (level, Level(level.mask, None) if level.mask else None)):
            take(cog, part, asked)
    return True


def take(cog: Cog, level: Level, asked: Asked) -> None:
    image = level.image
    last = (image.tiles_across - 1, image.tiles_down - 1)
    for col, row in {(0, 0), last, (last[0], 0), (last[0] // 2, last[1] // 2)}:
        try:
            number = tile_number(image, col, row)
            index = {place: asked.read(place) for place in index_places(image, number, len(asked.data))}
            place = drive(locate(image, number, len(asked.data)), index.__getitem__)
            if place is not None:
                tile = asked.read(place)
                for wrapper in wrappers_of(level):
                    wrapping = drive(wrapper.prepare(cog, level, USUAL), asked.read)
                    wrapping.wrap(Tile(col, row, (tile,) * len(wrapping.planes)))
        except CogError:
            continue


@lru_cache
def header_bytes(kind: str) -> int:
    """Byte at which tiles begin; damage before it hits parsed bytes."""
    data = gdal_tiff(kind)
    asked = Asked(data)
    stops = []

    def read(wanted: ByteRange) -> bytes:
        stops.append(wanted.stop)
        return asked.read(wanted)

    drive(parse(len(data)), read)
    return max(stops)


def flipped(data: bytearray, end: int, rng: random.Random) -> None:
    for _ in range(rng.randint(1, 12)):
        data[rng.randrange(end)] = rng.choice([0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)])


def cut(data: bytearray, end: int, rng: random.Random) -> None:
    del data[rng.choice([rng.randrange(end), rng.randrange(len(data))]) :]


def spliced(data: bytearray, end: int, rng: random.Random) -> None:
    start, size, target = rng.randrange(end), rng.randint(1, 40), rng.randrange(end)
    data[target : target + rng.choice([0, size])] = data[start : start + size]


def enlarged(data: bytearray, end: int, rng: random.Random) -> None:
    at, width = rng.randrange(end), rng.choice([2, 4, 8])
    data[at : at + width] = rng.choice([b"\xff", b"\0", b"\x7f", b"\x80"]) * width


DAMAGES = (flipped, cut, spliced, enlarged)


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_files_end_in_cogreads_errors_or_tiles(kind: str) -> None:
    good, end = gdal_tiff(kind), header_bytes(kind)
    opened = 0
    for seed in range(80):
        rng = random.Random(f"{kind} {seed}")
        data = bytearray(good)
        for _ in range(rng.randint(1, 2)):
            if data:
                rng.choice(DAMAGES)(data, min(rng.choice([end, end, len(good)]), len(data)), rng)
        opened += use(bytes(data))
    assert 0 < opened < 80  # the damage is neither harmless nor the end of every file


ENTRIES = st.builds(
    hm.Claim,
    st.integers(0, 20),
    st.one_of(st.integers(0, 70), st.sampled_from([0xFFFF, 2**31, 2**32 - 1])),
    st.one_of(st.integers(0, 600), st.sampled_from([2**31, 2**32 - 8, 2**32 - 1])),
)
KNOWN_TAGS = st.sampled_from([254, 256, 257, 258, 259, 262, 277, 284, 322, 323, 324, 325, 330, 339, 347, 33550, 34735])


@settings(derandomize=True, max_examples=200, deadline=None, database=None)
@given(
    entries=st.dictionaries(KNOWN_TAGS, ENTRIES, max_size=6),
    following=st.one_of(st.none(), st.integers(0, 500)),
    order=st.sampled_from("<>"),
    big=st.booleans(),
)
@example(entries={330: hm.Claim(4, 60, 8)}, following=8, order="<", big=False)
def test_entries_that_claim_anything_end_in_cogreads_errors_or_tiles(
    entries: dict[int, hm.Claim], following: int | None, order: str, big: bool
) -> None:
    chain = (hm.image(40, 20), hm.image(20, 10, subfile=1).having(dict(entries)).but(following=following))
    use(hm.tiff(hm.image(40, 20).having(dict(entries)), order=order, big=big))
    use(hm.tiff(*chain, order=order, big=big))


@settings(derandomize=True, max_examples=200, deadline=None, database=None)
@given(st.sampled_from([b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08", b"II+\0\x08\0\0\0\x10" + bytes(7), b""]), st.binary())
def test_any_bytes_end_in_cogreads_errors_or_tiles(head: bytes, tail: bytes) -> None:
    use(head + tail)


def test_metadata_that_is_long_and_broken_is_read_once_and_says_nothing() -> None:
    scale = b'<GDALMetadata><Item name="SCALE" sample="0" role="scale">2</Item>'
    for broken in (b"<Item " + b' role="scale"' * 100_000, b"<a>" * 100_000, b"<a " + b"b" * 1_000_000):
        reader = CogReader(MemorySource(hm.tiff(hm.image().having({42112: (hm.ASCII, scale + broken)}))))
        tile = reader.wrapped(0, 0, 0, "tif")
        assert tile is not None
        assert b"GDALMetadata" not in tile.data
    with pytest.raises(FormatError, match="GDAL_METADATA of 2097153 bytes, wanted at most 2097152"):
        cog_of(hm.tiff(hm.image().having({42112: (hm.ASCII, bytes((2 << 20) + 1))})))
