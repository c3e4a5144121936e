"""Rules for every URL of tiles, documents, pages and errors: HEAD is GET without a body, and nothing is sniffed.

And of tiles alone: ranges, and numbers without leading zeros. A new family of URLs is a new line in these tables.
"""

import socket
from collections.abc import Iterator
from typing import Final

import numpy as np
import pytest
import rasterio
import requests
from rasterio.io import MemoryFile
from rasterio.transform import Affine

from server.web.static import static_files
from tests.support.app import layer
from tests.support.gunicorn import Gunicorn
from tests.support.tiffs import gdal_tiff
from tests.support.webmercator import web_mercator_tiff

_KVP: Final = (
    "/wmts?service=WMTS&request=GetTile&version=1.0.0&layer=photo&style=default&format=image/tiff;application=geotiff"
    "&tilematrixset=native.photo&tilematrix={z}&tilerow={y}&tilecol={x}"
)
TILES: Final = {
    "jpg": "/layers/photo/tiles/native/{z}/{x}/{y}.jpg",
    "png": "/layers/photo/tiles/native/{z}/{x}/{y}.png",
    "tif": "/layers/photo/tiles/native/{z}/{x}/{y}.tif",
    "versioned": "/layers/photo@{photo}/tiles/native/{z}/{x}/{y}.tif",
    "mask-png": "/layers/photo/mask/native/{z}/{x}/{y}.png",
    "mask-bin": "/layers/photo/mask/native/{z}/{x}/{y}.bin",
    "mask-versioned": "/layers/photo@{photo}/mask/native/{z}/{x}/{y}.tif",
    "bin": "/layers/web/tiles/WebMercatorQuad/{web_z}/{web_x}/{web_y}.bin",
    "bin-options": "/layers/web/tiles/WebMercatorQuad/{web_z}/{web_x}/{web_y}.bin?predictor=none",
    "web-maps": "/layers/web/tiles/WebMercatorQuad/{web_z}/{web_x}/{web_y}.png",
    "wmts": "/wmts/1.0.0/photo/default/native.photo/{z}/{y}/{x}.png",
    "wmts-versioned": "/wmts/1.0.0/photo@{photo}/default/native.photo/{z}/{y}/{x}.tif",
    "wmts-shared": "/wmts/1.0.0/web/default/WebMercatorQuad/{web_z}/{web_y}/{web_x}.png",
    "wmts-queries": _KVP,
    "ogc-png": "/collections/photo/map/tiles/native/{z}/{y}/{x}?f=png",
    "ogc-tif": "/collections/photo/map/tiles/native/{z}/{y}/{x}?f=tif",
    "tms": "/tms/1.0.0/web/{web_z}/{web_x}/{tms_y}.png",
    "tms-versioned": "/tms/1.0.0/web@{web}/{web_z}/{web_x}/{tms_y}.png",
}
"""At least one URL of each family, and of each way to know the length of a tile."""

LEFT_OUT: Final = {
    f"{name}-{empty}": f"/{path}"
    for empty in ("204", "404", "transparent")
    for name, path in {
        "sparse": f"layers/sparse-{empty}/tiles/native/0/4/2.png",
        "wmts-sparse": f"wmts/1.0.0/sparse-{empty}/default/native.sparse-{empty}/0/2/4.png",
        "ogc-sparse": f"collections/sparse-{empty}/map/tiles/native/0/2/4?f=png",
    }.items()
}

DOCUMENTS: Final = (
    *("/", "/?f=html", "/layers", "/layers/photo", "/layers/photo@{photo}", "/health/live", "/health/ready", "/api"),
    *("/layers/web/tilejson.json", "/layers/photo/gdal.vrt", "/layers/photo@{photo}/gdal.vrt"),
    *("/wmts/1.0.0/WMTSCapabilities.xml", "/wmts?service=WMTS&request=GetCapabilities", "/tms", "/tms/1.0.0"),
    *("/tms/1.0.0/web", "/conformance", "/collections", "/collections/photo", "/collections/photo/map/tiles"),
    *("/collections/photo/map/tiles/native", "/tileMatrixSets", "/tileMatrixSets/WebMercatorQuad"),
    *("/tileMatrixSets/native.photo", "/static/{static}/copy.js", "/favicon.ico"),
)

ERRORS: Final = {
    "/nothing": 404,
    "//": 404,
    "/layers/none": 404,
    "/layers/gone": 404,
    "/layers/gone/tiles/native/0/0/0.tif": 404,
    "/layers/broken/tiles/native/0/0/0.tif": 502,
    "/layers/photo/tiles/native/0/0/99.tif": 404,
    "/layers/photo/tiles/native/0/0/x.tif": 404,
    "/layers/photo@0/tiles/native/0/0/0.tif": 302,
    "/layers/photo@0": 302,
    "/wmts": 400,
    "/wmts?service=WMTS&request=GetTile": 400,
    "/wmts?service=WMTS&request=GetFeatureInfo": 501,
    "/wmts/1.0.0/photo/other/native.photo/0/0/0.tif": 404,
    "/collections/photo/map/tiles/native/0/0/99": 404,
    "/collections/photo/map/tiles/native/0/0/0?f=x": 400,
    "/collections/photo/map/tiles/native/0/0/0?f=webp": 406,
    "/tms/1.0.0/photo/0/0/0.png": 404,
    "/static/0/none.js": 404,
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gunicorn]:
    folder = tmp_path_factory.mktemp("layers")
    (folder / "photo.tif").write_bytes(gdal_tiff("jpeg-mask"))
    (folder / "web.tif").write_bytes(web_mercator_tiff(compress="DEFLATE"))
    (folder / "sparse.tif").write_bytes(gdal_tiff("sparse"))
    (folder / "large.tif").write_bytes(large_tiff())
    (folder / "broken.tif").write_bytes(b"II*\0 no TIFF")
    config = "".join(layer(name, folder / f"{name}.tif") for name in ("photo", "web", "large", "gone", "broken"))
    config += "".join(
        layer(f"sparse-{empty}", folder / "sparse.tif", f"empty = '{empty}'") for empty in ("204", "404", "transparent")
    )
    with Gunicorn({"WEB_CONCURRENCY": "1"}, config) as running:
        yield running


def large_tiff() -> bytes:
    """Tiles of 192 KiB, more than GDAL reads with the header of a file."""
    pixels = np.random.default_rng(1).integers(0, 255, (3, 300, 400), "uint8")
    profile = {"driver": "GTiff", "width": 400, "height": 300, "count": 3, "dtype": "uint8", "crs": "EPSG:2193"}
    tiles = {"tiled": True, "blockxsize": 256, "blockysize": 256, "interleave": "pixel"}
    with MemoryFile() as memory:
        with memory.open(**profile, **tiles, transform=Affine(2.5, 0, 1576000, 0, -2.5, 5429000)) as target:
            target.write(pixels)
        return bytes(memory.read())


@pytest.fixture(scope="module")
def values(server: Gunicorn) -> dict[str, str]:
    """The values for the templates: a tile in the middle of each layer."""
    photo, web = (requests.get(f"{server.url}/layers/{name}", timeout=30).json() for name in ("photo", "web"))
    tileset = requests.get(f"{server.url}/collections/web/map/tiles/WebMercatorQuad", timeout=30).json()
    limits = tileset["tileMatrixSetLimits"][-1]
    z, x, y = int(limits["tileMatrix"]), limits["minTileCol"] + 1, limits["minTileRow"] + 1
    web_tile = {"web_z": str(z), "web_x": str(x), "web_y": str(y), "tms_y": str(2**z - 1 - y)}
    versions = {"photo": photo["version"], "web": web["version"], "static": static_files().digest}
    return {"z": str(photo["maxzoom"]), "x": "1", "y": "2", **web_tile, **versions}


def ask(server: Gunicorn, path: str, method: str = "GET", **headers: str) -> requests.Response:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return requests.request(method, server.url + path, headers=fields, timeout=30, allow_redirects=False)


OWN = ("Date", "X-Request-ID", "Rawcog-Confirmed")
"""Headers that each reply has for itself; the identifier is that of an error, the last one a time in seconds."""


def assert_head_is_get(server: Gunicorn, path: str, status: int, **headers: str) -> None:
    """Before the first GET and after; the body, if there were one, would be the beginning of the next reply."""
    replies = [ask(server, path, method, **headers) for method in ("HEAD", "GET", "HEAD", "GET")]
    told = [{name: value for name, value in reply.headers.items() if name not in OWN} for reply in replies]
    assert [reply.status_code for reply in replies] == [status] * 4
    assert told == [told[1]] * 4
    assert told[1]["X-Content-Type-Options"] == "nosniff"
    assert told[1]["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("encoding", ["identity", "gzip, deflate"])
@pytest.mark.parametrize("name", TILES)
def test_head_of_a_tile_says_what_get_says(name: str, encoding: str, server: Gunicorn, values: dict[str, str]) -> None:
    path = TILES[name].format_map(values)
    assert_head_is_get(server, path, 200, Accept_Encoding=encoding)
    etag = ask(server, path, Accept_Encoding=encoding).headers["ETag"]
    assert_head_is_get(server, path, 304, Accept_Encoding=encoding, If_None_Match=etag)


@pytest.mark.parametrize("name", LEFT_OUT)
def test_head_of_a_tile_that_is_left_out_says_what_get_says(name: str, server: Gunicorn) -> None:
    assert_head_is_get(server, LEFT_OUT[name], {"204": 204, "404": 404}.get(name.rpartition("-")[2], 200))


@pytest.mark.parametrize("path", DOCUMENTS)
def test_head_of_a_document_says_what_get_says(path: str, server: Gunicorn, values: dict[str, str]) -> None:
    for accept in ("*/*", "text/html, */*;q=0.1"):
        assert_head_is_get(server, path.format_map(values), 200, Accept=accept)


@pytest.mark.parametrize("path", ERRORS)
def test_head_of_an_error_says_what_get_says(path: str, server: Gunicorn) -> None:
    for accept in ("*/*", "text/html, */*;q=0.1"):
        assert_head_is_get(server, path, ERRORS[path], Accept=accept)


@pytest.mark.parametrize("name", TILES)
def test_head_has_no_body_on_the_wire(name: str, server: Gunicorn, values: dict[str, str]) -> None:
    request = f"HEAD {TILES[name].format_map(values)} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(request.encode())
        head, _, body = b"".join(iter(lambda: connection.recv(65536), b"")).partition(b"\r\n\r\n")
    assert (body, b"Transfer-Encoding" in head) == (b"", False)


@pytest.mark.parametrize("name", TILES)
def test_browsers_may_ask_for_ranges_and_read_what_comes(name: str, server: Gunicorn, values: dict[str, str]) -> None:
    path = TILES[name].format_map(values)
    wanted = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "range"}
    allowed = ask(server, path, "OPTIONS", Origin="https://map.example", **wanted)
    assert "range" in allowed.headers["Access-Control-Allow-Headers"].lower().split(", ")
    part = ask(server, path, Range="bytes=0-9", Origin="https://map.example")
    exposed = part.headers["Access-Control-Expose-Headers"].split(", ")
    assert {"ETag", "Content-Range", "Accept-Ranges", "Content-Length"} <= set(exposed)
    for reply in (allowed, part, ask(server, path, "POST")):
        assert reply.headers["X-Content-Type-Options"] == "nosniff"


def test_a_slash_at_the_end_of_a_documents_url_changes_nothing(server: Gunicorn, values: dict[str, str]) -> None:
    documents = [path for path in DOCUMENTS if path.partition("?")[0] != "/" and "static" not in path]
    for path in (*documents, TILES["wmts-queries"]):
        plain, query, keys = path.format_map(values).partition("?")
        usual, slashed = ask(server, f"{plain}{query}{keys}"), ask(server, f"{plain}/{query}{keys}")
        assert (slashed.status_code, slashed.content) == (usual.status_code, usual.content), path


@pytest.mark.parametrize("encoding", ["identity", "gzip, deflate"])
@pytest.mark.parametrize("name", TILES)
def test_a_tile_has_ranges(name: str, encoding: str, server: Gunicorn, values: dict[str, str]) -> None:
    """The same before and after the whole is in memory."""
    path = TILES[name].format_map(values)
    for _ in range(3):
        part = stored(server, path, encoding, Range="bytes=5-14")
        whole = stored(server, path, encoding)
        assert (part.status_code, part.content) == (206, whole.content[5:15])
        assert part.headers["Content-Range"] == f"bytes 5-14/{len(whole.content)}"
        assert (part.headers["Content-Length"], whole.headers["Accept-Ranges"]) == ("10", "bytes")
        rest = {name: value for name, value in part.headers.items() if name != "Content-Range"}
        assert rest | {"Content-Length": "", "Date": ""} == dict(whole.headers) | {"Content-Length": "", "Date": ""}
    beyond = stored(server, path, encoding, Range="bytes=999999999-")
    assert (beyond.status_code, beyond.headers["Content-Range"]) == (416, f"bytes */{len(whole.content)}")
    assert beyond.headers["Cache-Control"] == "no-store"


def stored(server: Gunicorn, path: str, encoding: str, **headers: str) -> requests.Response:
    """A reply whose content is the bytes as they were sent, coded or not."""
    fields = {"Accept-Encoding": encoding, **headers}
    reply = requests.get(server.url + path, headers=fields, timeout=30, stream=True)
    reply._content = reply.raw.read(decode_content=False)
    return reply


@pytest.mark.parametrize("name", TILES)
def test_a_number_with_leading_zeros_is_no_tile(name: str, server: Gunicorn, values: dict[str, str]) -> None:
    """Else one tile had many URLs, and caches many copies."""
    template = TILES[name]
    names = [name for name in ("z", "x", "y", "web_z", "web_x", "web_y", "tms_y") if f"{{{name}}}" in template]
    assert len(names) == 3
    for each in names:
        for zeros in ("0", "00"):
            reply = ask(server, template.format_map({**values, each: zeros + values[each]}))
            if name == "wmts-queries":
                assert (reply.status_code, reply.text.count("InvalidParameterValue")) == (400, 1)
            else:
                assert (reply.status_code, reply.json()["status"]) == (404, 404)
                assert "leading zeros" in reply.json()["detail"]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "path",
    [
        "/layers/large/tiles/native/0/0/0.tif",
        "/wmts/1.0.0/large/default/native.large/0/0/0.tif",
        "/collections/large/map/tiles/native/0/0/0?f=tif",
    ],
)
def test_gdal_opens_the_url_of_a_large_tile(path: str, server: Gunicorn) -> None:
    url = f"/vsicurl/{server.url}{path}"
    with MemoryFile(large_tiff()) as memory, memory.open() as file, rasterio.open(url) as tile:
        assert (tile.crs, tile.transform) == (file.crs, file.transform)
        np.testing.assert_array_equal(tile.read(), file.read(window=((0, 256), (0, 256))))
    assert "status=206" in server.log()
