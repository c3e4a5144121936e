"""Tiles -> samples in the content coding that the client takes.

Where a codec is a content coding of HTTP, stored bytes pass through, and clients undo the codec: a DEFLATE tile is
HTTP's "deflate", a zlib stream (RFC 9110 §8.4.1.2); a ZSTD tile is its "zstd" where decoding needs a window of at most
8 MB (RFC 9659). The server undoes all other codecs, bands of pixels, samples of odd widths and the byte order of
big-endian files, and codes the samples anew. The predictor stays and is described, unless the client asks for samples
without, or for one band of a pixel. The decoders are loaded at the first tile that needs them.
"""

from importlib import import_module
from typing import Any, Final

from cogread.errors import FormatNotOffered
from cogread.image import Cog, Image, Level
from cogread.refusal import Refusal
from cogread.tiff.parse import Steps
from cogread.tiff.tags import DEFLATES, Compression
from cogread.wrap.bin.layout import SampleType, headers, layout, sample_type
from cogread.wrap.bin.window import MAX_WINDOW_BYTES, within_window
from cogread.wrap.decode.support import (
    JXLS,
    PREDICTOR_FLOATING,
    PREDICTOR_NONE,
    is_lsb_first,
    predictor,
    undecodable,
    work_bytes,
)
from cogread.wrap.stored import check_stored
from cogread.wrap.tile import Tile, valid_size
from cogread.wrap.wrapper import Kind, Options, Wrapper, Wrapping

CODINGS: Final = ("zstd", "deflate")
"""Content codings, the one preferred where a client takes both: it is smaller and takes less time at both ends."""
IDENTITY: Final = "identity"

_BODY: Final = "cogread.wrap.bin.body"
_LOSSY: Final = {Compression.OLD_JPEG, Compression.JPEG}
_UNCERTAIN: Final = {Compression.WEBP, Compression.JPEG2000, *JXLS}
"""Codecs with and without loss."""


def refusal(level: Level) -> Refusal | None:
    """See `Wrapper.refusal`; for a mask's own tiles, the mask is the image of the level."""
    image = level.image
    if image.compression in _LOSSY:
        return Refusal(f"{image.compression_name} does not keep samples")
    if image.compression in _UNCERTAIN:
        return Refusal(f"the file does not say whether {image.compression_name} keeps its samples")
    kind = sample_type(image)
    return kind if isinstance(kind, Refusal) else undecodable(image)


def stored_coding(image: Image) -> str | None:
    """The content coding in which stored tiles are sent without decoding; None: they are decoded."""
    kind = sample_type(image)
    if isinstance(kind, Refusal) or kind.is_widened or is_lsb_first(image):
        return None
    if image.directory.order == ">" and image.bits > 8 and predictor(image) != PREDICTOR_FLOATING:
        return None
    if image.compression in DEFLATES:
        return "deflate"
    if image.compression == Compression.ZSTD and image.tile_bytes <= MAX_WINDOW_BYTES:
        return "zstd"
    return IDENTITY if image.compression == Compression.NONE else None


def describe(level: Level) -> dict[str, Any] | None:
    """Describe the samples of a level's tiles and how they are sent; None: they are not offered."""
    kind = sample_type(level.image)
    if isinstance(kind, Refusal) or refusal(level) is not None:
        return None
    return {**layout(level.image, kind)._asdict(), "coding": stored_coding(level.image)}


def prepare(cog: Cog, level: Level, options: Options) -> Steps[Wrapping]:
    """See `Wrapper.prepare`."""
    yield from ()
    image, stored = level.image, stored_coding(level.image)
    kind = _type(image)
    plane, band = _place(image, options.band)
    is_plain = band is not None or (options.is_plain and layout(image, kind).predictor != PREDICTOR_NONE)
    passes = not is_plain and (stored == IDENTITY or stored in options.codings)
    coding = stored if stored and passes else next(iter(options.codings), IDENTITY)

    def pass_on(tile: Tile) -> bytes:
        data = tile.planes[0] or b""
        check_stored(image, data, tile.col, tile.row)
        if coding == IDENTITY:
            return data.ljust(image.tile_bytes, b"\0")
        return within_window(data) if coding == "zstd" else data

    def decode(tile: Tile) -> bytes:
        rows = valid_size(image, tile.col, tile.row)[1]
        data: bytes = import_module(_BODY).coded(
            image, kind, tile.planes[0] or b"", rows, band=band, is_plain=is_plain, coding=coding
        )
        return data

    described = layout(image, kind, bands=None if band is None else 1, is_plain=is_plain)
    fields = headers(described)
    if not (passes and coding == IDENTITY):
        fields.append(("Vary", "Accept-Encoding"))
    if coding != IDENTITY:
        fields.append(("Content-Encoding", coding))
    return Wrapping(
        pass_on if passes else decode,
        0 if passes and coding != IDENTITY else None,
        (plane,),
        headers=tuple(fields),
        work_bytes=0 if passes else work_bytes(image, image.plane_samples),
        variant="" if passes else f"-{'' if band is None else band + 1}{coding[0]}{'p' if is_plain else ''}",
    )


def _type(image: Image) -> SampleType:
    kind = sample_type(image)
    if isinstance(kind, Refusal):
        raise FormatNotOffered(kind.reason)
    return kind


def _place(image: Image, band: int | None) -> tuple[int, int | None]:
    """The plane that has the band, and its number among the others there; None: all bands of the plane."""
    if image.planes > 1:
        return band or 0, None
    return 0, band if image.samples > 1 else None


SAMPLES: Final = Wrapper("bin", "application/octet-stream", Kind.SAMPLES, revision=2, refusal=refusal, prepare=prepare)
