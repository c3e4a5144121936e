"""The files that are served. All lie on the grid of web maps, so that every peer can serve them by the same z, x, y."""

import math
import os
import time
import warnings
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import rasterio
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import MemoryFile
from rasterio.shutil import copy
from rasterio.transform import from_origin

from cogread.reader import open_cog
from tests.support import handmade as hm

PICTURE: Final = Path(__file__).parent.parent / "data/valley.tif"
TILES_A_SIDE: Final = 16
"""Square for COGDumper, which multiplies the row by the tiles down and returns wrong tiles on any other grid."""

TILE_PIXELS: Final = 512
Z: Final = 4
"""z of the full resolution; the file covers the world, so it is the same in the native grid and in web maps."""

QUALITY: Final = 80
"""JPEG quality for tiles of about 44 kB, or 13 kB for 256 pixels."""

GRID_TILE_PIXELS: Final = 256
SHEET_TILES: Final = 32
"""Tiles across and down of a masked sheet."""
_TURN: Final = math.radians(7)
_SHEET_SHARE: Final = 0.88
"""Side of the sheet over that of the file."""
_HALF_WORLD_M: Final = math.pi * 6378137


def make_cog(path: Path, tile_pixels: int = TILE_PIXELS) -> None:
    """Write a COG of JPEG tiles (YCbCr) that all differ: an aerial photograph, repeated out of step with the tiles.

    It is made of real imagery, since synthetic tiles compress like nothing on earth.
    """
    path.write_bytes(_cog(tile_pixels))
    _age(path)


@cache
def _cog(tile_pixels: int) -> bytes:
    side = TILES_A_SIDE * tile_pixels
    with rasterio.open(PICTURE) as dataset:
        picture = dataset.read()[:, :701, :997]
    repeats = [-(-side // length) for length in picture.shape[1:]]
    pixel_m = 2 * _HALF_WORLD_M / side
    transform = from_origin(-_HALF_WORLD_M, _HALF_WORLD_M, pixel_m, pixel_m)
    profile = {"width": side, "height": side, "count": 3, "dtype": "uint8", "crs": "EPSG:3857", "transform": transform}
    codec = {"compress": "JPEG", "quality": QUALITY, "blocksize": tile_pixels}
    with MemoryFile() as memory:
        with memory.open(driver="COG", **profile, **codec) as dataset:
            dataset.write(np.tile(picture, (1, *repeats))[:, :side, :side])
        return bytes(memory.read())


def ranges_of(path: Path, places: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Half-open byte ranges of tiles of the full resolution, by column and row."""
    with open_cog(str(path)) as cog:
        ranges = [cog.place(cog.image(0), col, row) for col, row in places]
    return [(place.start, place.stop) for place in ranges if place is not None]


def make_sheet(path: Path, codec: Mapping[str, str]) -> None:
    """Write a TIFF of one level with a map sheet of the same picture, turned by a few degrees; a mask hides the rest.

    Args:
        path: of the file.
        codec: GDAL's creation options.
    """
    side = SHEET_TILES * GRID_TILE_PIXELS
    with rasterio.open(PICTURE) as dataset:
        picture = dataset.read()[:, :701, :997]
    repeats = [-(-side // length) for length in picture.shape[1:]]
    pixels = np.tile(picture, (1, *repeats))[:, :side, :side]
    x = np.arange(side, dtype=np.float32) - side / 2
    y, half = x[:, np.newaxis], _SHEET_SHARE * side / 2
    is_inside = np.abs(x * math.cos(_TURN) + y * math.sin(_TURN)) < half
    is_inside &= np.abs(y * math.cos(_TURN) - x * math.sin(_TURN)) < half
    profile = {"width": side, "height": side, "count": 3, "dtype": "uint8", "crs": "EPSG:3857"}
    blocks = {"tiled": True, "blockxsize": GRID_TILE_PIXELS, "blockysize": GRID_TILE_PIXELS}
    transform = from_origin(0, 0, 2, 2)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), MemoryFile() as memory:
        with memory.open(driver="GTiff", transform=transform, **profile, **blocks) as dataset:
            dataset.write(pixels * is_inside)
            dataset.write_mask(is_inside)
        copy(memory.name, path, driver="COG", blocksize=GRID_TILE_PIXELS, overviews="NONE", **codec)
    _age(path)


def grid_z(side: int) -> int:
    """The z, in the grid of web maps, of a file of `make_grid`."""
    return math.ceil(math.log2(side))


def make_grid(path: Path, side: int, *, copies: bool = False) -> None:
    """Write a TIFF of a single level with any number of tiles, which are all the same grey JPEG.

    Args:
        path: of the file.
        side: tiles across and down.
        copies: whether each tile has bytes of its own; else they share them, and the file is not much more than its
            index.
    """
    tile, tables = _grey_jpeg(path)
    count, pixels = side * side, side * GRID_TILE_PIXELS
    index_at = 4096
    tiles_at = index_at + 8 * count
    pixel_m = 2 * _HALF_WORLD_M / (GRID_TILE_PIXELS << grid_z(side))
    ifd = hm.image(16, 16, (16, 16)).but(tiles=())
    ifd = ifd.having(
        {
            **{tag: (hm.LONG, [pixels]) for tag in (hm.WIDTH, hm.LENGTH)},
            **{tag: (hm.SHORT, [GRID_TILE_PIXELS]) for tag in (hm.TILE_WIDTH, hm.TILE_LENGTH)},
            hm.COMPRESSION: (hm.SHORT, [7]),
            hm.JPEG_TABLES: (hm.UNDEFINED, tables),
            hm.OFFSETS: hm.Claim(hm.LONG, count, index_at),
            hm.COUNTS: hm.Claim(hm.LONG, count, index_at + 4 * count),
            hm.SCALE: (hm.DOUBLE, [pixel_m, pixel_m, 0]),
            hm.TIEPOINT: (hm.DOUBLE, [0, 0, 0, -_HALF_WORLD_M, _HALF_WORLD_M, 0]),
            hm.GEO_KEYS: (hm.SHORT, [1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, 3857]),
        }
    )
    offsets = tiles_at + np.arange(count, dtype="<u4") * np.uint32(len(tile) if copies else 0)
    with path.open("wb") as file:
        file.write(hm.tiff(ifd).ljust(index_at, b"\0"))
        file.write(offsets.astype("<u4").tobytes())
        file.write(np.full(count, len(tile), "<u4").tobytes())
        file.write(tile * (count if copies else 1))
    _age(path)


def _age(path: Path) -> None:
    """Make the file as old as those of users: rawcog keeps no replies of a file that was written a moment ago."""
    written_at = time.time() - 3600
    os.utime(path, (written_at, written_at))


def _grey_jpeg(path: Path) -> tuple[bytes, bytes]:
    """A tile and the JPEG tables of its file, as GDAL writes them; by means of a file at this path."""
    blocks = {"tiled": True, "blockxsize": GRID_TILE_PIXELS, "blockysize": GRID_TILE_PIXELS}
    profile = {"count": 1, "dtype": "uint8", "width": GRID_TILE_PIXELS, "height": GRID_TILE_PIXELS}
    with rasterio.open(PICTURE) as dataset:
        pixels = dataset.read(1)[:GRID_TILE_PIXELS, :GRID_TILE_PIXELS]
    with (
        warnings.catch_warnings(action="ignore", category=NotGeoreferencedWarning),
        rasterio.open(path, "w", driver="GTiff", compress="JPEG", jpeg_quality=QUALITY, **blocks, **profile) as file,
    ):
        file.write(pixels, 1)
    with open_cog(str(path)) as cog:
        return cog.tile(0, 0, 0) or b"", cog.cog.full.jpeg_tables or b""
