"""Tiles -> lossless PNG files, by decoding.

Pixels that a mask hides or that lie outside the image are transparent, so tiles at the edges have an alpha channel that
inner ones lack. A PNG states that its samples are grey or RGB with straight alpha; an image without bands that GDAL
names so is refused. The decoders are loaded with the first tile.
"""

from importlib import import_module
from math import isnan
from typing import Final

from cogread.errors import FormatNotOffered
from cogread.image import Cog, Image, Level
from cogread.metadata.nodata import nodata_of
from cogread.refusal import Refusal
from cogread.tiff.colors import has_color_map
from cogread.tiff.parse import Steps
from cogread.tiff.tags import Compression, Photometric, SampleFormat
from cogread.wrap.channels import SINGLE, Channels, channels_of, is_palette, misnamed_bands
from cogread.wrap.decode.support import LOSSLESS, undecodable, work_bytes
from cogread.wrap.png.file import transparent
from cogread.wrap.png.palette import load_palette
from cogread.wrap.tile import mask_mismatch
from cogread.wrap.wrapper import Kind, Options, Wrapper, Wrapping

_CANVAS: Final = "cogread.wrap.png.canvas"

_DEPTHS: Final[dict[int, tuple[int, ...]]] = {
    Photometric.MINISWHITE: (1, 8, 16),
    Photometric.MINISBLACK: (1, 8, 16),
    Photometric.PALETTE: (1, 2, 4, 8),
    Photometric.RGB: (8, 16),
    Photometric.YCBCR: (8,),
}
"""Photometric -> bits of a sample that a PNG can store."""


def refusal(level: Level) -> Refusal | None:
    """See `Wrapper.refusal`; for a mask's own tiles, the mask is the image of the level."""
    if level.image.is_mask:
        return _refusal_of_mask(level.image)
    return _refusal_of_codec(level) or picture_refusal(level)


def picture_refusal(level: Level) -> Refusal | None:
    """Refuse a level whose tiles cannot be drawn with their mask, whatever their codec."""
    return _refusal_of_image(level) or refusal_of_level_mask(level)


def prepare(cog: Cog, level: Level, options: Options) -> Steps[Wrapping]:
    """See `Wrapper.prepare`; reads the palette, which the header leaves out.

    Raises:
        FormatError: a palette image has none, or a damaged one.
    """
    image, channels = level.image, _channels(level)
    is_indexed = not image.is_mask and (is_palette(image) or _shares_palette(image, cog.full))
    palette = (yield from load_palette(cog, level)) if is_indexed else None
    nodata = 0.0 if image.is_mask else _fill(nodata_of(cog))

    return Wrapping(
        lambda tile: import_module(_CANVAS).Canvas(level, palette, nodata, channels).draw(tile),
        None,
        planes=channels.bands if image.planes > 1 else (0,),
        wants_mask=level.mask is not None,
        work_bytes=work_bytes(image, 4 if is_indexed else _most_samples(image)),
    )


def _shares_palette(image: Image, full: Image) -> bool:
    """True for a grey overview of an image whose palette was added after its pixels, as GDAL writes it."""
    is_alike = (image.photometric, image.bits, image.samples) == (full.photometric, full.bits, full.samples)
    return is_alike and has_color_map(full.directory, full.bits)


def _channels(level: Level) -> Channels:
    channels = SINGLE if level.image.is_mask else channels_of(level)
    if isinstance(channels, Refusal):
        raise FormatNotOffered(channels.reason)
    return channels


def _most_samples(image: Image) -> int:
    """Count the samples of a pixel of the largest PNG without a palette: with alpha at the edges."""
    if image.is_mask:
        return 1
    return image.samples + image.samples % 2


def _refusal_of_codec(level: Level) -> Refusal | None:
    image = level.image
    if image.compression not in (Compression.JPEG, Compression.WEBP):
        return None
    if level.mask is None and misnamed_bands(level) is None:
        return Refusal(f"the tiles are {image.compression_name}, and there is no mask to be shown with them")
    if image.planes > 1:
        return Refusal(f"the bands are {image.compression_name} tiles of their own")
    return None


def _refusal_of_image(level: Level) -> Refusal | None:
    image = level.image
    if image.sample_format not in (SampleFormat.UINT, SampleFormat.VOID):
        return Refusal(f"PNG has no samples of {image.dtype}")
    if image.bits not in _DEPTHS.get(Photometric.PALETTE if is_palette(image) else image.photometric, ()):
        return Refusal(f"{image.photometric_name} of {image.bits} bits a sample has no place in a PNG")
    channels = channels_of(level)
    return channels if isinstance(channels, Refusal) else undecodable(image)


def refusal_of_level_mask(level: Level) -> Refusal | None:
    """Refuse a level whose mask is not decoded with its image."""
    mask = level.mask
    return None if mask is None else _refusal_of_mask(mask) or mask_mismatch(level)


def _refusal_of_mask(mask: Image) -> Refusal | None:
    if mask.samples != 1:
        return Refusal(f"the mask has {mask.samples} bands")
    reason = undecodable(mask) if mask.compression in LOSSLESS else f"tiles of {mask.compression_name}"
    return Refusal(f"the mask: {reason}") if reason else None


def _fill(nodata: float | None) -> float:
    """Choose the value of samples that are not stored."""
    return 0.0 if nodata is None or isnan(nodata) else nodata


PNG: Final = Wrapper(
    "png", "image/png", Kind.PICTURE, revision=3, refusal=refusal, prepare=prepare, transparent=transparent
)
