"""JPEG tiles -> JPEG files.

A tile in a TIFF is an "abbreviated" JPEG stream: JPEGTables may hold the tables of all tiles (TIFF Technical Note 2,
"TIFF Tag Type 347"), which are inserted behind the tile's SOI. An RGB tile gets Adobe's APP14 marker, without which
decoders take three components for YCbCr; `jpeg_rgb.py` removes what contradicts it.

GDAL reads colours from the tags alone, web clients from the stream alone. A tile whose stream contradicts the tags is
refused: web clients would show other colours than GDAL reads, or GDAL would not read it at all.
"""

from typing import Final

from cogread.errors import TileDamaged
from cogread.image import Image
from cogread.jpeg_stream import EOI, PROGRESSIVE, SOF0, SOI, SOS, Head, head, only_codes_follow
from cogread.refusal import Refusal
from cogread.tiff.tags import Compression, Photometric
from cogread.wrap.jpeg_rgb import ADOBE_RGB, as_rgb
from cogread.wrap.jpeg_tables import Prefix, tables_of
from cogread.wrap.wrapper import Pieces, StreamWrapping, Wrapper, stream_wrapper

MAX_SCANS: Final = 99
"""libtiff's bound: each scan costs as much as decoding a whole tile (tif_jpeg.c, `TIFFjpeg_progress_monitor`)."""

_WEB_FRAMES: Final = frozenset({SOF0, SOF0 + 1, PROGRESSIVE})
"""Baseline, extended sequential and progressive, with Huffman codes: what browsers decode."""
_LOSSLESS: Final = SOF0 + 3


def refusal(image: Image) -> Refusal | None:
    """See `stream_wrapper`."""
    if image.compression != Compression.JPEG:
        return Refusal(f"the tiles are {image.compression_name}, not JPEG")
    if image.bits != 8:
        return Refusal(f"JPEG of {image.bits} bits a sample is not shown by web clients")
    if image.planes > 1:
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
    prefix = Prefix.make(SOI + (ADOBE_RGB if is_rgb else b""), image)
    last = (b"", b"")
    """The bytes of the last tile up to its tables of Huffman codes, which were sound, and the start of its file, which
    depends on them alone; those of all tiles are alike. Threads share the pair, so it is replaced as a whole."""

    def pieces(stored: bytes) -> Pieces:
        """The parts of a tile with its tables; checks it first."""
        nonlocal last
        _check_ends(stored)
        sound, start = last
        if not (sound and stored.startswith(sound) and only_codes_follow(stored, len(sound))):
            last = _, start = _check_head(image, stored), prefix.before(stored)
        if is_rgb:
            stored = as_rgb(stored)
        return start, memoryview(stored)[2:]

    def wrap_again(stored: bytes) -> bytes:
        """Wrap a tile that was checked before."""
        if is_rgb:
            stored = as_rgb(stored)
        return prefix.before(stored) + memoryview(stored)[2:]  # a slice of the bytes would copy them once more

    return StreamWrapping(pieces, len(prefix.whole) - 2, wrap_again)


def merge_tables(image: Image, stored: bytes) -> bytes:
    """Insert the tables alone. The file states no colours, and web clients may not decode it.

    Raises:
        TileDamaged: the tile does not begin and end as a JPEG stream.
        FormatError: JPEGTables is no JPEG stream.
    """
    _check_ends(stored)
    return SOI + b"".join(tables_of(image)) + stored[2:]


def decodable(image: Image, stored: bytes) -> bytes:
    """Merge the tables for a decoder that gets the colours from the caller.

    Raises:
        TileDamaged: as `merge_tables`; or GDAL does not read the tile, or it has more than MAX_SCANS scans.
        FormatError: as `merge_tables`.
    """
    file = merge_tables(image, stored)
    _check_readable(image, head(stored))
    _check_scans(stored)
    return file


def _check_head(image: Image, stored: bytes) -> bytes:
    """Check the size, the colours and the scans of a tile.

    Returns:
        Its bytes before the Huffman codes: a tile that begins with the same is sound. Empty: each needs a check.

    Raises:
        TileDamaged: it is not the picture that the file states.
    """
    header = head(stored)
    frame, wanted = header.frame, (image.tile_height, image.tile_width, image.samples)
    stated = (frame.height, frame.width, len(frame.components)) if frame else None
    if stated != wanted:
        raise TileDamaged(f"JPEG tile of (height, width, bands) {stated}, wanted {wanted}")
    _check_shown(image, header)
    if frame and frame.marker == PROGRESSIVE:
        _check_scans(stored)
        return b""  # the next one may have more
    stop = header.frame_stop
    return stored[:stop] if only_codes_follow(stored, stop) else b""


def _check_shown(image: Image, header: Head) -> None:
    """Check that web clients show the colours that GDAL reads.

    Raises:
        TileDamaged: they do not.
    """
    frame = header.frame
    if frame is not None and frame.marker not in _WEB_FRAMES:
        kind = "lossless " if frame.marker == _LOSSLESS else ""
        tile = f"{kind}JPEG tile with the frame SOF{frame.marker - SOF0}"
        raise TileDamaged(f"{tile}, wanted SOF0, SOF1 or SOF2, which browsers show")
    if image.photometric == Photometric.YCBCR and _is_shown_as_rgb(header):
        raise TileDamaged("JPEG tile that states RGB, in an image whose Photometric is YCBCR")
    _check_readable(image, header)


def _is_shown_as_rgb(header: Head) -> bool:
    """Check that a release of libjpeg takes three components for RGB (jdapimin.c, `default_decompress_parms`)."""
    if header.frame is not None and header.frame.components == b"RGB":
        return True
    return header.adobe_transform == 0 and not header.is_jfif


def _check_readable(image: Image, header: Head) -> None:
    """Check that GDAL reads a tile (libtiff, tif_jpeg.c, `JPEGPreDecode`).

    Raises:
        TileDamaged: it does not.
    """
    frame = header.frame
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
    """Bound the work of decoding. Entropy-coded data holds no markers, so counting SOS bytes counts scans."""
    scans = stored.count(SOS)
    if scans > MAX_SCANS:
        raise TileDamaged(f"JPEG tile of {scans} scans, wanted at most {MAX_SCANS}")


def _check_ends(stored: bytes) -> None:
    if not (stored.startswith(SOI) and (stored.endswith(EOI) or stored.rstrip(b"\0").endswith(EOI))):
        raise TileDamaged("JPEG tile: wanted ffd8 at its start and ffd9 at its end", stored[:2] + stored[-2:])


JPEG: Final[Wrapper] = stream_wrapper("jpg", "image/jpeg", revision=4, refusal=refusal, prepare=prepare)
