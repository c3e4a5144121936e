"""The colours of terrain against the numbers that GDAL reads: nearest step, scale, unit, nodata, mask, edges."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio.io import DatasetReader, MemoryFile

from cogread.errors import TileDamaged
from cogread.wrap import TERRAIN, Heights, Options
from cogread.wrap.tile import Tile
from tests.support.cogs import cog_of
from tests.support.decode import block, decoded
from tests.support.rasters import noise, raster
from tests.support.terrain import FORMULAS, heights_of
from tests.support.tiffs import KINDS, gdal_tiff, open_level
from tests.support.tiles import run, tile_at

EMPTY_M: Final = -12.5
Numbers = NDArray[Any]

METRES: Final = {"ft": 0.3048, "foot": 0.3048, "US survey foot": 1200 / 3937, "m": 1.0, "metre": 1.0, "K": 1.0}


def numbers(dtype: str) -> Numbers:
    """Land and sea with halves of every step, and in floats what no encoding can hold."""
    pixels = noise(1, dtype).astype("f8") * (1 if dtype.endswith("int8") else 31)
    if np.dtype(dtype).kind == "f":
        pixels += np.arange(110) / 512
        pixels[0, :3, :5] = (1e6, -1e5, 32767.999, -32768.002, 2e6 if dtype != "float16" else 6e4)
    return pixels.astype(dtype)


def holes(dtype: str, value: float) -> Numbers:
    pixels = numbers(dtype)
    pixels[0, 5:40, 7:60] = value
    return pixels


def stripes() -> NDArray[np.uint8]:
    y, x = np.mgrid[:70, :110]
    return np.where((x + y) % 37 > 9, 255, 0).astype(np.uint8)


def described(data: bytes, **facts: Any) -> bytes:
    with MemoryFile() as memory:
        memory.write(data)
        with rasterio.open(memory.name, "r+") as dataset:
            for name, value in facts.items():
                setattr(dataset, name, (value,))
        memory.seek(0)
        return bytes(memory.read())


def renamed(nodata: bytes) -> bytes:
    """Numbers with a nodata value that is not of their type."""
    data = raster(holes("int16", -999), options=packed("NONE"), nodata=-12345)
    assert data.count(b"-12345\0") == 1
    return data.replace(b"-12345\0", nodata + b"\0")


def packed(codec: str, predictor: int = 1) -> dict[str, str]:
    return {"compress": codec, **({"predictor": str(predictor)} if predictor > 1 else {})}


NAN: Final = float("nan")
LOWEST: Final = float(np.finfo("f4").min)
FILES: Final[Mapping[str, Callable[[], bytes]]] = {
    "float32-3": lambda: raster(numbers("float32"), options=packed("DEFLATE", 3), factors=(2,)),
    "float32-2": lambda: raster(numbers("float32"), options=packed("LZW", 2)),
    "float64": lambda: raster(numbers("float64"), options=packed("ZSTD", 3)),
    "half-floats": lambda: raster(noise(1, "float32"), options={"NBITS": "16", "compress": "LZW"}),
    "int16": lambda: raster(numbers("int16"), options=packed("DEFLATE", 2), nodata=-9999, factors=(2,)),
    "int16-holes": lambda: raster(holes("int16", -9999), options=packed("LZW", 2), nodata=-9999),
    "int16-beyond": lambda: renamed(b"-99999"),
    "int16-fraction": lambda: renamed(b"-999.5"),
    "uint16": lambda: raster(holes("uint16", 0), options=packed("LZMA", 2), nodata=0),
    "int32": lambda: raster(numbers("int32"), options=packed("PACKBITS")),
    "uint32": lambda: raster(holes("uint32", 2**32 - 1), options=packed("NONE"), nodata=2**32 - 1),
    "int64": lambda: raster(holes("int64", -(2**63)), options=packed("ZSTD"), nodata=-(2**63)),
    "uint64": lambda: raster(holes("uint64", 2**64 - 1), options=packed("ZSTD"), nodata=2**64 - 1),
    "int8": lambda: raster(holes("int8", -128), options=packed("DEFLATE"), nodata=-128),
    "uint8": lambda: raster(noise(1, "uint8"), options=packed("DEFLATE", 2)),
    "one-bit": lambda: raster(noise(1, "uint8") % 2, options={"NBITS": "1", "compress": "DEFLATE"}),
    "twelve-bits": lambda: raster(noise(1, "uint16"), options={"NBITS": "12", "compress": "LZW"}),
    "lerc": lambda: raster(holes("float32", NAN), options={"compress": "LERC", "max_z_error": "0.01"}, nodata=NAN),
    "lerc-zstd": lambda: raster(numbers("int16"), options=packed("LERC_ZSTD")),
    "nan": lambda: raster(holes("float32", NAN), options=packed("DEFLATE", 3), nodata=NAN),
    "nan-unstated": lambda: raster(holes("float64", NAN), options=packed("DEFLATE", 3)),
    "infinite": lambda: raster(holes("float32", -np.inf), options=packed("DEFLATE", 3), nodata=-9999),
    "minus-9999": lambda: raster(holes("float32", -9999), options=packed("DEFLATE", 3), nodata=-9999),
    "almost-nodata": lambda: raster(holes("float32", -9999.001), options=packed("DEFLATE"), nodata=-9999),
    "not-quite-nodata": lambda: raster(holes("float64", -9999.01), options=packed("DEFLATE"), nodata=-9999),
    "lowest": lambda: raster(holes("float32", LOWEST), options=packed("DEFLATE", 3), nodata=LOWEST),
    "mask": lambda: raster(numbers("float32"), mask=stripes(), options=packed("DEFLATE", 3), factors=(2,)),
    "mask-and-nodata": lambda: raster(
        np.where(stripes() == 0, 7, noise(1, "int16")), mask=stripes(), nodata=7, options=packed("DEFLATE")
    ),
    "scaled": lambda: described(
        raster(holes("int16", -9999), options=packed("DEFLATE", 2), nodata=-9999), scales=0.01, offsets=-273.15
    ),
    "feet": lambda: described(raster(numbers("float32"), options=packed("DEFLATE", 3)), units="ft"),
    "survey-feet": lambda: described(
        raster(numbers("int16"), options=packed("DEFLATE")), units="US survey foot", scales=0.25
    ),
    "kelvins": lambda: described(raster(numbers("float32"), options=packed("DEFLATE")), units="K"),
    "white-is-zero": lambda: raster(noise(1, "uint8"), options={"photometric": "MINISWHITE"}),
    "jpeg-grey": lambda: gdal_tiff("jpeg-grey"),
    "zstd-float": lambda: gdal_tiff("zstd-float"),
    "oblong-tiles": lambda: gdal_tiff("oblong-tiles"),
    "big-endian": lambda: raster(
        numbers("float32"), options={**packed("DEFLATE", 3), "ENDIANNESS": "BIG"}, factors=(2,)
    ),
}
"""Name -> maker of a file of one band."""


def drawn(data: bytes, encoding: str, number: int, col: int, row: int, heights: Heights) -> Numbers:
    """The heights that a map library reads from a tile."""
    cog = cog_of(data)
    level = cog.levels[number]
    wrapping = run(data, TERRAIN[encoding].prepare(cog, level, Options(heights=heights)))
    pixels = decoded(wrapping.wrap(tile_at(data, level, col, row)))
    assert pixels.shape == (3, level.image.tile_height, level.image.tile_width)
    assert pixels.dtype == np.uint8
    return heights_of(encoding, pixels)


def wanted_heights(encoding: str, full: DatasetReader, level: DatasetReader, col: int, row: int) -> Numbers:
    """The heights by GDAL, whole tile, NaN where there is none."""
    height, width = level.block_shapes[0]
    heights = np.full((height, width), np.nan)
    part = block(level, col, row)[0].astype("f8")
    (left, top), (down, across) = (col * width, row * height), part.shape
    window = ((top, top + down), (left, left + across))
    part[level.dataset_mask(window=window) == 0] = np.nan
    part[~np.isfinite(part)] = np.nan
    part = (part * full.scales[0] + full.offsets[0]) * METRES[full.units[0] or "m"]
    lowest, step = FORMULAS[encoding]
    heights[:down, :across] = np.clip(part, lowest, lowest + (2**24 - 1) * step)
    return heights


@pytest.mark.parametrize("name", FILES)
def test_every_pixel_has_the_step_nearest_to_the_height_that_gdal_reads(name: str) -> None:
    data = FILES[name]()
    cog = cog_of(data)
    with MemoryFile(data) as memory, memory.open() as full:
        unit_m = METRES[full.units[0] or "m"]
        for number, level in enumerate(cog.levels):
            with open_level(memory, number) as dataset:
                for col, row in ((0, 0), (level.image.tiles_across - 1, level.image.tiles_down - 1)):
                    for encoding, (_, step) in FORMULAS.items():
                        actual = drawn(data, encoding, number, col, row, Heights(EMPTY_M, unit_m))
                        wanted = wanted_heights(encoding, full, dataset, col, row)
                        is_empty = np.isnan(wanted)
                        assert (actual[is_empty] == EMPTY_M).all()
                        off = np.abs(actual - wanted)[~is_empty]
                        assert not off.size or off.max() <= step / 2 * (1 + 1e-6)


def test_the_test_has_empty_pixels_edges_and_rounded_steps() -> None:
    """Guards of the file makers: without them the comparison above would show less than it says."""
    assert (holes("float32", -9999) == -9999).any()
    steps = numbers("float32").astype("f8") * 256
    assert (steps % 1 == 0.5).any()


@pytest.mark.parametrize("encoding", FORMULAS)
def test_the_height_of_empty_pixels_is_within_the_range_of_the_encoding(encoding: str) -> None:
    data = raster(holes("float32", NAN), options=packed("DEFLATE"))
    lowest = FORMULAS[encoding][0]
    assert drawn(data, encoding, 0, 0, 0, Heights(-32768.0)).min() == lowest


REFUSED: Final = {
    "webp-rgba": "4 bands, wanted one of heights",
    "jpeg-rgb": "3 bands, wanted one of heights",
    "palette": "the samples are indices of a palette",
    "complex": "the samples are complex64, and heights are no complex numbers",
}


@pytest.mark.parametrize("name", REFUSED)
def test_other_files_are_refused_with_a_reason(name: str) -> None:
    colors = {number: (number, 7, 9, 255) for number in range(256)}
    makers: dict[str, Callable[[], bytes]] = {
        "palette": lambda: raster(noise(1, "uint8"), options=packed("LZW"), colors=colors),
        "complex": lambda: raster(noise(1, "complex64"), options=packed("DEFLATE")),
    }
    data = gdal_tiff(name) if name in KINDS else makers[name]()
    for wrapper in TERRAIN.values():
        refusal = wrapper.refusal(cog_of(data).levels[0])
        assert refusal is not None
        assert refusal.reason == REFUSED[name]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"bits": 24}, "samples of float24 are not decoded"),
        ({"tile_width": 8192, "tile_height": 4096}, "tiles of 33554432 pixels, wanted at most 16777216"),
    ],
)
def test_rare_types_and_huge_tiles_are_refused(change: dict[str, Any], reason: str) -> None:
    level = cog_of(gdal_tiff("zstd-float")).levels[0]
    refusal = TERRAIN["mapbox"].refusal(replace(level, image=replace(level.image, **change)))
    assert refusal is not None
    assert refusal.reason == reason


def test_a_damaged_tile_is_an_error() -> None:
    data = raster(numbers("float32"), options=packed("DEFLATE", 3))
    cog = cog_of(data)
    wrapping = run(data, TERRAIN["terrarium"].prepare(cog, cog.levels[0], Options()))
    stored = tile_at(data, cog.levels[0], 0, 0).planes[0]
    assert stored is not None
    with pytest.raises(TileDamaged, match=r"cannot be decoded|when decompressed"):
        wrapping.wrap(Tile(0, 0, (stored[: len(stored) // 2],)))
