"""JPEG tiles repacked as JPEG XL: restored to the byte, shown as before, and refused where the JPEG is."""

from collections.abc import Callable, Iterator
from typing import Any, Final

import imagecodecs
import numpy as np
import pytest
from rasterio.io import MemoryFile

from cogread.errors import TileDamaged
from cogread.image import Cog, Level
from cogread.wrap import USUAL, WITH_REPACKED, WRAPPERS, wrappers_of
from cogread.wrap.tile import Tile
from tests.support import handmade as hm
from tests.support.app import ROOT
from tests.support.cogs import cog_of
from tests.support.jxl import jxl_tiff
from tests.support.rasters import noise, raster
from tests.support.tiffs import KINDS, gdal_tiff
from tests.support.tiles import run, tile_at

JPEGS: Final = [kind for kind in KINDS if kind.startswith("jpeg")]
pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")

DEMO: Final = ("world", "netherlands")
"""Their overviews have quantization tables twice: in JPEGTables and in each tile."""
SIDE: Final = 64
SUBSAMPLING: Final = 530
JXL: Final = WITH_REPACKED["jxl"]


def both(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Each tile as `jpg` and as `jxl`."""
    cog = cog_of(data)
    for level in cog.levels:
        for row in range(level.image.tiles_down):
            for col in range(level.image.tiles_across):
                tile = tile_at(data, level, col, row)
                if tile.planes[0] is not None:
                    yield file_of(data, cog, level, tile, "jpg"), file_of(data, cog, level, tile, "jxl")


def file_of(data: bytes, cog: Cog, level: Level, tile: Tile, extension: str) -> bytes:
    return run(data, WITH_REPACKED[extension].prepare(cog, level, USUAL)).wrap(tile)


@pytest.mark.parametrize("name", [*JPEGS, *DEMO])
def test_the_jpg_is_restored_to_the_byte_and_shown_alike(name: str) -> None:
    data = (ROOT / "data" / f"{name}.tif").read_bytes() if name in DEMO else gdal_tiff(name)
    differences = []
    for jpg, jxl in both(data):
        assert bytes(imagecodecs.jpegxl_decode_jpeg(jxl, numthreads=1)) == jpg
        shown, wanted = imagecodecs.jpegxl_decode(jxl), imagecodecs.jpeg8_decode(jpg)
        differences.append(np.abs(shown.astype(int) - wanted).mean())
    assert len(differences) > 4
    assert max(differences) < 1, "decoders round, and smooth halved colours, as they like"


def jpeg(bands: int = 3, **options: Any) -> bytes:
    """A stream of 64 by 64 pixels by libjpeg."""
    y, x = np.mgrid[:SIDE, :SIDE]
    image = np.stack([(x * 3 + y * (band + 1) + 40 * band) % 256 for band in range(bands)], -1).astype(np.uint8)
    return bytes(imagecodecs.jpeg8_encode(image[..., 0] if bands == 1 else image, 90, **options))


def progressive(bands: int) -> bytes:
    """The same by GDAL, in several scans."""
    profile: dict[str, Any] = {"driver": "JPEG", "count": bands, "width": SIDE, "height": SIDE, "dtype": "uint8"}
    with MemoryFile() as memory:
        with memory.open(**profile, PROGRESSIVE="ON") as target:
            target.write(noise(bands, "uint8", SIDE, SIDE))
        stream = bytes(memory.read())
    assert stream.count(b"\xff\xda") > 3
    return stream


def file_with(stream: bytes, factors: tuple[int, int] | None = None, bands: int = 3) -> bytes:
    """A TIFF with one tile; the factors are those of YCbCr's luminance."""
    fields: dict[int, hm.Field] = {hm.COMPRESSION: (hm.SHORT, [7])}
    if bands == 3:
        fields |= {hm.PHOTOMETRIC: (hm.SHORT, [6]), SUBSAMPLING: (hm.SHORT, factors or (2, 2))}
    return hm.tiff(hm.image(SIDE, SIDE, (SIDE, SIDE), samples=bands, tiles=[stream]).having(fields))


STREAMS: Final[dict[str, tuple[Callable[[], bytes], tuple[int, int], int]]] = {
    "444": (lambda: jpeg(subsampling="444"), (1, 1), 3),
    "422": (lambda: jpeg(subsampling="422"), (2, 1), 3),
    "440": (lambda: jpeg(subsampling="440"), (1, 2), 3),
    "420": (lambda: jpeg(subsampling="420"), (2, 2), 3),
    "grey": (lambda: jpeg(1), (1, 1), 1),
    "progressive": (lambda: progressive(3), (2, 2), 3),
    "progressive-grey": (lambda: progressive(1), (1, 1), 1),
    "zeros-behind": (lambda: jpeg(subsampling="420") + bytes(5), (2, 2), 3),
}


@pytest.mark.parametrize("kind", STREAMS)
def test_streams_of_all_kinds_are_restored(kind: str) -> None:
    make, factors, bands = STREAMS[kind]
    ((jpg, jxl),) = both(file_with(make(), factors, bands))
    assert jpg == make() == bytes(imagecodecs.jpegxl_decode_jpeg(jxl, numthreads=1))


def refusal_of(data: bytes, level: int = 0) -> str | None:
    refusal = JXL.refusal(cog_of(data).levels[level])
    return None if refusal is None else refusal.reason


def test_what_is_no_jpg_is_not_repacked() -> None:
    cmyk = raster(noise(4, "uint8"), options={"compress": "JPEG", "photometric": "CMYK"})
    twelve = hm.tiff(hm.image(64, 64, (64, 64), tiles=[b"x"]).having(
        {hm.COMPRESSION: (hm.SHORT, [7]), hm.BITS: (hm.SHORT, [12])}
    ))  # fmt: skip
    planar = raster(noise(3, "uint8"), options={"compress": "JPEG", "interleave": "BAND"})
    for data, reason in ((cmyk, "CMYK"), (twelve, "JPEG of 12 bits"), (planar, "tiles of their own")):
        refusal = refusal_of(data)
        assert refusal is not None
        assert reason in refusal
        assert WRAPPERS["jpg"].refusal(cog_of(data).levels[0]) is not None


def test_subsampling_that_jpeg_xl_lacks_and_huge_tiles_are_refused() -> None:
    assert refusal_of(file_with(jpeg(subsampling="411"), (4, 1))) == "JPEG XL has no such subsampling"
    huge = hm.image(4096, 2048, (4096, 2048), tiles=[b"x"]).having({hm.COMPRESSION: (hm.SHORT, [7])})
    assert refusal_of(hm.tiff(huge)) == "tiles of 8388608 pixels, and at most 4194304 are repacked"


def test_other_codecs_are_as_without_the_switch() -> None:
    for data in (jxl_tiff(), gdal_tiff("webp-lossy"), gdal_tiff("deflate")):
        level = cog_of(data).levels[0]
        assert wrappers_of(level, WITH_REPACKED) == [WITH_REPACKED[wrapper.extension] for wrapper in wrappers_of(level)]
    data = jxl_tiff()
    cog = cog_of(data)
    tile = tile_at(data, cog.levels[0], 0, 0)
    assert file_of(data, cog, cog.levels[0], tile, "jxl") == tile.planes[0]


BROKEN: Final[dict[str, Callable[[bytes], bytes]]] = {
    "cut": lambda stream: stream[: len(stream) // 2],
    "cut, with an end": lambda stream: stream[: len(stream) // 2] + b"\xff\xd9",
    "no tables": lambda stream: stream[:2] + stream[stream.index(b"\xff\xc0") :],
    "noise": lambda stream: stream[: stream.index(b"\xff\xda") + 14] + b"\xfe" * 300 + b"\xff\xd9",
    "empty": lambda stream: b"",
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_jpeg_is_a_damaged_tile(kind: str) -> None:
    data = file_with(jpeg(subsampling="420"))
    cog = cog_of(data)
    wrapping = run(data, JXL.prepare(cog, cog.levels[0], USUAL))
    assert wrapping.wrap(Tile(0, 0, (jpeg(subsampling="420"),)))
    with pytest.raises(TileDamaged, match="JPEG tile"):
        wrapping.wrap(Tile(0, 0, (BROKEN[kind](jpeg(subsampling="420")),)))
