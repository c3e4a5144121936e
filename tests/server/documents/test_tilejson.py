"""`tilejson.json`: what its specification wants, and where GDAL says that the layer is."""

import re
from pathlib import Path
from typing import Any, Final

import pytest
import requests
from flask.testing import FlaskClient
from rasterio.io import MemoryFile
from rasterio.warp import transform_bounds

from cogread.tiff.tags import Tag
from tests.support.app import client, layer, problem
from tests.support.cogs import parsed
from tests.support.gunicorn import Gunicorn
from tests.support.tiffs import gdal_tiff
from tests.support.webmercator import web_mercator_dem, web_mercator_tiff

TYPES: Final[dict[str, type | tuple[type, ...]]] = {
    "tilejson": str,
    "name": str,
    "version": str,
    "scheme": str,
    "attribution": str,
    "tiles": list,
    "vector_layers": list,
    "bounds": list,
    "center": list,
    "minzoom": int,
    "maxzoom": int,
    "tileSize": int,
    "encoding": str,
}
"""TileJSON 3.0.0 §3; tileSize and encoding are what clients added to it."""

MASK_BIT: Final = 4
"""Bit of NewSubfileType."""


def assert_is_tilejson(about: dict[str, Any]) -> None:
    """The specification's rules, §3."""
    assert {"tilejson", "tiles", "vector_layers"} <= about.keys() <= TYPES.keys()
    assert all(isinstance(value, TYPES[key]) for key, value in about.items())
    assert about["tilejson"] == "3.0.0"
    assert re.fullmatch(r"\d+\.\d+\.\d+", about["version"])
    assert all(
        re.match(r"https?://", url) and {"{z}", "{x}", "{y}"} <= set(re.findall("{.}", url)) for url in about["tiles"]
    )
    assert 0 <= about["minzoom"] <= about["maxzoom"] <= 30
    west, south, east, north = about["bounds"]
    assert -180 <= west < east <= 180
    assert -85.0511287798066 <= south < north <= 85.0511287798066
    longitude, latitude, zoom = about["center"]
    assert west <= longitude <= east
    assert south <= latitude <= north
    assert about["minzoom"] <= zoom <= about["maxzoom"]


@pytest.fixture
def app(tmp_path: Path) -> FlaskClient:
    return client(tmp_path, config_of(tmp_path))


def config_of(folder: Path) -> str:
    files = {
        "aligned": web_mercator_tiff(),
        "large": web_mercator_tiff(side=512, aligned_levels=3),
        "part": web_mercator_tiff(aligned_levels=None),
        "unaligned": gdal_tiff("jpeg-ycbcr"),
        "dem": web_mercator_dem("int16"),
        "unaligned-dem": gdal_tiff("zstd-float"),
    }
    for name, data in files.items():
        (folder / f"{name}.tif").write_bytes(data)
    more = {"aligned": "title = 'A <map> & more'\nattribution = 'Someone'"}
    return "".join(layer(name, f"{name}.tif", more.get(name, "")) for name in files)


@pytest.mark.parametrize(
    ("name", "maxzoom", "levels", "side"), [("aligned", 14, 4, 256), ("large", 13, 3, 512), ("part", 14, 1, 256)]
)
def test_a_layer_on_the_grid_of_web_maps(
    name: str, maxzoom: int, levels: int, side: int, app: FlaskClient, tmp_path: Path
) -> None:
    """With as many zooms as GDAL was told to align levels, at least."""
    reply = app.get(f"/layers/{name}/tilejson.json")
    about = reply.get_json()
    assert reply.content_type == "application/json"
    assert_is_tilejson(about)
    assert (about["maxzoom"], about["tileSize"], about["scheme"]) == (maxzoom, side, "xyz")
    assert about["maxzoom"] - about["minzoom"] >= levels - 1
    with MemoryFile((tmp_path / f"{name}.tif").read_bytes()) as memory, memory.open() as dataset:
        wanted = transform_bounds("EPSG:3857", "EPSG:4326", *dataset.bounds)
    assert about["bounds"] == pytest.approx(list(wanted), abs=1e-9)


@pytest.mark.parametrize("encoding", ["terrarium", "mapbox"])
def test_terrain_on_the_grid_of_web_maps(encoding: str, app: FlaskClient) -> None:
    """The key `encoding` is the one that MapLibre's sources of type `raster-dem` take from the document."""
    about = app.get(f"/layers/dem/tilejson.json?encoding={encoding}").get_json()
    assert_is_tilejson(about)
    assert about["encoding"] == encoding
    assert about["tiles"][0].endswith(f"/tiles/WebMercatorQuad/{{z}}/{{x}}/{{y}}.png?encoding={encoding}")
    links = app.get("/layers/dem").get_json()["links"]
    assert f"/layers/dem/tilejson.json?encoding={encoding}" in {link["href"] for link in links}
    old = app.get(f"/layers/dem@0/tilejson.json?encoding={encoding}&x=1")
    assert (old.status_code, old.headers["Location"]) == (302, f"/layers/dem/tilejson.json?encoding={encoding}&x=1")


def test_layers_without_aligned_terrain_are_told_why(app: FlaskClient) -> None:
    assert "encoding" not in app.get("/layers/aligned/tilejson.json").get_json()
    assert "3 bands" in problem(app.get("/layers/aligned/tilejson.json?encoding=mapbox"), 404)
    assert "not aligned" in problem(app.get("/layers/unaligned-dem/tilejson.json?encoding=mapbox"), 404)
    assert "with encoding=terrarium or mapbox" in problem(app.get("/layers/dem/tilejson.json"), 404)


def test_title_and_attribution_are_those_of_the_config(app: FlaskClient) -> None:
    about = app.get("/layers/aligned/tilejson.json").get_json()
    assert (about["name"], about["attribution"]) == ("A <map> & more", "Someone")
    assert "attribution" not in app.get("/layers/part/tilejson.json").get_json()


def test_the_tiles_are_there_at_all_zooms(tmp_path: Path) -> None:
    with Gunicorn({"WEB_CONCURRENCY": "1"}, config_of_absolute(tmp_path)) as server:
        about = requests.get(f"{server.url}/layers/aligned/tilejson.json", timeout=10).json()
        for z in range(about["minzoom"], about["maxzoom"] + 1):
            x, y = tile_of(z, *about["center"][:2])
            url = about["tiles"][0].format(z=z, x=x, y=y)
            reply = requests.get(url, timeout=10)
            assert url.startswith(f"{server.url}/layers/aligned@")
            assert (reply.status_code, reply.headers["Content-Type"]) == (200, "image/webp")
            assert "immutable" in reply.headers["Cache-Control"]


def config_of_absolute(folder: Path) -> str:
    return config_of(folder).replace("uri = '", f"uri = '{folder}/")


def tile_of(z: int, longitude: float, latitude: float) -> tuple[int, int]:
    """Column and row, by PROJ."""
    x, y, _, _ = transform_bounds("EPSG:4326", "EPSG:3857", longitude, latitude, longitude, latitude)
    half = 20037508.342789244
    return int((x + half) / (2 * half) * 2**z), int((half - y) / (2 * half) * 2**z)


def test_a_layer_that_is_not_aligned_says_how_to_align_it(app: FlaskClient) -> None:
    said = problem(app.get("/layers/unaligned/tilejson.json"), 404)
    assert "its tiles are of 128 x 128 px" in said
    assert "gdal_translate -of COG -co TILING_SCHEME=GoogleMapsCompatible -co ALIGNED_LEVELS=" in said


def test_tiles_that_no_browser_shows_make_no_map(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(floats())
    app = client(tmp_path, layer("a", "a.tif"))
    assert "no format that browsers show; they are offered as: tif, bin" in problem(
        app.get("/layers/a/tilejson.json"), 404
    )
    about = app.get("/layers/a").get_json()
    assert (about["web_mercator"]["tiles"], about["web_mercator"]["maxzoom"]) == (None, 14)
    assert "tilejson" not in {link["rel"] for link in about["links"]}


def test_a_mask_that_only_some_levels_have_is_shown_at_these(tmp_path: Path) -> None:
    """A web map has one address for all zooms."""
    data = bytearray(web_mercator_tiff(compress="JPEG", has_mask=True))
    directories = parsed(bytes(data))
    cut = [each.offset for each in directories if each.integer(Tag.NEW_SUBFILE_TYPE, 0) & MASK_BIT][1]
    end = cut + 2 + 12 * int.from_bytes(data[cut : cut + 2], "little")
    data[end : end + 4] = bytes(4)  # the masks of the coarser levels are last in the file
    (tmp_path / "a.tif").write_bytes(data)
    app = client(tmp_path, layer("a", "a.tif"))
    levels = app.get("/layers/a").get_json()["levels"]
    assert {level["mask"] for level in levels} == {True, False}
    about = app.get("/layers/a/tilejson.json").get_json()
    for z in range(about["minzoom"], about["maxzoom"] + 1):
        x, y = tile_of(z, about["bounds"][0] + 1e-6, about["bounds"][3] - 1e-6)
        reply = app.get(about["tiles"][0].format(z=z, x=x, y=y))
        level = levels[z - about["minzoom"]]
        is_cut = level["mask"] or level["height"] < level["tile_height"]
        expected = {"image/webp", None} if is_cut else {"image/jpeg"}
        assert (reply.status_code, reply.content_type) in {(200 if kind else 204, kind) for kind in expected}


def floats() -> bytes:
    with MemoryFile(web_mercator_tiff(compress="DEFLATE")) as memory, memory.open() as source, MemoryFile() as target:
        profile = {**source.profile, "dtype": "float32", "count": 1, "compress": "deflate", "photometric": "minisblack"}
        with target.open(**profile) as dataset:
            dataset.write(source.read(1).astype("float32"), 1)
        return bytes(target.read())


def test_a_url_with_a_version_is_immutable_and_another_version_leads_to_the_plain_one(app: FlaskClient) -> None:
    for path in ("/layers/{}/tilejson.json", "/layers/{}/gdal.vrt", "/layers/{}/gdal.xml", "/tms/1.0.0/{}"):
        version = app.get("/layers/aligned").get_json()["version"]
        reply = app.get(path.format(f"aligned@{version}"))
        assert (reply.status_code, reply.headers["Cache-Control"]) == (200, "private, max-age=31536000, immutable")
        reply = app.get(path.format("aligned@another"))
        assert (reply.status_code, reply.headers["Location"]) == (302, path.format("aligned"))
        assert reply.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "path",
    [
        "/layers/aligned/tilejson.json",
        "/layers/aligned/gdal.vrt",
        "/layers/aligned/gdal.xml",
        "/tms",
        "/tms/1.0.0",
        "/tms/1.0.0/aligned",
    ],
)
def test_a_host_that_a_client_names_stays_out_of_shared_caches(path: str, tmp_path: Path) -> None:
    config = config_of(tmp_path)
    reply = client(tmp_path, config).get(path, headers={"Host": "forged.example"})
    assert "http://forged.example/" in reply.text
    assert reply.headers["Cache-Control"] == "private, no-cache"
    fixed = client(tmp_path, f"[server]\npublic_url = 'https://maps.example/at/'\n{config}")
    reply = fixed.get(path, headers={"Host": "forged.example"})
    assert "forged" not in reply.text
    assert "https://maps.example/at/" in reply.text
    assert reply.headers["Cache-Control"] == "no-cache"
    assert fixed.get(path, headers={"If-None-Match": reply.headers["ETag"]}).status_code == 304


def test_a_host_that_cannot_be_one_is_refused(app: FlaskClient) -> None:
    assert "wanted a name" in problem(app.get("/layers/aligned/gdal.xml", headers={"Host": "a<b>"}), 400)
