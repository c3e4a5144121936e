import re
from math import isnan
from typing import Final

import pytest
from rasterio.io import MemoryFile
from rasterio.shutil import copy

from cogread.metadata.nodata import json_number, nodata_of, nodata_text
from tests.support import handmade as hm
from tests.support.cogs import cog_of
from tests.support.oracle import READS_NAN_ALONE

TYPES: Final = {
    "uint8": (8, 1),
    "int16": (16, 2),
    "uint32": (32, 1),
    "float32": (32, 3),
    "int64": (64, 2),
    "uint64": (64, 1),
    "float64": (64, 3),
    "void64": (64, 4),
    "complex64": (64, 6),
}
"""Bits and sample format."""

NUMBERS = """
    0 -0 255 256 -9999 00012 +5 +-5 ++5 --5 - .5 5. . 0.1 1e5 1E5x 1e 1e+ e5 -1.5 1_000 0x10 1.5.5 16777217
    -3.40282346638529e+38 3.40282346638529e+38 -3.4028235e38 3.4028236e38 3.40282346600000016e+38 -3.4e38 1e39 -1e39
    1e400 -1e400 1e-400 1.7976931348623157e308 1.7976931348623159e308 0.30000000000000004 123456789012345678901234567890
    9223372036854775807 9223372036854775808 -9223372036854775808 -9223372036854775809 18446744073709551615
    18446744073709551616 -1 -18446744073709551615 99999999999999999999999 -99999999999999999999999
"""
WORDS = """
    nan NaN -nan +nan nan(ind) inf INF -inf +inf Infinity -Infinity 1.#QNAN -1.#QNAN 1.#SNAN 1.#IND -1.#IND 1.#INF
    1.#inf -1.#INF +1.#INF none N/A -9999.0f -9999,0 1,5 ,5 1,000.5 1.000,5 1,5,5
"""
MISREAD: Final = {"nan(ind)": "nan"} if READS_NAN_ALONE else {}
"""Text -> its value in other releases of GDAL."""
SPACED: Final = ("", " ", "  7  ", "\t7", "7\n", "\v7", "\f7", "- 5", "-9999 -9999", "1" * 49 + ",5", "1" * 50 + ",5")


def file_of(bits: int, sample_format: int, nodata: bytes, kind: int = hm.ASCII) -> bytes:
    fields: dict[int, hm.Field] = {
        hm.BITS: (hm.SHORT, [bits]),
        hm.SAMPLE_FORMAT: (hm.SHORT, [sample_format]),
        hm.NODATA: (kind, nodata),
    }
    return hm.tiff(hm.image(32, 16, tiles=[bytes(32 * 16 * bits // 8)]).having(fields))


def gdal_nodata(data: bytes) -> str | None:
    """As GDAL writes down what it reads: rasterio leaves out values beyond the type's range, and some of 64 bit."""
    with MemoryFile(data) as memory, MemoryFile(ext=".vrt") as target:
        copy(memory.name, target.name, driver="VRT")
        actual = re.search(rb"<NoDataValue>(.*?)</NoDataValue>", target.read())
    return actual[1].decode() if actual else None


def is_same(actual: float | None, wanted: str | None) -> bool:
    if actual is None or wanted is None:
        return actual is None and wanted is None
    if isinstance(actual, int):
        return actual == int(wanted)
    return actual == float(wanted) or (isnan(actual) and wanted == "nan")


@pytest.mark.parametrize("dtype", TYPES)
def test_nodata_is_what_gdal_takes_the_text_for(dtype: str) -> None:
    faults = []
    for text in (*NUMBERS.split(), *WORDS.split(), *SPACED):
        data = file_of(*TYPES[dtype], text.encode() + b"\0")
        actual, wanted = nodata_of(cog_of(data)), gdal_nodata(data)
        if not is_same(actual, wanted) and not is_same(actual, MISREAD.get(text, wanted)):
            faults.append(f"{text!r}: {actual!r}, GDAL reads {wanted}")
    assert not faults


@pytest.mark.parametrize(("stored", "kind"), [(b"9", hm.ASCII), (b"9\0x", hm.ASCII), (b"9\0", hm.BYTE), (b"\xff", 2)])
def test_nodata_of_other_types_and_without_an_end_is_read_as_by_libtiff(stored: bytes, kind: int) -> None:
    data = file_of(8, 1, stored, kind)
    assert is_same(nodata_of(cog_of(data)), gdal_nodata(data))


def test_nodata_is_written_so_that_gdal_reads_the_same_value() -> None:
    """As text of 64 bit, of floats to the last bit, and in JSON as a number wherever JSON has one."""
    for dtype, text in (
        ("float32", "-3.40282346638529e+38"),
        ("float64", "0.1"),
        ("float64", "-inf"),
        ("float64", "nan"),
        ("int64", "-9223372036854775808"),
        ("uint64", "18446744073709551615"),
    ):
        value = nodata_of(cog_of(file_of(*TYPES[dtype], text.encode() + b"\0")))
        assert value is not None
        again = gdal_nodata(file_of(*TYPES[dtype], nodata_text(value).encode() + b"\0"))
        assert is_same(value, again)
        assert json_number(value) == (text if text in ("nan", "-inf") else value)
    assert (nodata_text(-9999.0), json_number(-9999.0), json_number(None)) == ("-9999", -9999, None)
