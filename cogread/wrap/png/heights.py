"""Draws heights as colours; see `terrain`. Loads numpy and the decoders.

Numbers are converted in double precision, as by GDAL's `gdal_translate -unscale`, a few rows at a time: a tile of bytes
would take eight times its memory.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cogread.image import Level
from cogread.wrap.decode import pixels
from cogread.wrap.decode.visible import visible_pixels
from cogread.wrap.png.canvas import draw_samples
from cogread.wrap.png.terrain import Encoding
from cogread.wrap.tile import Tile, valid_size
from cogread.wrap.wrapper import Heights

Array = NDArray[Any]

_MOST: Final = 2**24 - 1
"""The largest number of three bytes."""
_PIXELS_AT_ONCE: Final = 1 << 14
_NODATA_DISTANCE: Final = 2 * float(np.finfo(np.float32).eps)
"""Distance from nodata, over their sum, at which GDAL takes a number for it (gcore/gdal_priv.h, `ARE_REAL_EQUAL`)."""


@dataclass(frozen=True, slots=True)
class HeightCanvas:
    """Draws the tiles of one level."""

    level: Level
    encoding: Encoding
    scale: tuple[float, float]
    """Scale and offset of the band's numbers."""
    nodata: int | float | None
    heights: Heights

    def draw(self, tile: Tile) -> bytes:
        """Draw a tile.

        Raises:
            TileDamaged: the stored bytes, or those of the mask, are not a tile.
        """
        image = self.level.image
        width, height = valid_size(image, tile.col, tile.row)
        visible = visible_pixels(self.level, tile)
        numbers = self._numbers(tile, width, height)
        colors = np.empty((image.tile_height, image.tile_width, 3), np.uint8)
        colors[:] = _bytes_of(self._steps(np.array([[np.nan]]), np.array([[True]])))
        rows = max(1, _PIXELS_AT_ONCE // width)
        for top in range(0, height, rows):
            part = numbers[top : top + rows]
            shown = None if visible is None else visible[top : top + len(part), :width]
            is_empty = self._is_empty(part, shown)
            colors[top : top + len(part), :width] = _bytes_of(self._steps(part.astype(np.float64), is_empty))
        return draw_samples(colors)

    def _numbers(self, tile: Tile, width: int, height: int) -> Array:
        """Decode the part within the image, (height, width); what is not stored is nodata, else 0, as in GDAL."""
        image, stored = self.level.image, tile.planes[0]
        if stored is not None:
            return pixels.samples(image, stored, height)[:height, :width, 0]
        nothing = 0 if self.nodata is None else self.nodata
        return np.broadcast_to(np.asarray(nothing), (height, width))

    def _is_empty(self, numbers: Array, visible: Array | None) -> NDArray[np.bool_]:
        """Find pixels without a height: by the mask, else by nodata as in GDAL; and numbers that are not finite."""
        is_empty: NDArray[np.bool_] = ~np.isfinite(numbers)
        if self.level.mask is not None and visible is not None:
            is_empty |= visible == 0
        elif self.nodata is not None:
            is_empty |= _is_nodata(numbers, self.nodata)
        return is_empty

    def _steps(self, numbers: NDArray[np.float64], is_empty: NDArray[np.bool_]) -> NDArray[np.uint32]:
        """Count the steps of the encoding; halves are rounded up."""
        (scale, offset), (lowest_m, steps) = self.scale, self.encoding
        with np.errstate(invalid="ignore", over="ignore"):
            heights = (numbers * scale + offset) * self.heights.unit_m
            heights[is_empty | np.isnan(heights)] = self.heights.empty_m
            counts = np.floor((heights - lowest_m) * steps + 0.5)
        return np.clip(counts, 0, _MOST).astype(np.uint32)


def _is_nodata(numbers: Array, nodata: float) -> Array | bool:
    """Compare numbers as GDAL does (gcore/gdalnodatamaskband.cpp); integers beyond their range are none."""
    if numbers.dtype.kind != "f":
        limits = np.iinfo(numbers.dtype)
        if not limits.min <= nodata <= limits.max:  # nor is NaN within it
            return False
        is_nodata: Array = numbers == numbers.dtype.type(int(nodata))
        return is_nodata
    precise = numbers.astype(np.float64)
    with np.errstate(invalid="ignore"):
        is_close: Array = np.abs(precise - nodata) < _NODATA_DISTANCE * np.abs(precise + nodata)
    is_close |= precise == nodata
    return is_close


def _bytes_of(numbers: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """Split (height, width) into (height, width, 3): red, green, blue."""
    return numbers.astype(">u4").view(np.uint8).reshape(*numbers.shape, 4)[:, :, 1:]
