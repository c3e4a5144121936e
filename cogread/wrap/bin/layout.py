"""The layout of samples in the body of a `bin` tile: all that a client needs to turn it into numbers.

Samples are of a whole type, least significant byte first, in rows of pixels. They have the type in which GDAL reads
them: those of 1 to 31 bits are in the next larger unsigned one, floats of 24 bits in one of 32. A mask has bytes of
0 and 255.
"""

from typing import Final, NamedTuple

from cogread.image import Image
from cogread.refusal import Refusal
from cogread.tiff.tags import SampleFormat
from cogread.wrap.decode.support import PREDICTOR_NONE, predictor

HEADER_PREFIX: Final = "Rawcog-"

_WHOLE: Final = {
    SampleFormat.UINT: ("u", (8, 16, 32, 64)),
    SampleFormat.VOID: ("u", (8, 16, 32, 64)),
    SampleFormat.INT: ("i", (8, 16, 32, 64)),
    SampleFormat.FLOAT: ("f", (16, 32, 64)),
    SampleFormat.COMPLEX_FLOAT: ("c", (64, 128)),
}
"""Sample format -> letter of numpy's types, and bits of those that exist."""
_PARTS: Final = {
    (SampleFormat.COMPLEX_INT, 32): "i2",
    (SampleFormat.COMPLEX_INT, 64): "i4",
    (SampleFormat.COMPLEX_FLOAT, 32): "f2",
}
"""Complex types of GDAL that numpy lacks -> type of their real and imaginary parts."""
_WIDENED_BITS: Final = 31
"""GDAL reads odd widths up to this, and those of signed integers as unsigned (geotiff.cpp, `GTiffOddBitsBand`)."""
_NAMES: Final = {"u": "uint", "i": "int", "f": "float", "c": "complex"}


class SampleType(NamedTuple):
    """The type of samples as they are sent."""

    code: str
    """numpy's, without the byte order: `u2`."""
    parts: int = 1
    """2: the real and the imaginary part of a complex number are two of this type."""
    is_widened: bool = False
    """The stored samples are narrower, or the values of a mask."""

    @property
    def typestr(self) -> str:
        """numpy's notation of the type, with the byte order."""
        return f"{'|' if self.code in ('u1', 'i1') else '<'}{self.code}"


class Layout(NamedTuple):
    """The layout of the samples of a tile."""

    dtype: str
    """numpy's name of the type; `complex_int32`, `complex_int64` and `complex32` where numpy has none."""
    typestr: str
    byte_order: str
    """`little` always: a client need not know a second one."""
    shape: tuple[int, ...]
    """Height, width, bands; then 2 where a sample is a pair of real and imaginary part."""
    interleave: str
    """`pixel`: a tile has all bands; `band`: a tile has one."""
    predictor: int
    """The predictor that a client has to undo, as a value of Predictor (TIFF 6.0 §14)."""


def sample_type(image: Image) -> SampleType | Refusal:
    """Choose the type of samples, or refuse those that GDAL does not read."""
    kind, bits = SampleFormat(image.sample_format), image.bits
    letter, widths = _WHOLE.get(kind, ("", ()))
    if image.is_mask and bits == 1:
        return SampleType("u1", is_widened=True)
    if bits in widths:
        return SampleType(f"{letter}{bits // 8}")
    if image.directory.order == ">" and (bits == 24 or (kind, bits) == (SampleFormat.COMPLEX_FLOAT, 32)):
        return Refusal(f"GDAL exchanges the bytes of {image.dtype} in a big-endian file")
    if (kind, bits) in _PARTS:
        return SampleType(_PARTS[kind, bits], parts=2)
    if (kind, bits) == (SampleFormat.FLOAT, 24):
        return SampleType("f4", is_widened=True)
    if kind in (SampleFormat.UINT, SampleFormat.INT) and bits <= _WIDENED_BITS:
        return SampleType(f"u{next(width for width in (1, 2, 4) if bits <= 8 * width)}", is_widened=True)
    return Refusal(f"samples of {image.dtype} are not read by GDAL")


def layout(image: Image, kind: SampleType, *, bands: int | None = None, is_plain: bool = False) -> Layout:
    """Describe the samples of a tile.

    Args:
        image: the image.
        kind: type of its samples.
        bands: number of bands in the body; None: those of a stored tile.
        is_plain: the predictor is undone.
    """
    letter, size_bytes = kind.code[0], int(kind.code[1:])
    shape = (image.tile_height, image.tile_width, bands or image.plane_samples)
    return Layout(
        dtype=image.dtype if kind.parts > 1 else f"{_NAMES[letter]}{8 * size_bytes}",
        typestr=kind.typestr,
        byte_order="little",
        shape=shape if kind.parts == 1 else (*shape, kind.parts),
        interleave="pixel" if image.planes == 1 else "band",
        predictor=PREDICTOR_NONE if is_plain or kind.is_widened else predictor(image),
    )


def headers(described: Layout) -> list[tuple[str, str]]:
    """Header fields that describe the samples, and let pages of other origins read them."""
    values = described._asdict() | {"shape": ",".join(map(str, described.shape))}
    fields = [(f"{HEADER_PREFIX}{name.replace('_', '-').title()}", str(value)) for name, value in values.items()]
    return [*fields, ("Access-Control-Expose-Headers", ", ".join(name for name, _ in fields))]
