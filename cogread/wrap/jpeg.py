"""JPEG tiles -> JPEG files.

A tile in a TIFF is an "abbreviated" JPEG stream: tables that all tiles share may stand once, in JPEGTables (TIFF
Technical Note 2, "TIFF Tag Type 347"). They are put in behind the tile's SOI. An RGB tile gets Adobe's APP14 marker,
without which decoders take three components for YCbCr. A JFIF marker, which implies YCbCr and beats Adobe's (libjpeg,
jdapimin.c, `default_decompress_parms`), is disarmed in such a tile by making it an application marker of no meaning.

GDAL goes by the tags alone, web clients by the stream alone. A tile whose stream contradicts the tags is refused: it
would show other colours than GDAL reads, or GDAL does not read it at all.
"""

from typing import Final

from cogread.errors import FormatError, TileDamaged
from cogread.image import Image
from cogread.jpeg_stream import (
    COLOR_MARKERS,
    DRI,
    EOI,
    FRAMES,
    MARK_EOI,
    MARK_SOS,
    PROGRESSIVE,
    SOF0,
    SOI,
    SOS,
    Head,
    head,
    segments,
)
from cogread.refusal import Refusal
from cogread.tiff.tags import Compression, Photometric, Planar
from cogread.wrap.wrapper import StreamWrapping, Wrapper, stream_wrapper

ADOBE_RGB: Final = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00"
"""APP14 with transform 0: the three components are R, G and B."""

MAX_SCANS: Final = 99
"""libtiff reads no more: each costs as much as decoding the whole tile (tif_jpeg.c, `TIFFjpeg_progress_monitor`)."""

_NO_MEANING: Final = 0xEF
"""Second byte of APP15."""
_WEB_FRAMES: Final = frozenset({SOF0, SOF0 + 1, PROGRESSIVE})
"""Baseline, extended sequential and progressive, with Huffman codes: what browsers decode."""
_LOSSLESS: Final = SOF0 + 3
_NOT_OF_TABLES: Final = COLOR_MARKERS | {DRI}
"""Segments of JPEGTables that do not count: libjpeg forgets them at the tile's SOI (jdmarker.c, `get_soi`)."""


def refusal(image: Image) -> Refusal | None:
    """See `stream_wrapper`."""
    if image.compression != Compression.JPEG:
        return Refusal(f"the tiles are {image.compression_name}, not JPEG")
    if image.bits != 8:
        return Refusal(f"JPEG of {image.bits} bits a sample is not shown by web clients")
    if image.planar == Planar.SEPARATE and image.samples > 1:
        return Refusal("the bands are stored in tiles of their own")
    shown = {1: (Photometric.MINISBLACK,), 3: (Photometric.RGB, Photometric.YCBCR)}
    if image.photometric not in shown.get(image.samples, ()):
        return Refusal(f"JPEG of {image.samples} bands as {image.photometric_name} is not shown rightly by web clients")
    try:
        if image.first_tile is not None:
            _check_shown(image, image.first_tile)
    except TileDamaged as error:
        return Refusal(f"the first tile is a {error.message}")
    return None


def prepare(image: Image) -> StreamWrapping:
    """See `stream_wrapper`.

    Raises:
        FormatError: JPEGTables is no JPEG stream.
    """
    is_rgb = image.photometric == Photometric.RGB
    prefix = SOI + (ADOBE_RGB if is_rgb else b"") + _tables(image)
    shape = (image.tile_height, image.tile_width, image.samples)

    def wrap(stored: bytes) -> bytes:
        _check_ends(stored)
        beginning = head(stored)
        frame = beginning.frame
        found = (frame.height, frame.width, len(frame.components)) if frame else None
        if found != shape:
            raise TileDamaged(f"JPEG tile of (height, width, bands) {found}, wanted {shape}")
        _check_shown(image, beginning)
        if frame and frame.marker == PROGRESSIVE:
            _check_scans(stored)
        return wrap_again(stored)

    def wrap_again(stored: bytes) -> bytes:
        if is_rgb:
            stored = _disarmed(stored)
        return prefix + memoryview(stored)[2:]  # a slice of the bytes would copy them once more

    return StreamWrapping(wrap, len(prefix) - 2, wrap_again)


def _disarmed(stored: bytes) -> bytes:
    """The tile without markers that tell colours."""
    disarmed: bytearray | None = None
    for marker, start, _ in segments(stored, "JPEG tile", TileDamaged):
        if marker in COLOR_MARKERS:
            disarmed = disarmed or bytearray(stored)
            disarmed[start + 1] = _NO_MEANING
    return stored if disarmed is None else bytes(disarmed)


def merge_tables(image: Image, stored: bytes) -> bytes:
    """Make a tile a JPEG file whatever it shows: it says nothing of colours, and web clients may not decode it.

    Raises:
        TileDamaged: the tile does not begin and end as a JPEG stream.
        FormatError: JPEGTables is no JPEG stream.
    """
    _check_ends(stored)
    return SOI + _tables(image) + stored[2:]


def decodable(image: Image, stored: bytes) -> bytes:
    """The same for a decoder that is told the colours.

    Raises:
        TileDamaged: as `merge_tables`; or GDAL would not read the tile, or it has more scans than any picture needs.
        FormatError: as `merge_tables`.
    """
    file = merge_tables(image, stored)
    _check_readable(image, head(stored))
    _check_scans(stored)
    return file


def _check_shown(image: Image, beginning: Head) -> None:
    """Check that web clients show the colours that GDAL reads.

    Raises:
        TileDamaged: they do not.
    """
    frame = beginning.frame
    if frame is not None and frame.marker not in _WEB_FRAMES:
        kind = "lossless " if frame.marker == _LOSSLESS else ""
        tile = f"{kind}JPEG tile with the frame SOF{frame.marker - SOF0}"
        raise TileDamaged(f"{tile}, wanted SOF0, SOF1 or SOF2, which browsers show")
    if image.photometric == Photometric.YCBCR and _is_shown_as_rgb(beginning):
        raise TileDamaged("JPEG tile that says that it is RGB, in an image that is YCBCR by its Photometric")
    _check_readable(image, beginning)


def _is_shown_as_rgb(beginning: Head) -> bool:
    """True if libjpeg takes three components for RGB (jdapimin.c, `default_decompress_parms`)."""
    if beginning.is_jfif:
        return False
    if beginning.adobe_transform is not None:
        return beginning.adobe_transform == 0
    return beginning.frame is not None and beginning.frame.components == b"RGB"


def _check_readable(image: Image, beginning: Head) -> None:
    """Check that GDAL reads a tile (libtiff, tif_jpeg.c, `JPEGPreDecode`).

    Raises:
        TileDamaged: it does not.
    """
    frame = beginning.frame
    if frame is None:
        raise TileDamaged("JPEG tile without a frame")
    if len(frame.components) != len(image.jpeg_sampling):
        raise TileDamaged(f"JPEG tile of {len(frame.components)} bands, wanted {len(image.jpeg_sampling)}")
    if frame.precision != image.bits:
        raise TileDamaged(f"JPEG tile of {frame.precision} bits a sample, wanted {image.bits}")
    if frame.sampling != image.jpeg_sampling:
        stated, wanted = _factors(frame.sampling), _factors(image.jpeg_sampling)
        raise TileDamaged(f"JPEG tile of the sampling factors {stated}, wanted {wanted} as the tags have it")


def _factors(sampling: bytes) -> str:
    return ", ".join(f"{factors >> 4}x{factors & 15}" for factors in sampling)


def _check_scans(stored: bytes) -> None:
    """Bound the work of decoding. Within entropy-coded data no marker can stand, so counting bytes counts scans."""
    scans = stored.count(SOS)
    if scans > MAX_SCANS:
        raise TileDamaged(f"JPEG tile of {scans} scans, wanted at most {MAX_SCANS}")


def _check_ends(stored: bytes) -> None:
    if not (stored.startswith(SOI) and (stored.endswith(EOI) or stored.rstrip(b"\0").endswith(EOI))):
        raise TileDamaged("JPEG tile: wanted ffd8 at its start and ffd9 at its end", stored[:2] + stored[-2:])


def _tables(image: Image) -> bytes:
    """What JPEGTables holds between SOI and EOI, without what does not reach the tiles.

    Raises:
        FormatError: it does not end, or holds more than tables ("tables-only" streams, ITU-T T.81 §B.5).
    """
    if not image.jpeg_tables:
        return b""
    where = f"{image.directory.where}: JPEGTables"
    tables: list[bytes] = []
    for marker, start, stop in segments(image.jpeg_tables, where, FormatError):
        if marker == MARK_EOI:
            return b"".join(tables)
        if marker == MARK_SOS or marker in FRAMES:
            raise FormatError(f"{where} holds the marker {marker:04x} of an image, wanted tables alone")
        if marker not in _NOT_OF_TABLES:
            tables.append(image.jpeg_tables[start:stop])
    raise FormatError(f"{where} has no end, wanted ffd9")


JPEG: Final[Wrapper] = stream_wrapper("jpg", "image/jpeg", revision=2, refusal=refusal, prepare=prepare)
