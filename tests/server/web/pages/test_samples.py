"""Samples decoded by the scripts of the pages, compared with GDAL's reading of the same blocks."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from numpy.typing import NDArray
from rasterio.io import MemoryFile
from rasterio.windows import Window

from server.web.static import static_files
from tests.support.app import layer
from tests.support.chromium import Chromium, Page
from tests.support.gunicorn import Gunicorn
from tests.support.rasters import noise, raster

TYPES: Final = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float32", "float64")
CODECS: Final = {"none": {"compress": "NONE"}, "deflate": {"compress": "DEFLATE"}, "zstd": {"compress": "ZSTD"}}
ODD: Final = {"uint4": 4, "uint12": 12, "uint17": 17, "float16": 16, "float24": 24}
"""Data type of the samples -> GDAL's NBITS."""


def files() -> dict[str, bytes]:
    """By the name of the layer: each type with each predictor that it can have, in both byte orders."""
    sources = {}
    for dtype in TYPES:
        predictors = ("1", "2", "3") if dtype.startswith("float") else ("1", "2")
        for number, predictor in enumerate(predictors):
            for order in ("LITTLE", "BIG"):
                options = {"compress": ("DEFLATE", "ZSTD")[number % 2], "predictor": predictor, "endianness": order}
                sources[f"{dtype}-{predictor}-{order}"] = raster(extremes(noise(2, dtype)), options=options)
    sources["planar"] = raster(
        noise(3, "uint16"), options={"compress": "DEFLATE", "predictor": "2", "interleave": "band"}
    )
    sources["complex64"] = raster(noise(1, "complex64"), options={"compress": "DEFLATE"})
    for dtype, bits in ODD.items():
        wide = (
            "float32" if dtype.startswith("float") else "uint8" if bits <= 8 else "uint16" if bits <= 16 else "uint32"
        )
        pixels = np.abs(noise(1, wide)) % 2 ** min(bits, 12)
        sources[dtype] = raster(pixels.astype(wide), options={"compress": "DEFLATE", "nbits": str(bits)})
    return sources


def extremes(pixels: NDArray[Any]) -> NDArray[Any]:
    """The same with the type's least and greatest number."""
    kind = np.dtype(pixels.dtype)
    limits = np.finfo(kind) if kind.kind == "f" else np.iinfo(kind)
    pixels[:, 3, 5], pixels[:, 40, 60] = limits.min, limits.max
    return pixels


@pytest.fixture(scope="module")
def samples() -> dict[str, bytes]:
    return files()


@pytest.fixture(scope="module")
def server(samples: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gunicorn]:
    folder = tmp_path_factory.mktemp("samples")
    for name, data in samples.items():
        Path(folder, name).write_bytes(data)
    with Gunicorn({"WEB_CONCURRENCY": "1"}, "".join(layer(name, folder / name) for name in samples)) as running:
        yield running


@pytest.fixture(scope="module")
def page(chromium: Chromium, server: Gunicorn) -> Page:
    page = chromium.page()
    page.open(f"{server.url}/layers?f=json")
    return page


READ: Final = """
const { layoutOf, samplesOf, textOf } = await import(module)
const reply = await fetch(url)
const layout = layoutOf(reply.headers)
const { values, exact } = samplesOf(await reply.arrayBuffer(), layout)
const bytes = new Uint8Array(Float64Array.from(values).buffer)
let text = ""
for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192))
return [btoa(text), Array.from(exact, (value) => textOf(value, layout.dtype))]
"""


def read(page: Page, server: Gunicorn, name: str, query: str = "") -> tuple[NDArray[np.float64], list[str]]:
    """The numbers of a tile in the middle row, and their texts."""
    module = f"/static/{static_files().digest}/layer/samples.js"
    url = f"{server.url}/layers/{name}/tiles/native/0/1/1.bin{query}"
    numbers, texts = page.run(READ, module=module, url=url)
    return np.frombuffer(base64.b64decode(numbers)), texts


def block(data: bytes) -> NDArray[Any]:
    """GDAL's reading of the same tile, (height, width, bands)."""
    with MemoryFile(data) as memory, memory.open() as dataset:
        return np.moveaxis(dataset.read(window=Window(48, 32, 48, 32)), 0, -1)


@pytest.mark.parametrize("dtype", TYPES)
def test_numbers_of_any_type_predictor_and_byte_order_are_gdals(
    dtype: str, samples: dict[str, bytes], page: Page, server: Gunicorn
) -> None:
    for name in (name for name in samples if name.startswith(f"{dtype}-")):
        wanted = block(samples[name])
        numbers, texts = read(page, server, name)
        np.testing.assert_array_equal(numbers, wanted.astype("float64").ravel(), err_msg=name)
        exact = np.array(
            [np.dtype(dtype).type(int(text) if wanted.dtype.kind in "iu" else float(text)) for text in texts]
        )
        np.testing.assert_array_equal(exact, wanted.ravel(), err_msg=name)


@pytest.mark.parametrize("name", ODD)
def test_numbers_of_odd_widths_are_gdals(name: str, samples: dict[str, bytes], page: Page, server: Gunicorn) -> None:
    numbers, _ = read(page, server, name)
    np.testing.assert_array_equal(numbers, block(samples[name]).astype("float64").ravel())


def test_bands_that_are_stored_apart_are_read_apart(samples: dict[str, bytes], page: Page, server: Gunicorn) -> None:
    for band in (1, 3):
        numbers, _ = read(page, server, "planar", f"?band={band}")
        np.testing.assert_array_equal(numbers, block(samples["planar"])[..., band - 1].ravel())


def test_complex_numbers_are_read_as_magnitudes_and_told_whole(
    samples: dict[str, bytes], page: Page, server: Gunicorn
) -> None:
    numbers, texts = read(page, server, "complex64")
    wanted = block(samples["complex64"]).ravel()
    np.testing.assert_allclose(numbers, np.abs(wanted.astype("complex128")), rtol=1e-12)
    assert texts[0].endswith("i")


def test_float32_is_told_by_the_shortest_decimal_number(page: Page, server: Gunicorn) -> None:
    module = f"/static/{static_files().digest}/layer/samples.js"
    script = "const { textOf } = await import(module); return numbers.map((n) => textOf(Math.fround(n), 'float32'))"
    numbers = [0.1, 1482.3, 16777216, -9999, 3.4e38, 1e-45, 0]
    assert page.run(script, module=module, numbers=numbers) == [
        *("0.1", "1482.3", "16777216", "-9999", "3.4e+38", "1e-45", "0")
    ]
