"""JPEG tiles that agree with their tags, or contradict them: a `jpg` shows what GDAL reads of the file, or is none."""

import struct
from functools import lru_cache
from typing import Any, Final

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray
from rasterio.errors import RasterioIOError
from rasterio.io import MemoryFile

from cogread.byterange import ByteRange
from cogread.errors import FormatNotOffered, TileDamaged
from cogread.first_tiles import with_first_tiles
from cogread.image import Cog
from cogread.reader import CogReader
from cogread.tiff.parse import drive
from cogread.wrap import WRAPPERS
from cogread.wrap.jpeg import MAX_SCANS, decodable
from tests.support import handmade as hm
from tests.support.cogs import cog_of
from tests.support.decode import decoded
from tests.support.memory_source import MemorySource
from tests.support.tiffs import KINDS, gdal_tiff

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")

SIDE: Final = 64
SUBSAMPLING: Final = 530
JFIF: Final = b"\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
GREY, RGB, YCBCR = 1, 2, 6

TAGS: Final[dict[str, dict[int, hm.Field]]] = {
    "grey": {hm.PHOTOMETRIC: (hm.SHORT, [GREY])},
    "rgb": {hm.PHOTOMETRIC: (hm.SHORT, [RGB])},
    "ycbcr-444": {hm.PHOTOMETRIC: (hm.SHORT, [YCBCR]), SUBSAMPLING: (hm.SHORT, [1, 1])},
    "ycbcr-420": {hm.PHOTOMETRIC: (hm.SHORT, [YCBCR]), SUBSAMPLING: (hm.SHORT, [2, 2])},
    "ycbcr-silent": {hm.PHOTOMETRIC: (hm.SHORT, [YCBCR])},
}
"""Name -> what the tags say."""


def adobe(transform: int) -> bytes:
    return b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00" + bytes([transform])


def pixels(bands: int) -> NDArray[np.uint8]:
    y, x = np.mgrid[:SIDE, :SIDE]
    layers = [(x * 3 + y * (band + 1) + 40 * band) % 256 for band in range(bands)]
    return np.dstack(layers).astype(np.uint8) if bands > 1 else layers[0].astype(np.uint8)


def encoded(image: NDArray[np.uint8], **options: Any) -> bytes:
    """A stream without markers that tell colours."""
    stream = bytearray(imagecodecs.jpeg8_encode(image, 90, **options))
    at = 2
    while stream[at + 1] != 0xDA:
        size = 2 + int.from_bytes(stream[at + 2 : at + 4], "big")
        if stream[at + 1] in (0xE0, 0xEE):
            del stream[at : at + size]
        else:
            at += size
    return bytes(stream)


def marked(stream: bytes, markers: bytes) -> bytes:
    return stream[:2] + markers + stream[2:]


def named(stream: bytes, ids: bytes) -> bytes:
    """The same with other identifiers of its three components (ITU-T T.81 §B.2.2, §B.2.3)."""
    changed = bytearray(stream)
    frame, scan = stream.index(b"\xff\xc0\x00\x11"), stream.index(b"\xff\xda\x00\x0c\x03")
    changed[frame + 10 : frame + 19 : 3] = ids
    changed[scan + 5 : scan + 11 : 2] = ids
    return bytes(changed)


def in_scans(image: NDArray[np.uint8]) -> bytes:
    """The bands 1, 2 and 3 of an image in a scan each (ITU-T T.81 §B.2.3), with the tables of the first."""
    first, *others = (encoded(np.ascontiguousarray(image[..., band])) for band in range(3))
    frame, scan = first.index(b"\xff\xc0\x00\x0b"), first.index(b"\xff\xda\x00\x08")
    bands = b"".join(bytes([band, 0x11, 0]) for band in (1, 2, 3))
    stream = (
        first[:frame] + b"\xff\xc0\x00\x11" + first[frame + 4 : frame + 9] + b"\3" + bands + first[frame + 13 : scan]
    )
    for band, other in enumerate((first, *others), start=1):
        stream += b"\xff\xda\x00\x08\1" + bytes([band]) + other[other.index(b"\xff\xda") + 6 : -2]
    return stream + b"\xff\xd9"


def twice_sampled(stream: bytes) -> bytes:
    """A stream of one component whose factors are 2, 2: they mean nothing, and libtiff refuses them."""
    at = stream.index(b"\xff\xc0\x00\x0b") + 11
    return stream[:at] + b"\x22" + stream[at + 1 :]


@lru_cache
def streams() -> dict[str, bytes]:
    """Name -> a tile."""
    image = pixels(3)
    full = encoded(image, colorspace="RGB", outcolorspace="YCBCR", subsampling="444")
    half = encoded(image, colorspace="RGB", outcolorspace="YCBCR", subsampling="420")
    rgb = named(encoded(image, colorspace="RGB", outcolorspace="RGB"), b"\1\2\3")
    grey = encoded(pixels(1))
    return {
        "444": full,
        "444-jfif": marked(full, JFIF),
        "444-adobe1": marked(full, adobe(1)),
        "444-adobe0": marked(full, adobe(0)),
        "444-jfif-adobe0": marked(full, JFIF + adobe(0)),
        "444-adobe0-adobe1": marked(full, adobe(0) + adobe(1)),
        "444-not-quite-jfif": marked(full, JFIF.replace(b"JFIF", b"JFXX") + adobe(0)),
        "444-named-rgb": named(full, b"RGB"),
        "444-jfif-named-rgb": marked(named(full, b"RGB"), JFIF),
        "420": half,
        "420-adobe0": marked(half, adobe(0)),
        "422": encoded(image, colorspace="RGB", outcolorspace="YCBCR", subsampling="422"),
        "rgb": rgb,
        "rgb-adobe0": marked(rgb, adobe(0)),
        "rgb-adobe1": marked(rgb, adobe(1)),
        "rgb-in-scans": in_scans(image),
        "grey": grey,
        "grey-adobe0": marked(grey, adobe(0)),
        "grey-twice-sampled": twice_sampled(grey),
        "grey-lossless": encoded(pixels(1), lossless=True),
    }


AGREE: Final = {
    "grey": {"grey", "grey-adobe0"},
    "rgb": {"444", "444-jfif", "444-adobe1", "444-adobe0", "444-jfif-adobe0", "444-adobe0-adobe1", "444-not-quite-jfif"}
    | {"444-named-rgb", "444-jfif-named-rgb", "rgb", "rgb-adobe0", "rgb-adobe1", "rgb-in-scans"},
    "ycbcr-444": {"444", "444-jfif", "444-adobe1", "444-jfif-adobe0", "444-adobe0-adobe1"}
    | {"rgb", "rgb-adobe1", "rgb-in-scans"},
    "ycbcr-420": {"420"},
    "ycbcr-silent": {"444", "444-jfif", "444-adobe1", "444-jfif-adobe0", "444-adobe0-adobe1", "420", "422"}
    | {"rgb", "rgb-adobe1", "rgb-in-scans"},
}
"""Tags -> streams that are served as `jpg`."""


def file_of(tags: str, *tiles: bytes | None, tables: bytes | None = None) -> bytes:
    """A file with these tiles in a row."""
    ifd = hm.image(SIDE * len(tiles), SIDE, (SIDE, SIDE), samples=1 if tags == "grey" else 3, tiles=tiles).having(
        {hm.COMPRESSION: (hm.SHORT, [7]), **TAGS[tags]}
    )
    return hm.tiff(ifd if tables is None else ifd.having({hm.JPEG_TABLES: (hm.UNDEFINED, tables)}))


def read_by_gdal(data: bytes) -> NDArray[Any] | None:
    """The pixels of the first tile; None: GDAL cannot read it."""
    with MemoryFile(data) as memory, memory.open() as dataset:
        try:
            return np.asarray(dataset.read(window=((0, SIDE), (0, SIDE))))
        except RasterioIOError:
            return None


def served(data: bytes, col: int = 0) -> bytes | None:
    """The `jpg` of a tile; None: it is not to be had."""
    with CogReader(MemorySource(data)) as reader:
        try:
            tile = reader.wrapped(0, col, 0, "jpg")
        except (FormatNotOffered, TileDamaged):
            return None
    assert tile is not None
    return tile.data


@pytest.mark.parametrize("tags", TAGS)
def test_a_jpg_shows_what_gdal_reads_or_is_none(tags: str) -> None:
    taken: set[str] = set()
    for name, stream in streams().items():
        data = file_of(tags, stream)
        jpeg, wanted = served(data), read_by_gdal(data)
        if jpeg is not None:
            assert wanted is not None, name
            assert np.array_equal(decoded(jpeg), wanted), name
            taken.add(name)
    assert taken == AGREE[tags]


@pytest.mark.parametrize(
    ("tags", "first", "second", "message"),
    [
        ("ycbcr-444", "444", "444-adobe0", "states RGB, in an image whose Photometric is YCBCR"),
        ("ycbcr-444", "444", "420", "sampling factors 2x2, 1x1, 1x1, wanted 1x1, 1x1, 1x1"),
        ("ycbcr-silent", "420", "444", "sampling factors 1x1, 1x1, 1x1, wanted 2x2, 1x1, 1x1"),
        ("rgb", "rgb", "422", "sampling factors 2x1, 1x1, 1x1, wanted 1x1, 1x1, 1x1"),
        ("grey", "grey", "grey-lossless", "lossless JPEG tile with the frame SOF3"),
    ],
)
def test_a_tile_unlike_the_first_is_an_error(tags: str, first: str, second: str, message: str) -> None:
    data = file_of(tags, streams()[first], streams()[second])
    with CogReader(MemorySource(data)) as reader:
        assert reader.wrapped(0, 0, 0, "jpg") is not None
        with pytest.raises(TileDamaged, match=message):
            reader.wrapped(0, 1, 0, "jpg")


def looked_at(data: bytes) -> tuple[Cog, list[ByteRange]]:
    """The file with what its first tiles say, and what was read of it for that."""
    reads: list[ByteRange] = []

    def read(wanted: ByteRange) -> bytes:
        reads.append(wanted)
        return data[wanted.start : wanted.stop]

    return drive(with_first_tiles(cog_of(data)), read), reads


def test_lossless_jpeg_is_not_listed() -> None:
    cog, [_] = looked_at(file_of("grey", streams()["grey-lossless"]))
    refusal = WRAPPERS["jpg"].refusal(cog.levels[0])
    assert refusal is not None
    assert "lossless JPEG tile with the frame SOF3" in refusal.reason


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.startswith("jpeg") and kind != "jpeg-no-tables"])
def test_files_as_gdal_writes_them_cost_no_read_of_a_tile(kind: str) -> None:
    assert looked_at(gdal_tiff(kind))[1] == []


@pytest.mark.parametrize("first", [None, b"\xff\xd8\xff", b"\0" * 99])
def test_a_first_tile_that_says_nothing_leaves_the_others_alone(first: bytes | None) -> None:
    data = file_of("grey", first, streams()["grey"])
    assert WRAPPERS["jpg"].refusal(looked_at(data)[0].levels[0]) is None
    assert served(data, 1) == streams()["grey"]


@pytest.mark.parametrize("markers", [JFIF, adobe(0), adobe(1), b"\xff\xdd\x00\x04\x00\x01", JFIF + adobe(0)])
@pytest.mark.parametrize("tags", ["rgb", "ycbcr-444"])
def test_what_tables_say_beside_tables_does_not_reach_the_tiles(tags: str, markers: bytes) -> None:
    """libjpeg forgets colours and restart intervals between JPEGTables and a tile."""
    stream = streams()["444"]
    start, stop = stream.index(b"\xff\xdb"), stream.index(b"\xff\xc0")
    data = file_of(tags, stream, tables=b"\xff\xd8" + markers + stream[start:stop] + b"\xff\xd9")
    jpeg, wanted = served(data), read_by_gdal(data)
    assert jpeg is not None
    assert wanted is not None
    assert np.array_equal(decoded(jpeg), wanted)


def of_scans(count: int) -> bytes:
    """A progressive grey tile of so many scans, each of all blocks; its one AC code is a run of empty blocks."""
    head = b"\xff\xd8\xff\xdb" + struct.pack(">HB", 67, 0) + b"\1" * 64
    head += b"\xff\xc2" + struct.pack(">HBHHB", 11, 8, SIDE, SIDE, 1) + b"\x01\x11\x00"
    for table, symbol in ((0x00, 0x00), (0x10, 0xE0)):
        head += b"\xff\xc4" + struct.pack(">HB", 20, table) + b"\1" + bytes(15) + bytes([symbol])
    first = b"\xff\xda\x00\x08\x01\x01\x00\x00\x00\x00" + bytes(9)
    return head + first + (b"\xff\xda\x00\x08\x01\x01\x00\x01\x3f\x00" + bytes(2)) * (count - 1) + b"\xff\xd9"


@pytest.mark.parametrize(("count", "is_read"), [(10, True), (MAX_SCANS, True), (MAX_SCANS + 1, False), (5000, False)])
def test_scans_are_counted_before_a_tile_is_decoded_or_sent(count: int, is_read: bool) -> None:
    data = file_of("grey", of_scans(count))
    assert (read_by_gdal(data) is not None) == is_read
    assert (served(data) is not None) == is_read
    image = cog_of(data).full
    if is_read:
        assert decodable(image, of_scans(count))
    else:
        with pytest.raises(TileDamaged, match=f"JPEG tile of {count} scans, wanted at most {MAX_SCANS}"):
            decodable(image, of_scans(count))


def test_scans_are_counted_before_a_picture_with_a_mask_is_made() -> None:
    mask = hm.image(SIDE, SIDE, (SIDE, SIDE), subfile=hm.MASK, tiles=[b"\xff" * SIDE * SIDE])
    for count, is_read in ((10, True), (MAX_SCANS + 1, False)):
        ifd = hm.image(SIDE, SIDE, (SIDE, SIDE), tiles=[of_scans(count)]).having({hm.COMPRESSION: (hm.SHORT, [7])})
        with CogReader(MemorySource(hm.tiff(ifd, mask))) as reader:
            if is_read:
                assert reader.wrapped(0, 0, 0, "png") is not None
            else:
                with pytest.raises(TileDamaged, match=f"{count} scans"):
                    reader.wrapped(0, 0, 0, "png")
