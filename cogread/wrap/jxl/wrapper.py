"""Tiles as JPEG XL: as they are stored, or, where the layer wants it, JPEG tiles repacked without loss.

Repacking gives the coefficients of a JPEG file the better entropy coding of JPEG XL, and adds what restores the file to
the byte; no pixel is computed. It takes milliseconds, so the tiers keep the result. The codec is loaded with the first
tile.
"""

from dataclasses import replace
from importlib import import_module
from typing import Final

from cogread.errors import TileDamaged
from cogread.image import Cog, Image, Level
from cogread.jxl_stream import Header, read_header
from cogread.refusal import Refusal
from cogread.tiff.colors import ASSOCIATED_ALPHA
from cogread.tiff.parse import Steps
from cogread.tiff.tags import Compression, Photometric, SampleFormat
from cogread.wrap import jpeg
from cogread.wrap.decode.support import JXLS, is_lsb_first
from cogread.wrap.wrapper import Options, Pieces, StreamWrapping, Wrapper, Wrapping, stream_wrapper

EXTENSION: Final = "jxl"
MEDIA_TYPE: Final = "image/jxl"

MOST_REPACKED_PIXELS: Final = 2048 * 2048
"""Repacking such a tile takes half a second of CPU time."""

_REPACK: Final = "cogread.wrap.jxl.repack"
_WORK_BYTES: Final = 50
"""Peak memory of repacking, for each pixel; measured."""
_SAMPLINGS: Final = frozenset({0x11, 0x12, 0x21, 0x22})
"""Sampling factors of luminance that JPEG XL has, as in `jpeg_stream.Frame.sampling`."""


def refusal(image: Image) -> Refusal | None:
    """See `stream_wrapper`."""
    if image.compression not in JXLS:
        return Refusal(f"the tiles are {image.compression_name}, not JPEG XL")
    if is_lsb_first(image):
        return Refusal("the bits of each byte are in reverse order")
    if image.bits not in (8, 16) or image.sample_format not in (SampleFormat.UINT, SampleFormat.VOID):
        return Refusal(f"JPEG XL of {image.dtype} is not shown by web clients")
    if image.bits == 16 and image.directory.order == ">":
        return Refusal("the byte order of its samples is not known in a big-endian file")
    reason = _refusal_of_bands(image)
    if reason is None and image.first_jxl is not None:
        try:
            _check(image, image.first_jxl)
        except TileDamaged as error:
            return Refusal(f"the first tile is a {error.message}")
    return reason


def _refusal_of_bands(image: Image) -> Refusal | None:
    if image.planes > 1:
        return Refusal("the bands are stored in tiles of their own")
    shown = {1: Photometric.MINISBLACK, 2: Photometric.MINISBLACK, 3: Photometric.RGB, 4: Photometric.RGB}
    if shown.get(image.samples) != image.photometric:
        return Refusal(
            f"JPEG XL of {image.samples} bands as {image.photometric_name} is not shown rightly by web clients"
        )
    if ASSOCIATED_ALPHA in image.extra_samples:
        return Refusal("the colours are multiplied with alpha, those of a picture must not be")
    return None


def prepare(image: Image) -> StreamWrapping:
    """See `stream_wrapper`."""

    def pieces(stored: bytes) -> Pieces:
        _check(image, read_header(stored))
        return (stored,)

    return StreamWrapping(pieces, added_bytes=0, wrap_again=lambda stored: stored)


def _check(image: Image, header: Header) -> None:
    """Check that web clients show what GDAL reads; a tile without transparent pixels may lack the alpha of the image.

    Raises:
        TileDamaged: they do not.
    """
    colors = 3 if image.samples > 2 else 1
    extra = image.samples - colors
    wanted = Header(image.tile_width, image.tile_height, image.bits, False, colors, extra, extra == 1, True)
    if header not in (wanted, wanted._replace(extra=0, has_straight_alpha=False)):
        raise TileDamaged(f"JPEG XL tile of {_text(header)}, wanted {_text(wanted)}")


def _text(header: Header) -> str:
    kind = f"{'float' if header.is_float else 'uint'}{header.bits}"
    colors = f"{header.colors} colours in {'sRGB' if header.is_srgb else 'another space than sRGB'}"
    alpha = f"{'straight' if header.has_straight_alpha else 'no straight'} alpha"
    return f"{header.width} × {header.height} pixels of {kind}, {colors}, {alpha}"


JXL: Final[Wrapper] = stream_wrapper(EXTENSION, MEDIA_TYPE, revision=1, refusal=refusal, prepare=prepare)


def _refusal_with_repacked(level: Level) -> Refusal | None:
    image = level.image
    if image.compression != Compression.JPEG:
        return JXL.refusal(level)
    pixels = image.tile_pixels
    if pixels > MOST_REPACKED_PIXELS:
        return Refusal(f"tiles of {pixels} pixels, and at most {MOST_REPACKED_PIXELS} are repacked")
    reason = jpeg.JPEG.refusal(level)
    if reason is None and image.jpeg_sampling[0] not in _SAMPLINGS:
        return Refusal("JPEG XL has no such subsampling")
    return reason


def _prepare_with_repacked(cog: Cog, level: Level, options: Options) -> Steps[Wrapping]:
    image = level.image
    if image.compression != Compression.JPEG:
        return (yield from JXL.prepare(cog, level, options))
    picture = jpeg.prepare(image)
    return Wrapping(
        lambda tile: import_module(_REPACK).repack(picture.wrap(tile.planes[0] or b"")),
        None,
        work_bytes=_WORK_BYTES * image.tile_pixels,
        is_kept=True,
    )


JXL_WITH_REPACKED: Final[Wrapper] = replace(
    JXL, revision=1, refusal=_refusal_with_repacked, prepare=_prepare_with_repacked
)
"""The same, of JPEG tiles too."""
