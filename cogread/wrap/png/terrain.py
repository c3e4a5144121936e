"""Tiles of one band of numbers -> PNGs whose colours are heights, for the terrain and the hillshade of web maps.

A pixel's 24 bits of red, green and blue count the steps of an encoding from its lowest height. The number of a sample
is scaled as the band states, converted to metres, rounded to the nearest step and clamped to the range of the encoding.
Pixels without a height (nodata, masked, not finite, outside the image) have the height that the layer chose, and the
picture has no alpha, since browsers multiply colours with it. A tile that the file does not store is drawn too: map
libraries need neighbours of one size. The decoders are loaded with the first tile.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Final, NamedTuple

from cogread.image import Cog, Level
from cogread.metadata.bands import bands_of
from cogread.metadata.nodata import nodata_of
from cogread.refusal import Refusal
from cogread.tiff.colors import PALETTE
from cogread.tiff.parse import Steps
from cogread.tiff.tags import SampleFormat
from cogread.wrap.channels import is_palette
from cogread.wrap.decode.support import undecodable
from cogread.wrap.png.wrapper import refusal_of_level_mask
from cogread.wrap.tile import Tile
from cogread.wrap.wrapper import Kind, Options, Wrapper, Wrapping

_HEIGHTS: Final = "cogread.wrap.png.heights"

_TYPES: Final = {SampleFormat.INT: (8, 16, 32, 64), SampleFormat.FLOAT: (16, 32, 64), SampleFormat.VOID: range(1, 33)}
"""Format of samples -> their bits, where not all are read; complex numbers are no heights."""
MOST_PIXELS: Final = 4096 * 4096
"""Bound of a tile's pixels: colours take more memory than samples of few bits."""
_DECODING_COPIES: Final = 3
"""Peak number of copies of the samples while they are decoded; measured."""
_DRAWING_BYTES: Final = 10
"""Peak memory of drawing beside one copy of the samples, for each pixel; measured."""


class Encoding(NamedTuple):
    """Heights in 24 bits."""

    lowest_m: float
    """The height of 0."""
    steps: int
    """Steps of a metre."""


ENCODINGS: Final[Mapping[str, Encoding]] = {
    "terrarium": Encoding(-32768.0, 256),  # github.com/tilezen/joerd, docs/formats.md
    "mapbox": Encoding(-10000.0, 10),  # docs.mapbox.com, "Mapbox Terrain-RGB v1"
}
"""Encodings by the names of map libraries."""


def refusal(level: Level) -> Refusal | None:
    """See `Wrapper.refusal`."""
    image = level.image
    if image.is_mask:
        return Refusal("a mask has no heights")
    if image.samples != 1:
        return Refusal(f"{image.samples} bands, wanted one of heights")
    if is_palette(image) or PALETTE in level.colors:
        return Refusal("the samples are indices of a palette")
    kind = SampleFormat(image.sample_format)
    if kind in (SampleFormat.COMPLEX_INT, SampleFormat.COMPLEX_FLOAT):
        return Refusal(f"the samples are {image.dtype}, and heights are no complex numbers")
    if image.bits not in _TYPES.get(kind, range(1, 65)):
        return Refusal(f"samples of {image.dtype} are not decoded")
    pixels = image.tile_pixels
    if pixels > MOST_PIXELS:
        return Refusal(f"tiles of {pixels} pixels, wanted at most {MOST_PIXELS}")
    return undecodable(image) or refusal_of_level_mask(level)


def _prepare(encoding: Encoding) -> Callable[[Cog, Level, Options], Steps[Wrapping]]:
    def prepare(cog: Cog, level: Level, options: Options) -> Steps[Wrapping]:
        """See `Wrapper.prepare`."""
        yield from ()
        band, nodata = bands_of(cog, 1)[0], nodata_of(cog)
        scale = (1.0 if band.scale is None else band.scale, band.offset or 0.0)
        image = level.image

        def draw(tile: Tile) -> bytes:
            canvas = import_module(_HEIGHTS).HeightCanvas(level, encoding, scale, nodata, options.heights)
            data: bytes = canvas.draw(tile)
            return data

        sample_bytes, pixels = -(-image.bits // 8), image.tile_pixels
        work = pixels * max(_DECODING_COPIES * sample_bytes, sample_bytes + _DRAWING_BYTES)
        return Wrapping(
            draw,
            None,
            wants_mask=level.mask is not None,
            work_bytes=work,
            variant=options.heights.variant,
            draws_sparse=True,
        )

    return prepare


TERRAIN: Final[Mapping[str, Wrapper]] = {
    name: Wrapper(
        f"png?encoding={name}",
        "image/png",
        Kind.PICTURE,
        revision=1,
        refusal=refusal,
        prepare=_prepare(encoding),
        is_for_masks=False,
    )
    for name, encoding in ENCODINGS.items()
}
"""Encoding -> format."""
