"""Tiles of any codec -> PNGs of their samples. Loads numpy and the decoders.

Samples keep their values, under masks too; pixels outside the image are 0. The filter is Sub: on imagery it compresses
better than none, and takes no time. Level 1 of libdeflate is as small as zlib's in a quarter of its time.
"""

import sys
from dataclasses import dataclass
from typing import Any, Final

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from cogread.errors import TileDamaged
from cogread.image import Image, Level
from cogread.tiff.tags import Photometric
from cogread.wrap.channels import Channels
from cogread.wrap.decode import pixels
from cogread.wrap.decode.support import BYTE_CODECS, PREDICTOR_HORIZONTAL, predictor
from cogread.wrap.decode.visible import visible_pixels
from cogread.wrap.png.file import Color, Header, png_file
from cogread.wrap.png.palette import MAX_COLORS, Palette
from cogread.wrap.tile import Tile, is_inside, valid_size

Array = NDArray[Any]

_DEFLATE_LEVEL: Final = 1
_NO_FILTER, _SUB = 0, 1
"""Filter types (PNG §9.2)."""
_COLORS: Final = {1: Color.GREY, 2: Color.GREY_ALPHA, 3: Color.RGB, 4: Color.RGB_ALPHA}
"""Samples of a pixel -> colour type."""


@dataclass(frozen=True, slots=True)
class Canvas:
    """Draws the tiles of one level."""

    level: Level
    palette: Palette | None
    nodata: float
    """The value of sparse planes."""
    channels: Channels

    def draw(self, tile: Tile) -> bytes:
        """Draw a tile.

        Raises:
            TileDamaged: the stored bytes of a plane, or of the mask, are not a tile.
        """
        image = self.level.image
        if self._is_filtered(tile):
            return self._draw_filtered(tile.planes[0] or b"")
        values, visible = self._values(tile), visible_pixels(self.level, tile)
        if self.palette is not None:
            return _draw_indices(values[:, :, 0], visible, self.palette)
        if image.bits == 1 and visible is None:
            return _draw_bits(values[:, :, 0])
        if image.bits == 1:
            values *= np.uint8(255)
        if visible is not None:
            values = _with_alpha(values, visible)
        return draw_samples(values)

    def _is_filtered(self, tile: Tile) -> bool:
        """Check for rows that are a PNG's once decompressed: horizontal differencing of bytes is its filter Sub."""
        image = self.level.image
        return (
            (image.compression in BYTE_CODECS and predictor(image) == PREDICTOR_HORIZONTAL)
            and (image.bits == 8 and image.planes == 1 and tile.planes[0] is not None)
            and (self.palette is None and image.photometric in (Photometric.MINISBLACK, Photometric.RGB))
            and (self.level.mask is None and is_inside(image, tile))
            and self.channels.bands == tuple(range(image.samples))
        )

    def _draw_filtered(self, stored: bytes) -> bytes:
        image = self.level.image
        data = pixels.decompress(image, stored, image.tile_height)
        rows = np.frombuffer(data, np.uint8).reshape(image.tile_height, -1)
        header = Header(image.tile_width, image.tile_height, 8, _COLORS[image.samples])
        return png_file(header, _compressed(rows, _SUB))

    def _values(self, tile: Tile) -> Array:
        """Decode the whole tile to a writable (height, width, channels), 0 outside the image."""
        image = self.level.image
        width, height = valid_size(image, tile.col, tile.row)
        depth = image.plane_samples
        values = np.zeros((image.tile_height, image.tile_width, depth * len(tile.planes)), pixels.sample_type(image))
        for number, stored in enumerate(tile.planes):
            plane = values[:height, :width, number * depth : (number + 1) * depth]
            if stored is None:
                plane[:] = _fill(image, self.nodata)
            else:
                plane[:] = pixels.samples(image, stored, height)[:height, :width]
        if image.planes == 1 and self.channels.bands != tuple(range(depth)):
            values = np.ascontiguousarray(values[:, :, self.channels.bands])
        is_inverted = image.photometric == Photometric.MINISWHITE and self.channels.colors == (0,)
        if is_inverted and self.palette is None and not image.is_mask:
            colors = values[:height, :width, :1]
            np.subtract(2**image.bits - 1, colors, out=colors)
        return values


def _fill(image: Image, nodata: float) -> int:
    """Round and clamp nodata as GDAL does for samples that are not stored."""
    return int(min(max(nodata + 0.5, 0), (1 << image.bits) - 1))


def _with_alpha(values: Array, visible: Array) -> Array:
    """Add the alpha to the samples; an alpha band of the image stays where it is lower."""
    alpha = visible.astype(values.dtype) * values.dtype.type(257 if values.dtype.itemsize == 2 else 1)
    if values.shape[2] in (2, 4):
        values[:, :, -1] = np.minimum(values[:, :, -1], alpha)
        return values
    return np.dstack((values, alpha))


def _draw_indices(indices: Array, visible: Array | None, palette: Palette) -> bytes:
    """Draw a palette PNG; RGB and alpha where pixels are hidden and no index is free to be transparent."""
    shown = indices if visible is None else indices[visible > 0]
    if shown.size and shown.max() >= palette.size:
        raise TileDamaged(f"a tile has the index {shown.max()} of a palette of {palette.size} colours")
    colors, clear = palette.colors, palette.clear
    if visible is not None and not visible.all():
        if clear is None:
            clear = next(iter(np.setdiff1d(np.arange(MAX_COLORS), shown)), None)
        if clear is None or ((visible > 0) & (visible < 255)).any():
            return draw_samples(_colored(indices, visible, palette))
        indices = np.where(visible > 0, indices, np.uint8(clear))
        colors = colors.ljust(3 * clear + 3, b"\0")
    header = Header(indices.shape[1], indices.shape[0], 8, Color.PALETTE)
    return png_file(header, _compressed(indices, _NO_FILTER), colors, clear)


def _colored(indices: Array, visible: Array, palette: Palette) -> Array:
    table = np.zeros((MAX_COLORS, 4), np.uint8)
    table[: palette.size, :3] = np.frombuffer(palette.colors, np.uint8).reshape(-1, 3)
    table[: palette.size, 3] = 255
    if palette.clear is not None:
        table[palette.clear, 3] = 0
    values = table[indices]
    values[:, :, 3] = np.minimum(values[:, :, 3], visible)
    return values


def _draw_bits(values: Array) -> bytes:
    header = Header(values.shape[1], values.shape[0], 1, Color.GREY)
    return png_file(header, _compressed(np.packbits(values, axis=1), _NO_FILTER))


def draw_samples(values: Array) -> bytes:
    """Draw (height, width, bands) of 8 or 16 bit, which is changed in place to save a copy of a large tile.

    Samples of 16 bit are most significant byte first (PNG §7.2).
    """
    height, width, bands = values.shape
    pixel_bytes = bands * values.itemsize
    if sys.byteorder == "little":
        values.byteswap(inplace=True)
    rows = values.view(np.uint8).reshape(height, -1)
    filtered = _numbered(rows, _SUB)
    filtered[:, 1 + pixel_bytes :] -= rows[:, :-pixel_bytes]
    header = Header(width, height, 8 * values.itemsize, _COLORS[bands])
    return png_file(header, _deflated(filtered))


def _compressed(rows: Array, filter_type: int) -> bytes:
    """Compress rows of bytes, each behind the number of its filter, to a zlib stream."""
    return _deflated(_numbered(rows, filter_type))


def _numbered(rows: Array, filter_type: int) -> Array:
    numbered = np.empty((rows.shape[0], rows.shape[1] + 1), np.uint8)
    numbered[:, 0] = filter_type
    numbered[:, 1:] = rows
    return numbered


def _deflated(numbered: Array) -> bytes:
    return bytes(imagecodecs.deflate_encode(numbered, _DEFLATE_LEVEL))
