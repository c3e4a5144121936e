"""Tiles in a real browser, on a page of another origin: samples by `fetch` alone, pictures in their colours."""

import base64
import re
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pytest
from numpy.typing import NDArray
from rasterio.io import MemoryFile
from rasterio.transform import Affine
from rasterio.windows import Window

from tests.support.app import ROOT, layer
from tests.support.browser import Browser
from tests.support.gunicorn import Gunicorn
from tests.support.jxl import TILE as SIDE
from tests.support.jxl import jxl_tiff, pixels
from tests.support.rasters import noise, raster
from tests.support.tiffs import gdal_tiff, levels_of, open_level
from tests.test_docs import blocks

Pixels = NDArray[Any]

TILE: Final = 128
HEIGHTS: Final = noise(1, "float32", 300, 200)
CODECS: Final = ("deflate", "zstd")
BANDS: Final = {
    "lzw": noise(2, "float32", 300, 200),
    "lerc": noise(3, "int16", 300, 200),
    "ccittfax4": noise(2, "uint8", 300, 200) % 2,
}
"""Codec that the server undoes -> samples."""
PICTURES: Final = ("jpeg-rgb", "jpeg-ycbcr", "jpeg-grey", "webp-lossy", "webp-lossless", "webp-rgba", "deflate-mask")
IDS: Final = {"rgb-012": b"\x00\x01\x02", "rgb-123": b"\x01\x02\x03", "rgb-letters": b"RGB"}
"""Names of the components of an RGB JPEG; as 1, 2, 3 they look like YCbCr."""
JXLS: Final = {
    **{f"jxl-{bands}": (bands, "uint8") for bands in (1, 2, 3, 4)},
    **{f"jxl-{bands}-16-bit": (bands, "uint16") for bands in (1, 3, 4)},
}
"""Layer -> bands and type of its lossless JPEG XL."""


def files() -> dict[str, bytes]:
    """By the name of the layer."""
    files = {codec: raster(HEIGHTS, tile=(TILE, TILE), options={"compress": codec}) for codec in CODECS}
    files |= {codec: band_file(codec) for codec in BANDS}
    files |= {kind: gdal_tiff(kind) for kind in (*PICTURES, "sparse")}
    files |= {name: renamed(gdal_tiff("jpeg-rgb"), ids) for name, ids in IDS.items()}
    return files | {"sparse-webp": sparse_webp()} | {name: jxl_tiff(*kind) for name, kind in JXLS.items()}


def band_file(compress: str) -> bytes:
    """A big-endian file, where that makes a difference; bands of bits are stored separately."""
    own = (
        {"nbits": "1", "interleave": "BAND"}
        if compress == "ccittfax4"
        else {"endianness": "BIG", "interleave": "PIXEL"}
    )
    return raster(BANDS[compress], tile=(TILE, TILE), options={"compress": compress, **own})


def renamed(data: bytes, ids: bytes) -> bytes:
    """A TIFF of JPEG tiles whose three components have other numbers (JPEG B.2.2, B.2.3)."""
    for marker, fields in ((rb"\xff\xc0\x00\x11\x08.{4}", b".."), (rb"\xff\xda\x00\x0c", b".")):
        pattern = rb"(" + marker + rb"\x03)." + 2 * (rb"(" + fields + rb").")
        data, count = re.subn(pattern, lambda match: _joined(match.groups(), ids), data, flags=re.DOTALL)
        assert count > 10
    return data


def _joined(parts: tuple[bytes, ...], ids: bytes) -> bytes:
    return b"".join(part + ids[at : at + 1] for at, part in enumerate(parts))


def sparse_webp() -> bytes:
    """Four tiles, of which only the first is stored."""
    profile = {"count": 4, "height": 2 * TILE, "width": 2 * TILE, "dtype": "uint8", "transform": Affine.scale(2)}
    options = {"tiled": "YES", "blockxsize": TILE, "blockysize": TILE, "compress": "WEBP", "sparse_ok": "TRUE"}
    with MemoryFile() as memory:
        with memory.open(driver="GTiff", **profile, **options) as target:
            target.write(noise(4, "uint8", TILE, TILE), window=Window(0, 0, TILE, TILE))
        return bytes(memory.read())


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gunicorn]:
    folder = tmp_path_factory.mktemp("layers")
    config = "[defaults]\nempty = 'transparent'\njxl = true\n"
    for name, data in files().items():
        (folder / name).write_bytes(data)
        config += layer(name, folder / name)
    with Gunicorn({"WEB_CONCURRENCY": "1"}, config) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser() as running:
        yield running


EXAMPLE: Final = next(block for block in blocks(ROOT / "docs" / "clients.md", "js") if "function readBand" in block)
"""The example of a client in the documentation."""


@pytest.mark.parametrize("compress", sorted(BANDS))
def test_the_example_of_the_documentation_reads_a_band(compress: str, browser: Browser, server: Gunicorn) -> None:
    script = f"{EXAMPLE}\nconst {{ width, height, samples }} = await readBand(url, 0, 1, 0, 2)\n"
    script += "return { width, height, samples: Array.from(samples) }"
    tile = browser.run(script, url=f"{server.url}/layers/{compress}")
    samples = np.array(tile["samples"]).reshape(tile["height"], tile["width"])
    assert samples.shape == (TILE, TILE)
    wanted = BANDS[compress][1, :TILE, TILE:]
    assert np.array_equal(samples[:, : wanted.shape[1]], wanted)


def test_the_mask_of_a_tile_is_fit_for_the_alpha_of_a_picture(browser: Browser, server: Gunicorn) -> None:
    """As GDAL reads it."""
    script = "return Array.from(new Uint8Array(await (await fetch(url)).arrayBuffer()))"
    alpha = browser.run(script, url=f"{server.url}/layers/deflate-mask/mask/native/0/0/0.bin")
    with MemoryFile(gdal_tiff("deflate-mask")) as memory, open_level(memory, levels_of(memory) - 1) as dataset:
        wanted = dataset.dataset_mask(window=Window(0, 0, min(TILE, dataset.width), min(TILE, dataset.height)))
    assert set(alpha) == {0, 255}
    samples = np.array(alpha).reshape(TILE, TILE)
    assert np.array_equal(samples[: wanted.shape[0], : wanted.shape[1]], wanted)


SAMPLES: Final = """
    const reply = await fetch(url)
    const samples = new Float32Array(await reply.arrayBuffer())
    return { headers: Object.fromEntries(reply.headers), samples: Array.from(samples) }
"""


@pytest.mark.parametrize("codec", CODECS)
def test_a_page_reads_heights_with_fetch_alone(codec: str, browser: Browser, server: Gunicorn) -> None:
    actual = browser.run(SAMPLES, url=f"{server.url}/layers/{codec}/tiles/native/0/0/1.bin")
    headers = actual["headers"]
    assert headers["rawcog-typestr"] == "<f4"
    assert headers["rawcog-shape"] == f"{TILE},{TILE},1"
    assert headers["rawcog-predictor"] == "1"
    assert {"etag", "rawcog-dtype", "rawcog-byte-order"} <= headers.keys()
    assert int(headers["content-length"]) < 4 * TILE * TILE, "it came compressed"
    heights = np.array(actual["samples"], np.float32).reshape(TILE, TILE)
    np.testing.assert_array_equal(heights, HEIGHTS[0, TILE : 2 * TILE, :TILE])


DRAWN: Final = """
    const image = new Image()
    image.crossOrigin = "anonymous"
    image.src = url
    await image.decode()
    const canvas = document.createElement("canvas")
    canvas.width = image.width
    canvas.height = image.height
    const context = canvas.getContext("2d", { willReadFrequently: true })
    context.drawImage(image, 0, 0)
    const { data } = context.getImageData(0, 0, image.width, image.height)
    let text = ""
    for (const value of data) text += String.fromCharCode(value)
    return { width: image.width, height: image.height, pixels: btoa(text) }
"""


def drawn(browser: Browser, url: str) -> Pixels:
    """The pixels of a canvas after a picture was drawn on it: (red green blue alpha, height, width)."""
    actual = browser.run(DRAWN, url=url)
    pixels = np.frombuffer(base64.b64decode(actual["pixels"]), np.uint8)
    return np.moveaxis(pixels.reshape(actual["height"], actual["width"], 4), -1, 0)


def stored(kind: str, col: int, row: int) -> Pixels:
    """The same of what GDAL reads."""
    with MemoryFile(gdal_tiff("jpeg-rgb") if kind in IDS else gdal_tiff(kind)) as memory, memory.open() as dataset:
        window = Window(col * TILE, row * TILE, TILE, TILE)
        pixels = dataset.read(window=window)
        alpha = dataset.dataset_mask(window=window)[np.newaxis]
    return np.concatenate((pixels[:3] if len(pixels) > 1 else pixels[[0, 0, 0]], alpha))


@pytest.mark.parametrize("kind", [*PICTURES, *IDS])
def test_pictures_have_the_colours_that_gdal_reads(kind: str, browser: Browser, server: Gunicorn) -> None:
    """But for rounding, above all where a canvas multiplies colours with alpha; RGB taken for YCbCr is far off."""
    about = browser.run("return await (await fetch(url)).json()", url=f"{server.url}/layers/{kind}")
    extension = about["formats"][0]
    actual = drawn(browser, f"{server.url}/layers/{kind}/tiles/native/{about['maxzoom']}/1/0.{extension}")
    expected = stored(kind, 1, 0)
    np.testing.assert_array_equal(actual[3], expected[3])
    difference = np.abs(actual.astype(int) - expected)[:, expected[3] > 0]
    if kind == "jpeg-ycbcr":  # libraries smooth its halved colours as they like
        assert difference.mean() < 4
    else:
        assert difference.max() <= (2 if (expected[3] % 255 == 0).all() else 4)


@pytest.mark.parametrize("kind", ["webp-lossy", "webp-lossless", "jpeg-rgb", "jpeg-ycbcr", "jpeg-grey"])
def test_a_tile_at_the_edge_has_the_colours_of_the_stored_one(kind: str, browser: Browser, server: Gunicorn) -> None:
    """To the bit, and what is outside the image is transparent: WebP with an alpha chunk, and lossless WebP."""
    about = browser.run("return await (await fetch(url)).json()", url=f"{server.url}/layers/{kind}")
    col, row = about["width"] // TILE, about["height"] // TILE
    url = f"{server.url}/layers/{kind}/tiles/native/{about['maxzoom']}/{col}/{row}"
    auto, stored_one = drawn(browser, url), drawn(browser, f"{url}.{about['formats'][0]}")
    width, height = about["width"] - col * TILE, about["height"] - row * TILE
    difference = np.abs(auto[:3, :height, :width].astype(int) - stored_one[:3, :height, :width])
    assert difference.mean() < 4 if kind == "jpeg-ycbcr" else not difference.any()
    alpha = np.zeros((TILE, TILE), np.uint8)
    alpha[:height, :width] = 255
    np.testing.assert_array_equal(auto[3], alpha)


@pytest.mark.parametrize("name", JXLS)
def test_stored_jpeg_xl_has_the_colours_that_were_written(name: str, browser: Browser, server: Gunicorn) -> None:
    """Needs JPEG XL in the browser: by default since Chrome 155, by the feature JXLImageFormat since 145."""
    bands, dtype = JXLS[name]
    wanted = np.moveaxis(pixels(bands, dtype)[:SIDE, SIDE : 2 * SIDE], -1, 0) / (257 if dtype == "uint16" else 1)
    alpha = wanted[-1] if bands in (2, 4) else np.full((SIDE, SIDE), 255)
    actual = drawn(browser, f"{server.url}/layers/{name}/tiles/native/0/1/0.jxl")
    np.testing.assert_array_equal(actual[3], alpha)
    colours = wanted[:3] if bands > 2 else wanted[[0, 0, 0]]
    assert np.abs(actual[:3] - colours)[:, alpha > 0].max() <= 1


@pytest.mark.parametrize("kind", ["jpeg-rgb", "jpeg-ycbcr", "jpeg-grey"])
def test_a_repacked_jpeg_is_shown_as_the_jpeg(kind: str, browser: Browser, server: Gunicorn) -> None:
    url = f"{server.url}/layers/{kind}/tiles/native/1/1/0."
    difference = np.abs(drawn(browser, f"{url}jxl").astype(int) - drawn(browser, f"{url}jpg"))
    assert difference.mean() < 0.6, "decoders round as they like"
    assert difference.max() <= 16


@pytest.mark.parametrize(("name", "extension"), [("sparse", "png"), ("sparse-webp", "webp")])
def test_tiles_that_are_not_stored_show_nothing(name: str, extension: str, browser: Browser, server: Gunicorn) -> None:
    assert drawn(browser, f"{server.url}/layers/{name}/tiles/native/0/0/0.{extension}")[3].any()
    empty = drawn(browser, f"{server.url}/layers/{name}/tiles/native/0/1/1.{extension}")
    assert empty.shape == (4, TILE, TILE)
    assert not empty.any()
