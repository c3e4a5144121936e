"""Tiles as programs of others read them: GDAL from a URL, requests, and whoever says what it accepts."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
import rasterio
import requests
from flask.testing import FlaskClient
from numpy.typing import NDArray
from rasterio.io import DatasetReader
from rasterio.shutil import copy
from rasterio.windows import Window

from tests.support.app import client, layer, problem
from tests.support.gunicorn import Gunicorn
from tests.support.samples import CODINGS, numbers
from tests.support.tiffs import gdal_tiff

KINDS: Final = ("deflate", "deflate-mask", "zstd-float", "planar", "odd-factors", "jpeg-mask", "oblong-tiles")
SAMPLED: Final = ("lzw", "lerc", "pixel-is-point")
"""More kinds, for their samples."""


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A config with a layer for each kind, whose files are beside it."""
    folder = tmp_path_factory.mktemp("layers")
    for kind in KINDS + SAMPLED:
        (folder / f"{kind}.tif").write_bytes(gdal_tiff(kind))
    return "".join(layer(kind, folder / f"{kind}.tif") for kind in KINDS + SAMPLED)


@pytest.fixture(scope="module")
def server(config: str) -> Iterator[Gunicorn]:
    with Gunicorn({"WEB_CONCURRENCY": "1"}, config) as running:
        yield running


@pytest.fixture
def app(config: str, tmp_path: Path) -> FlaskClient:
    return client(tmp_path, config)


def window_of(dataset: DatasetReader, col: int, row: int) -> Window:
    height, width = dataset.block_shapes[0]
    inside = Window(0, 0, dataset.width, dataset.height)
    return Window(col * width, row * height, width, height).intersection(inside)


def assert_is_tile(actual: DatasetReader, dataset: DatasetReader, window: Window) -> None:
    """Compare all that GDAL says of a tile with what it says of its place in the file."""
    np.testing.assert_array_equal(actual.read(), dataset.read(window=window))
    np.testing.assert_array_equal(actual.dataset_mask(), dataset.dataset_mask(window=window))
    assert actual.crs == dataset.crs
    assert actual.transform.almost_equals(dataset.window_transform(window), precision=1e-6)
    assert actual.dtypes == dataset.dtypes


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "oblong-tiles"])
def test_gdal_opens_and_copies_tiles_from_their_urls(kind: str, server: Gunicorn, tmp_path: Path) -> None:
    """A tile within the image, larger than GDAL's first read, and one at the edge."""
    with rasterio.MemoryFile(gdal_tiff(kind)) as memory, memory.open() as dataset:
        z = len(dataset.overviews(1))
        height, width = dataset.block_shapes[0]
        for col, row in ((1, 0), (dataset.width // width, dataset.height // height)):
            url = f"/vsicurl/{server.url}/layers/{kind}/tiles/native/{z}/{col}/{row}.tif"
            window = window_of(dataset, col, row)
            with rasterio.open(url) as actual:
                assert_is_tile(actual, dataset, window)
            if not kind.startswith("jpeg"):  # the copy would be packed again, with loss
                copy(url, tmp_path / "copy.tif", driver="COG")
                with rasterio.open(tmp_path / "copy.tif") as copied:
                    assert_is_tile(copied, dataset, window)


def samples(body: bytes, headers: Any) -> NDArray[Any]:
    """(bands, height, width) of a body without coding, by the other header fields."""
    fields = {name: value for name, value in headers.items() if name != "Content-Encoding"}
    return np.moveaxis(numbers(body, fields), -1, 0)


def gdals(kind: str, col: int = 0, row: int = 0) -> NDArray[Any]:
    """Read a tile of the full resolution that lies within the image, by GDAL."""
    with rasterio.MemoryFile(gdal_tiff(kind)) as memory, memory.open() as dataset:
        return np.asarray(dataset.read(window=window_of(dataset, col, row)))


def first_tile(server: Gunicorn, kind: str) -> str:
    """URL of the samples of the upper left tile of the full resolution."""
    z = requests.get(f"{server.url}/layers/{kind}", timeout=30).json()["maxzoom"]
    return f"{server.url}/layers/{kind}/tiles/native/{z}/0/0.bin"


@pytest.mark.parametrize("kind", ["deflate", "zstd-float", "planar"])
def test_requests_reads_samples_without_knowing_of_codecs(kind: str, server: Gunicorn) -> None:
    reply = requests.get(first_tile(server, kind) + "?predictor=none", timeout=30)
    assert reply.headers["Content-Type"] == "application/octet-stream"
    np.testing.assert_array_equal(samples(reply.content, reply.headers), gdals(kind)[: 1 if kind == "planar" else None])


def test_requests_undoes_the_coding_and_a_client_the_predictor(server: Gunicorn) -> None:
    for kind, predictor in (("deflate", "2"), ("zstd-float", "3"), ("lzw", "1"), ("lerc", "1")):
        reply = requests.get(first_tile(server, kind), timeout=30)
        assert reply.headers["Content-Encoding"] in ("deflate", "zstd")
        assert reply.headers["Rawcog-Predictor"] == predictor
        np.testing.assert_array_equal(samples(reply.content, reply.headers), gdals(kind))


ACCEPTED: Final = [
    "{}",
    "gzip, {}, br",
    " gzip;q=1 ,\t{} ; q=0.001",
    "{};q=1.000",
    "{};",
    "*",
    "gzip, *;q=0.5",
    "identity;q=0, {}",
    "identity;q=0.5, {};q=0.1",
]
NOT_ACCEPTED: Final = [
    None,
    "",
    "gzip",
    "identity",
    "{};q=0",
    "*;q=0",
    "identity;q=0",
    "gzip, identity;q=0, *;q=0",
    "x-{}",
    "{}x",
    "{};q=2",
    "{};q=one",
    ",;=,\xff,q",
]


@pytest.mark.parametrize("kind", ["deflate", "zstd-float"])
@pytest.mark.parametrize(
    ("field", "is_accepted"), [(field, True) for field in ACCEPTED] + [(field, False) for field in NOT_ACCEPTED]
)
def test_samples_are_coded_for_those_who_accept_it(
    field: str | None, is_accepted: bool, kind: str, app: FlaskClient
) -> None:
    """None is refused, whatever it asks for: identity can always be had."""
    coding = kind.partition("-")[0].removesuffix("-float")
    headers = {} if field is None else {"Accept-Encoding": field.format(coding)}
    url = f"/layers/{kind}/tiles/native/2/1/1.bin"
    reply, head = app.get(url, headers=headers), app.head(url, headers=headers)
    assert (reply.status_code, reply.headers.get("Content-Encoding")) == (200, coding if is_accepted else None)
    assert reply.headers["Vary"] == "Accept-Encoding"
    assert head.headers["ETag"] == reply.headers["ETag"]
    plain = app.get(url)
    assert CODINGS[reply.headers.get("Content-Encoding")](reply.data) == plain.data
    assert (reply.headers["ETag"] == plain.headers["ETag"]) is not is_accepted
    conditions = {"If-None-Match": reply.headers["ETag"]}
    assert app.get(url, headers=headers | conditions).status_code == 304
    assert app.get(url, headers=conditions).status_code == (200 if is_accepted else 304)


PREFERRED: Final = {
    "zstd, deflate": "zstd",
    "gzip, deflate, br": "deflate",
    "gzip, deflate, br, zstd": "zstd",
    "deflate;q=0.9, zstd;q=0.8": "deflate",
    "zstd;q=0, *": "deflate",
    "*;q=0.5, deflate": "deflate",
    "identity, zstd;q=0.5": None,
    "identity;q=0.4, zstd;q=0.5": "zstd",
    "br, gzip": None,
}


def test_samples_that_the_server_decodes_get_the_coding_that_the_client_prefers(app: FlaskClient) -> None:
    url = "/layers/lzw/tiles/native/2/1/1.bin"
    for _ in range(3):  # planned, read, cached
        etags: dict[str | None, set[str]] = {}
        for field, coding in PREFERRED.items():
            reply = app.get(url, headers={"Accept-Encoding": field})
            assert reply.headers.get("Content-Encoding") == coding, field
            assert reply.headers["Vary"] == "Accept-Encoding"
            assert CODINGS[coding](reply.data) == app.get(url).data
            etags.setdefault(coding, set()).add(reply.headers["ETag"])
        assert len(set().union(*etags.values())) == len(etags) == 3


def test_samples_that_no_client_gets_otherwise_do_not_vary(app: FlaskClient) -> None:
    replies = [
        app.get("/layers/pixel-is-point/tiles/native/0/0/0.bin", headers={"Accept-Encoding": field})
        for field in PREFERRED
    ]
    assert not [reply for reply in replies if "Vary" in reply.headers or "Content-Encoding" in reply.headers]
    assert len({reply.headers["ETag"] for reply in replies}) == 1


def test_one_band_of_tiles_that_have_all(app: FlaskClient) -> None:
    pixels, etags = gdals("odd-factors", 1, 1), set()
    for band, more in itertools.product((3, 1, 2), ("", "&" + "x" * 80) * 3):
        reply = app.get(f"/layers/odd-factors/tiles/native/3/1/1.bin?band={band}{more}")
        assert reply.headers["Rawcog-Shape"] == "128,128,1"
        np.testing.assert_array_equal(samples(reply.data, reply.headers)[0], pixels[band - 1])
        etags.add(reply.headers["ETag"])
    assert len(etags) == 3


def test_each_band_that_is_stored_apart_can_be_had(app: FlaskClient) -> None:
    pixels = gdals("planar", 1, 1)
    bodies = []
    for band in (1, 2, 3):
        reply = app.get(f"/layers/planar/tiles/native/1/1/1.bin?band={band}")
        assert reply.headers["Rawcog-Shape"] == "128,128,1"
        np.testing.assert_array_equal(samples(reply.data, reply.headers)[0], pixels[band - 1])
        bodies.append(reply.headers["ETag"])
    assert len(set(bodies)) == 3
    assert app.get("/layers/planar/tiles/native/1/1/1.bin").headers["ETag"] == bodies[0]


def test_the_layer_describes_its_samples_as_the_tiles_do(app: FlaskClient) -> None:
    for kind in ("deflate", "zstd-float", "planar"):
        reply = app.get(f"/layers/{kind}/tiles/native/0/0/0.bin")
        described = app.get(f"/layers/{kind}").get_json()["levels"][0]["samples"]
        described["shape"] = ",".join(map(str, described["shape"]))
        assert described.pop("coding") == ("zstd" if kind == "zstd-float" else "deflate")
        for key, value in described.items():
            assert reply.headers[f"Rawcog-{key.replace('_', '-')}"] == str(value)
            assert f"Rawcog-{key.replace('_', '-')}".lower() in exposed(reply.headers)


def exposed(headers: Any) -> str:
    """The parts of a reply that a page of another origin may read."""
    return ", ".join(headers.getlist("Access-Control-Expose-Headers")).lower()


@pytest.mark.parametrize(
    ("kind", "query", "said"),
    [
        ("planar", "band=0", "1 to 3"),
        ("planar", "band=4", "1 to 3"),
        ("planar", "band=", "1 to 3"),
        ("planar", "band=-1", "1 to 3"),
        ("planar", "band=1.0", "1 to 3"),
        ("planar", "band=%D9%A1", "1 to 3"),
        ("planar", "band=" + "1" * 500, "1 to 3"),
        ("planar", "band=2&band=9", "1 to 3"),
        ("odd-factors", "band=4", "1 to 3"),
        ("deflate", "predictor=", "none"),
        ("deflate", "predictor=2", "none"),
        ("deflate", "predictor=None", "none"),
        ("deflate", "predictor=none&predictor=1", "none"),
        ("deflate", "band=None", "1 to 1"),
        ("deflate", "band=%31", "1 to 1"),
    ],
)
def test_a_value_that_cannot_be_is_a_400_that_says_what_can(kind: str, query: str, said: str, app: FlaskClient) -> None:
    assert said in problem(app.get(f"/layers/{kind}/tiles/native/0/0/0.bin?{query}"), 400)


@pytest.mark.parametrize(
    "url", ["0/0/0.bin?bands=9&xband=9", "0/0/0.bin?Predictor=7", "0/0/0.tif?band=9&predictor=x", "0/0/0.bin?xband=9"]
)
def test_what_a_format_does_not_know_is_ignored(url: str, app: FlaskClient) -> None:
    plain = app.get(f"/layers/deflate/tiles/native/{url.partition('?')[0]}")
    reply = app.get(f"/layers/deflate/tiles/native/{url}")
    assert (reply.status_code, reply.data, reply.headers["ETag"]) == (200, plain.data, plain.headers["ETag"])
