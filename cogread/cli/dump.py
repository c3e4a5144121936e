"""One stored tile -> the content of a file, and the extension that fits it.

JPEG and WebP tiles become files that programs open. The stored bytes of any other codec are written as they are, with a
note on their layout, which nothing in them states.
"""

from dataclasses import dataclass
from typing import Final

from cogread.errors import TileDamaged, TileError, TileOutOfRange
from cogread.image import Image
from cogread.reader import CogReader
from cogread.refusal import Refusal
from cogread.tiff.tags import Compression, Tag
from cogread.wrap import jpeg, webp

_FILES: Final = {Compression.JPEG: (jpeg, "jpg"), Compression.WEBP: (webp, "webp")}
"""Codec whose tiles programs open -> the module that makes files of them, and their extension."""

_EXTENSIONS: Final[dict[int, str]] = {
    Compression.NONE: "bin",
    Compression.OLD_JPEG: "ojpeg",
    Compression.DEFLATE_OLD: "deflate",
    Compression.JPEG2000: "j2k",
    Compression.LZMA: "xz",
    Compression.ZSTD: "zst",
    Compression.JXL_DNG: "jxl",
}
"""Extensions that are not the codec's name in lower case."""
_LERC_CODECS: Final = {1: "deflate", 2: "zst"}
"""LercParameters[1], AddCompression: the LERC blob is compressed once more (libtiff, tif_lerc.c)."""


@dataclass(frozen=True, slots=True)
class TileFile:
    """A tile as a file."""

    data: bytes
    extension: str
    """Extension without the dot."""
    notes: tuple[str, ...]
    """Remarks for the user, a line each, on properties that the file does not show."""


def tile_file(reader: CogReader, level: int, col: int, row: int, *, band: int = 1, with_mask: bool = False) -> TileFile:
    """Read a tile and make it a file.

    Args:
        reader: the open COG.
        level: 0 = full resolution.
        col: column of the tile.
        row: row of the tile.
        band: number of the band, from 1, in a file with separate tiles for each band.
        with_mask: append the stored bytes of the mask's tile to a JPEG.

    Raises:
        TileOutOfRange: there is no such level, tile or band.
        TileError: the tile is sparse.
        CogError: it cannot be read, or is damaged.
    """
    image = reader.image(level)
    _check_place(image, level, col, row, band)
    stored = reader.tile(level, col, row, band - 1)
    if stored is None:
        raise TileError(f"the tile at column {col}, row {row} of level {level} is sparse (not stored)")
    file = _as_file(image, stored)
    return _append_mask(file, image, reader.mask(level, col, row)) if with_mask else file


def _check_place(image: Image, level: int, col: int, row: int, band: int) -> None:
    across, down = image.tiles_across, image.tiles_down
    if not (0 <= col < across and 0 <= row < down):
        raise TileOutOfRange(
            f"no tile at column {col}, row {row}: level {level} has {across} x {down} tiles (columns x rows)"
        )
    if band != 1 and image.planes == 1:
        raise TileOutOfRange(f"band {band}: a tile of this file holds all bands")
    if not 1 <= band <= image.planes:
        raise TileOutOfRange(f"band {band}: wanted 1 to {image.planes}")


def _as_file(image: Image, stored: bytes) -> TileFile:
    if image.compression not in _FILES:
        return TileFile(stored, _extension(image), (_description(image),))
    module, extension = _FILES[Compression(image.compression)]
    problem: Refusal | str | None = module.refusal(image)
    if problem is None:
        try:
            return TileFile(module.prepare(image).wrap(stored), extension, ())
        except TileDamaged as error:
            problem = str(error)
    if image.compression == Compression.JPEG:
        stored = jpeg.merge_tables(image, stored)
    return TileFile(stored, extension, (f"not for web clients: {problem}",))


def _append_mask(file: TileFile, image: Image, mask: bytes | None) -> TileFile:
    if image.compression != Compression.JPEG:
        problem = f"only JPEG tiles get one, not {image.compression_name}"
    elif mask is None:
        problem = "none is stored for this tile"
    else:
        return TileFile(file.data + mask, file.extension, file.notes)
    return TileFile(file.data, file.extension, (*file.notes, f"no mask appended: {problem}"))


def _extension(image: Image) -> str:
    name = image.compression_name.lower()
    extension = _EXTENSIONS.get(image.compression, f"codec{name}" if name.isdigit() else name)
    if image.compression == Compression.LERC:
        parameters = image.directory.integers(Tag.LERC_PARAMETERS)
        if len(parameters) > 1 and parameters[1] in _LERC_CODECS:
            return f"lerc.{_LERC_CODECS[parameters[1]]}"
    return extension


def _description(image: Image) -> str:
    shape = (image.tile_height, image.tile_width, image.plane_samples)
    order = "big" if image.directory.order == ">" else "little"
    return (
        f"the stored bytes, {image.compression_name} of {image.dtype}, (height, width, bands) = {shape}, "
        f"{order}-endian, predictor {image.directory.integer(Tag.PREDICTOR, 1)}"
    )
