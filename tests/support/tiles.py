"""Tiles of a file in memory as representations get them, and GDAL's view of the same place."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import DatasetReader, MemoryFile
from rasterio.windows import Window

from cogread.image import Cog, Level
from cogread.tiff.parse import Steps, T, drive
from cogread.tile_index import tile_number
from cogread.wrap.tile import Tile, valid_size
from tests.support.cogs import cog_of, stored
from tests.support.decode import block
from tests.support.pictures import channels
from tests.support.tiffs import open_level


@dataclass(frozen=True, slots=True)
class Place:
    """A tile with GDAL's view of it."""

    cog: Cog
    number: int
    """Number of the level."""
    tile: Tile
    pixels: NDArray[Any]
    """(bands, height, width) of the part within the image."""
    visible: NDArray[np.uint8] | None
    """(height, width) of the level's mask, 0 or 255; None without one."""
    channels: tuple[list[int], int | None]
    """See `pictures.channels`."""

    @property
    def level(self) -> Level:
        return self.cog.levels[self.number]

    @property
    def inside(self) -> bool:
        """Tell whether all of the tile is within the image."""
        image = self.level.image
        return self.pixels.shape[1:] == (image.tile_height, image.tile_width)


def tile_at(data: bytes, level: Level, col: int, row: int) -> Tile:
    """The stored bytes of a tile and of its mask."""
    planes = range(level.image.planes)
    mask = None
    if level.mask is not None:
        mask = stored(data, level.mask, tile_number(level.mask, col, row))
    parts = tuple(stored(data, level.image, tile_number(level.image, col, row, plane)) for plane in planes)
    return Tile(col, row, parts, mask)


def places(data: bytes) -> Iterator[Place]:
    """Every tile of every level, except those that are sparse in all planes."""
    cog = cog_of(data)
    with warnings.catch_warnings(), MemoryFile(data) as memory:
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with memory.open() as full:
            shown = channels(full)
        for number, level in enumerate(cog.levels):
            with open_level(memory, number) as dataset:
                if (dataset.width, dataset.height) != (level.image.width, level.image.height):
                    continue  # GDAL takes overviews in the order of the file
                for row in range(level.image.tiles_down):
                    for col in range(level.image.tiles_across):
                        tile = tile_at(data, level, col, row)
                        if tile.planes != (None,) * level.image.planes:
                            visible = _mask_of(dataset, level, tile) if level.mask else None
                            yield Place(cog, number, tile, block(dataset, col, row), visible, shown)


def run(data: bytes, steps: Steps[T]) -> T:
    """Run what asks for ranges of a file."""
    return drive(steps, lambda wanted: data[wanted.start : wanted.stop])


def _mask_of(dataset: DatasetReader, level: Level, tile: Tile) -> NDArray[np.uint8]:
    image = level.image
    width, height = valid_size(image, tile.col, tile.row)
    window = Window(tile.col * image.tile_width, tile.row * image.tile_height, width, height)
    mask: NDArray[np.uint8] = dataset.dataset_mask(window=window)
    return mask
