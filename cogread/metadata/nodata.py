"""GDAL_NODATA (tag 42113) -> the value that GDAL's GTiff driver reads (gtiffdataset_read.cpp, cpl_strtod.cpp).

The number at the start of the text counts: `-9999 -9999` and `-9999.0f` are -9999, `none` is 0. A comma may replace the
point. Integers of 64 bit are read as by C's `strtoll`. For float32 images the value is rounded to float32, so that
`-3.40282346638529e+38` is the lowest value of the type.
"""

import re
import struct
from math import copysign, inf, isfinite, nan
from typing import Final

from cogread.image import Cog
from cogread.tiff.tags import SampleFormat, Tag

_SPACE: Final = " \t\r\n"
_POINT_SEARCH: Final = 50
"""Characters in which the driver looks for a comma."""
_WORDS: Final = (
    (re.compile(r"-1\.#(?:QNAN|IND)"), nan),
    (re.compile(r"1\.#[QS]NAN"), nan),
    (re.compile(r"1\.#INF", re.IGNORECASE), inf),
    (re.compile(r"-1\.#INF", re.IGNORECASE), -inf),
)
"""As Microsoft's C library writes them."""
_NAMES: Final = (
    (re.compile(r"-inf", re.IGNORECASE), -inf),
    (re.compile(r"inf", re.IGNORECASE), inf),
    (re.compile(r"nan", re.IGNORECASE), nan),
)
_NUMBER: Final = {
    ".": re.compile(r"-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"),
    ",": re.compile(r"-?(?:[0-9]+,?[0-9]*|,[0-9]+)(?:[eE][+-]?[0-9]+)?"),
}
_INTEGER: Final = re.compile(r"[ \t-\r]*([+-]?)([0-9]+)")
_MAX_DIGITS: Final = 20
"""Digits of 2**64."""
_EXACT: Final = 2**53
"""Below it a double represents every integer."""
MAX_FLOAT32: Final = (2 - 2.0**-23) * 2.0**127


def nodata_of(cog: Cog) -> int | float | None:
    """Read the nodata value of all bands: an int where GDAL has one, else a float, perhaps not finite."""
    image = cog.full
    text = image.directory.text(Tag.GDAL_NODATA)
    if not text:
        return None
    if 32 < image.bits <= 64 and image.sample_format in (SampleFormat.INT, SampleFormat.UINT):
        return _integer(text, is_signed=image.sample_format == SampleFormat.INT)
    if image.bits == 64 and image.sample_format == SampleFormat.VOID:
        return None  # a type without a double, and the driver has read one
    value = gdal_float(text)
    if image.bits == 32 and image.sample_format == SampleFormat.FLOAT:
        return _float32(value)
    return value


def nodata_text(value: float) -> str:
    """Write a value so that GDAL reads back every bit: `nan`, `inf`, `-inf`, or the shortest number."""
    return repr(int(value) if isfinite(value) and abs(value) < _EXACT and value == int(value) else value)


def json_number(value: float | None) -> float | str | None:
    """Convert a value for JSON: a number, or the text `nan`, `inf` or `-inf`."""
    if value is None or isinstance(value, int):
        return value
    if not isfinite(value):
        return repr(value)
    return int(value) if abs(value) < _EXACT and value == int(value) else value


def gdal_float(text: str) -> float:
    """Read the number at the start of a text as `CPLAtofM` does; 0 where there is none."""
    head, text = text[:_POINT_SEARCH], text.strip(_SPACE)
    point = "," if "," in head.partition(".")[0] else "."
    if "#" in text:
        for word, value in _WORDS:
            if word.match(text):
                return value
    text = text.removeprefix("+")
    number = _NUMBER[point].match(text)
    if number:
        return float(number[0].replace(",", "."))
    return next((value for name, value in _NAMES if name.match(text)), 0.0)


def _integer(text: str, *, is_signed: bool) -> int:
    """Read as `strtoll` and `strtoull` do: clamped, and unsigned negative numbers count down from 2**64."""
    number = _INTEGER.match(text)
    if number is None:
        return 0
    digits = number[2].lstrip("0")[: _MAX_DIGITS + 1]
    value = int(digits or "0")
    if is_signed:
        return max(-(2**63), min(2**63 - 1, -value if number[1] == "-" else value))
    if value >= 2**64:
        return 2**64 - 1
    return -value % 2**64 if number[1] == "-" else value


def _float32(value: float) -> float:
    if not isfinite(value):
        return value
    if abs(abs(value) - MAX_FLOAT32) < 1e-10 * MAX_FLOAT32:
        return copysign(MAX_FLOAT32, value)
    try:
        rounded: float = struct.unpack("<f", struct.pack("<f", value))[0]
    except OverflowError:
        return copysign(inf, value)
    return rounded
