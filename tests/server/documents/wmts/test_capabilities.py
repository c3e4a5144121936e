"""The content of the capabilities, the layers that they leave out, and their cost."""

import gzip
import math
import os
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import requests
from rasterio.io import MemoryFile
from rasterio.transform import Affine
from rasterio.warp import transform_bounds

from server import create_app
from server.layers import openers
from tests.support.app import client, layer, settings
from tests.support.geotiffs import in_crs
from tests.support.gunicorn import Gunicorn
from tests.support.log import written
from tests.support.ogc import NAMESPACES, Element, texts, valid
from tests.support.origin import Connection, Origin, Reply, send
from tests.support.rasters import noise, raster
from tests.support.tiffs import gdal_tiff
from tests.support.webmercator import web_mercator_tiff
from tests.support.wmts import GET_CAPABILITIES, REST, capabilities, kvp

URL = kvp(GET_CAPABILITIES)
NORTH_UP = Affine(10, 0, 430000, 0, -10, 4480000)
SMALL = in_crs("EPSG:32630", NORTH_UP)
THOUSAND = [f"layer-{number}" for number in range(1000)]


def names(root: Element) -> list[str]:
    return texts(root, "//wmts:Layer/ows:Identifier")


def served(folder: Path, files: dict[str, bytes], more: str = "", log_level: str = "critical") -> Any:
    for name, data in files.items():
        (folder / f"{name}.tif").write_bytes(data)
    config = more + "".join(layer(name, f"{name}.tif") for name in files)
    return client(folder, config, {"LOG_LEVEL": log_level})


def test_layers_that_no_tile_matrix_set_describes_are_left_out(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The log says why, once."""
    files = {
        "utm": SMALL,
        "oblong-pixels": in_crs("EPSG:32630", Affine(10, 0, 430000, 0, -20, 4480000)),
        "rotated": gdal_tiff("odd-factors"),
        "nowhere": in_crs("", NORTH_UP),
    }
    app = served(tmp_path, files, log_level="warning")
    for _ in range(2):
        assert names(capabilities(app)) == ["utm"]
    log = written(capfd)
    for name in files.keys() - {"utm"}:
        assert app.get(f"/layers/{name}").status_code == 200
        assert log.count(f"layer '{name}' is left out of the WMTS capabilities: it") == 1


def test_formats_are_what_all_levels_have(tmp_path: Path) -> None:
    """GDAL takes the first, which is transparent where JPEG tiles have pixels that are hidden or beyond the edge."""
    files = {kind: gdal_tiff(kind) for kind in ("jpeg-ycbcr", "jpeg-mask", "webp-lossy", "deflate", "lerc")}
    files["whole"] = raster(noise(1, "uint8", 64, 96), options={"compress": "JPEG"})
    root = capabilities(served(tmp_path, files))
    tif = "image/tiff;application=geotiff"
    assert {name: texts(root, f"//wmts:Layer[ows:Identifier='{name}']/wmts:Format") for name in files} == {
        "jpeg-ycbcr": ["image/vnd.jpeg-png", "image/jpeg", tif],
        "jpeg-mask": ["image/vnd.jpeg-png", "image/jpeg", "image/png", tif],
        "whole": ["image/jpeg", tif],
        "webp-lossy": ["image/webp", tif],
        "deflate": ["image/png", tif],
        "lerc": [tif],
    }


def test_a_layer_states_its_bounds_in_its_own_crs_and_in_degrees(tmp_path: Path) -> None:
    root = capabilities(served(tmp_path, {"a": gdal_tiff("jpeg-grey")}))  # EPSG:2193, whose axes are north, east
    with MemoryFile(gdal_tiff("jpeg-grey")) as memory, memory.open() as dataset:
        left, bottom, right, top = dataset.bounds
        degrees = transform_bounds(dataset.crs, "EPSG:4326", *dataset.bounds, densify_pts=21)
    assert texts(root, "//wmts:TileMatrixSet/ows:SupportedCRS") == ["urn:ogc:def:crs:EPSG::2193"]
    for parent in ("Layer", "TileMatrixSet"):  # of the latter for ArcGIS, which swaps the axes without it
        (box,) = root.findall(f".//wmts:{parent}/ows:BoundingBox", NAMESPACES)
        assert box.get("crs") == "urn:ogc:def:crs:EPSG::2193"
        assert [corner.text for corner in box] == [f"{bottom} {left}", f"{top} {right}"]
    (lower, upper) = texts(root, "//ows:WGS84BoundingBox/*")
    assert [float(text) for text in f"{lower} {upper}".split()] == pytest.approx(degrees, abs=1e-7)


def test_every_tile_matrix_set_has_a_box_but_where_gdal_misreads_it(tmp_path: Path) -> None:
    """GDAL takes latitudes beyond 90 for longitudes: a grid whose pixels have their centres at the poles has such."""
    files = {
        "definition": in_crs("+proj=laea +lat_0=12.5 +lon_0=-71.25 +datum=WGS84", NORTH_UP),
        "degrees": in_crs("EPSG:4326", Affine(0.01, 0, 5, 0, -0.01, 60)),
        "poles": in_crs("EPSG:4326", Affine(0.75, 0, -180.375, 0, -0.75, 90.375)),
        "aligned": web_mercator_tiff(compress="DEFLATE", width=600, height=500),
    }
    root = capabilities(served(tmp_path, files))
    sets = root.findall(".//wmts:Contents/wmts:TileMatrixSet", NAMESPACES)
    boxes = {texts(each, "ows:Identifier")[0]: texts(each, "ows:BoundingBox/*") for each in sets}
    half = math.pi * 6378137
    assert boxes["WebMercatorQuad"] == [f"{-half} {-half}", f"{half} {half}"]
    assert boxes["native.poles"] == []
    for name in ("definition", "degrees", "aligned"):
        with MemoryFile(files[name]) as memory, memory.open() as dataset:
            left, bottom, right, top = dataset.bounds
        wanted = [(left, bottom), (right, top)] if name != "degrees" else [(bottom, left), (top, right)]
        assert [tuple(map(float, corner.split())) for corner in boxes[f"native.{name}"]] == wanted
    named = root.xpath("//wmts:TileMatrixSet/ows:BoundingBox/@crs", namespaces=NAMESPACES)
    assert named == texts(root, "//wmts:TileMatrixSet[ows:BoundingBox]/ows:SupportedCRS")


def test_across_the_antimeridian_the_box_is_the_whole_turn(tmp_path: Path) -> None:
    root = capabilities(served(tmp_path, {"a": in_crs("EPSG:3832", Affine(10000, 0, 3000000, 0, -10000, -2000000))}))
    lower, upper = texts(root, "//ows:WGS84BoundingBox/*")
    assert (lower.split()[0], upper.split()[0]) == ("-180.0", "180.0")
    assert -30 < float(lower.split()[1]) < float(upper.split()[1]) < -10


def test_resources_are_whole_versioned_and_have_no_other_variables(tmp_path: Path) -> None:
    app = served(tmp_path, {"a": SMALL})
    version = app.get("/layers/a").get_json()["version"]
    variables = "{Style}/{TileMatrixSet}/{TileMatrix}/{TileRow}/{TileCol}"
    templates = texts(capabilities(app), "//wmts:ResourceURL/@template")
    assert templates == [f"http://localhost/wmts/1.0.0/a@{version}/{variables}.{name}" for name in ("png", "tif")]


def test_unversioned_where_the_config_says_so(tmp_path: Path) -> None:
    app = served(tmp_path, {"a": SMALL}, "[defaults]\nversioned_urls = false\n")
    assert texts(capabilities(app), "//wmts:ResourceURL/@template")[0].startswith(
        "http://localhost/wmts/1.0.0/a/{Style}"
    )


def test_tiles_of_512_pixels_are_not_in_the_shared_set(tmp_path: Path) -> None:
    app = served(tmp_path, {"a": web_mercator_tiff(512, compress="JPEG", width=600, height=500)})
    root = capabilities(app)
    assert texts(root, "//wmts:TileMatrixSet/ows:Identifier") == ["native.a"]
    assert texts(root, "//wmts:TileMatrixSetLink/wmts:TileMatrixSet") == ["native.a"]
    z = app.get("/layers/a").get_json()["maxzoom"]
    assert app.get(f"/wmts/1.0.0/a/default/WebMercatorQuad/{z}/0/0.jpg").status_code == 404


def test_titles_may_hold_anything(tmp_path: Path) -> None:
    title = r"A < \u0001 \u001A & \uFFFE ]]> \"'{Style} é \U0001F30D"
    app = served(tmp_path, {"a": SMALL}, f'[server]\ntitle = "{title}"\n[layers.b]\nuri = "a.tif"\ntitle = "{title}"\n')
    root = capabilities(app)
    wanted = "A < \ufffd \ufffd & \ufffd ]]> \"'{Style} é \U0001f30d"
    assert texts(root, "//ows:ServiceIdentification/ows:Title") == [wanted]
    assert texts(root, "//wmts:Layer[ows:Identifier='b']/ows:Title") == [wanted]


def test_a_forged_host_is_for_who_forged_it(tmp_path: Path) -> None:
    app = served(tmp_path, {"a": SMALL})
    for url in (REST, URL):
        forged = app.get(url, headers={"Host": "evil.example"})
        assert b"http://evil.example/wmts" in forged.data
        assert forged.headers["Cache-Control"] == "private, no-cache"
        for headers in ({}, {"Accept-Encoding": "gzip"}, {"If-None-Match": forged.headers["ETag"]}):
            reply = app.get(url, headers=headers)
            assert reply.status_code == 200
            body = gzip.decompress(reply.data) if reply.headers.get("Content-Encoding") == "gzip" else reply.data
            assert b"evil" not in body
            valid(body)
    assert app.get(REST, headers={"Host": 'a"><b'}).status_code == 400
    reply = app.get(URL, headers={"Host": 'a"><b'})
    assert (reply.status_code, reply.content_type) == (400, "application/xml")


def test_a_public_url_is_all_that_clients_see(tmp_path: Path) -> None:
    app = served(tmp_path, {"a": SMALL}, "[server]\npublic_url = 'https://tiles.example.com/maps/'\n")
    reply = app.get(REST, headers={"Host": "evil.example"})
    assert reply.headers["Cache-Control"] == "no-cache"
    urls = texts(valid(reply.data), "//@xlink:href | //wmts:ResourceURL/@template")
    assert len(urls) == 5
    assert all(url.startswith("https://tiles.example.com/maps/wmts") for url in urls)


def test_trusted_proxies_say_where_the_server_is(tmp_path: Path) -> None:
    app = served(tmp_path, {"a": SMALL}, "[server]\ntrusted_proxies = 1\n")
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "tiles.example.com", "X-Forwarded-Prefix": "/maps"}
    reply = app.get(REST, headers=forwarded)
    assert reply.headers["Cache-Control"] == "private, no-cache"
    assert texts(valid(reply.data), "//ows:Get/@xlink:href") == ["https://tiles.example.com/maps/wmts?"] * 2


def test_it_is_packed_for_who_takes_it_revalidated_and_had_by_head(tmp_path: Path) -> None:
    app = served(tmp_path, {"a": SMALL})
    plain, packed = app.get(REST), app.get(REST, headers={"Accept-Encoding": "gzip"})
    assert gzip.decompress(packed.data) == plain.data
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.headers["ETag"] != plain.headers["ETag"]
    for reply, asked in ((plain, {}), (packed, {"Accept-Encoding": "gzip"})):
        assert reply.headers["Vary"] == "Accept-Encoding"
        again = app.get(REST, headers={**asked, "If-None-Match": reply.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b"")
    head = app.head(REST)
    assert (head.data, head.headers["ETag"], head.content_length) == (b"", plain.headers["ETag"], len(plain.data))


def test_a_replaced_file_is_described_anew_and_the_update_sequence_grows(tmp_path: Path) -> None:
    app = served(tmp_path, {"a": SMALL, "b": SMALL})
    before = capabilities(app)
    assert capabilities(app).get("updateSequence") == before.get("updateSequence")
    (tmp_path / "new.tif").write_bytes(gdal_tiff("jpeg-grey"))
    instant = (tmp_path / "a.tif").stat().st_mtime + 5
    os.utime(tmp_path / "new.tif", (instant, instant))
    (tmp_path / "new.tif").replace(tmp_path / "a.tif")
    after = capabilities(app)
    assert "urn:ogc:def:crs:EPSG::2193" in texts(after, "//ows:SupportedCRS")
    assert int(after.get("updateSequence")) > int(before.get("updateSequence"))
    url = kvp({**GET_CAPABILITIES, "updateSequence": before.get("updateSequence")})
    assert names(capabilities(app, url)) == ["a", "b"]


def test_other_contents_of_the_same_instant_are_not_taken_for_the_same(tmp_path: Path) -> None:
    """Nor for later ones: a client with the sequence of either gets the other."""
    for name in ("a", "b"):
        (tmp_path / f"{name}.tif").write_bytes(SMALL)
        os.utime(tmp_path / f"{name}.tif", (1_700_000_000, 1_700_000_000))
    one, other = (client(tmp_path, layer(name, f"{name}.tif")) for name in ("a", "b"))
    sequences = [capabilities(app).get("updateSequence") for app in (one, other)]
    assert [sequence[:10] for sequence in sequences] == ["1700000000"] * 2
    assert sequences[0] != sequences[1]
    for app, sequence, name in ((one, sequences[1], "a"), (other, sequences[0], "b")):
        assert names(capabilities(app, kvp({**GET_CAPABILITIES, "updateSequence": sequence}))) == [name]


def test_another_title_is_another_document(tmp_path: Path) -> None:
    """A client with the sequence from before the config was changed gets the document."""
    (tmp_path / "a.tif").write_bytes(SMALL)
    before = capabilities(client(tmp_path, layer("a", "a.tif", "title = 'Old'"))).get("updateSequence")
    app = client(tmp_path, layer("a", "a.tif", "title = 'New'"))
    after = capabilities(app, kvp({**GET_CAPABILITIES, "updateSequence": before}))
    assert texts(after, "//wmts:Layer/ows:Title") == ["New"]
    assert after.get("updateSequence") != before


def test_workers_agree_on_the_update_sequence_and_the_document(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(SMALL)
    told = settings(tmp_path, layer("a", "a.tif"))
    assert create_app(told).test_client().get(URL).data == create_app(told).test_client().get(URL).data


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin() as running:
        running.put("/a.tif", SMALL)
        yield running


def test_a_layer_that_is_slow_is_in_a_later_document(
    origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Until then it is left out, which is logged once, and no document without it passes for the whole one."""
    monkeypatch.setattr(openers, "PATIENCE_S", 0.05)
    released = Event()

    def hold(connection: Connection, reply: Reply) -> None:
        released.wait(30)
        send(connection, reply)

    origin.fail("/a.tif", hold)
    (tmp_path / "here.tif").write_bytes(SMALL)
    config = layer("slow", f"{origin.url}/a.tif") + layer("here", "here.tif")
    app = client(tmp_path, config, {"LOG_LEVEL": "warning"})
    while names(first := capabilities(app)) != ["here"]:
        assert names(first) == []
    assert app.get(REST).headers["Cache-Control"] == "private, no-cache"
    released.set()
    while names(second := capabilities(app)) != ["slow", "here"]:
        assert names(second) == ["here"]
    assert first.get("updateSequence") != second.get("updateSequence")
    assert written(capfd).count("layer 'slow' is left out of the WMTS capabilities: it could not be") == 1


def test_a_layer_whose_file_comes_back_is_back(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.tif").write_bytes(SMALL)
    app = client(tmp_path, layer("a", "a.tif") + layer("b", "a.tif"), {"LOG_LEVEL": "warning"})
    assert names(capabilities(app)) == ["a", "b"]
    (tmp_path / "a.tif").rename(tmp_path / "away.tif")
    for _ in range(3):
        assert names(capabilities(app)) == []
    (tmp_path / "away.tif").rename(tmp_path / "a.tif")
    assert names(capabilities(app)) == ["a", "b"]
    assert written(capfd).count("is left out of the WMTS capabilities") == 2


def test_a_thousand_layers_without_those_that_cannot_be_opened(thousand: Gunicorn) -> None:
    """Two workers, each of which logs the left-out layers once; their memory does not hold all headers."""
    replies = [
        requests.get(f"{thousand.url}{REST}", headers={"Accept-Encoding": encoding}, timeout=60)
        for encoding in ("identity", "gzip") * 3
    ]
    assert {reply.headers.get("Content-Encoding") for reply in replies} == {None, "gzip"}
    assert len({reply.content for reply in replies}) == 1
    assert names(valid(replies[0].content)) == THOUSAND
    for name in ("broken", "dead", "gone"):
        lines = thousand.log().count(f"layer '{name}' is left out of the WMTS capabilities")
        assert 1 <= lines <= len(thousand.pids())


@pytest.fixture
def thousand(tmp_path: Path) -> Iterator[Gunicorn]:
    folder = tmp_path
    (folder / "small.tif").write_bytes(SMALL)
    (folder / "broken.tif").write_bytes(b"II*\0 no TIFF")
    for name in THOUSAND:
        (folder / f"{name}.tif").hardlink_to(folder / "small.tif")
    config = "".join(layer(name, folder / f"{name}.tif") for name in THOUSAND)
    config += layer("broken", folder / "broken.tif") + layer("gone", folder / "gone.tif")
    config += layer("dead", "http://127.0.0.1:9/a.tif")
    with Gunicorn({"WEB_CONCURRENCY": "2"}, "[server]\nmemory_bytes = 8000000\n" + config) as running:
        yield running
