"""A collection in time: OWSLib lists its dimension and fetches times that differ, and GDAL opens the latest."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import pytest
import rasterio
import requests
from owslib.wmts import WebMapTileService
from rasterio.io import MemoryFile
from rasterio.shutil import copy
from rasterio.windows import Window

from server.access.signature import signed_query
from tests.support.app import client, problem
from tests.support.decode import decoded
from tests.support.gunicorn import Gunicorn
from tests.support.log import written
from tests.support.ogc import texts, valid
from tests.support.stac import item, items
from tests.support.wait import wait_until
from tests.support.webmercator import web_mercator_tiff
from tests.support.wmts import assert_exception, kvp

YEARS: Final = ("2018", "2021", "2024")
Z: Final = 4
"""The finest level."""
ROW: Final = 4
COL: Final = 6
TILE: Final = f"tiles/native/{Z}/{COL}/{ROW}.png"
BY_TEMPLATE = (
    "[collections.ortho]\nuri = 'ortho/{year}.tif'\nmatch = { year = '2018|2021|2024|1999' }\ntime = '{year}'\n"
)


def shifted(year: str) -> bytes:
    """A COG on the one grid, whose values tell the year."""
    with MemoryFile(web_mercator_tiff(compress="DEFLATE", width=700, height=500)) as memory, memory.open() as source:
        pixels, profile = source.read(), source.profile
    profile |= {"driver": "GTiff"}
    with MemoryFile() as memory, MemoryFile() as target:
        with memory.open(**profile) as dataset:
            dataset.write((pixels + int(year) % 100).astype("uint8"))
        options = {"COMPRESS": "DEFLATE", "TILING_SCHEME": "GoogleMapsCompatible", "RESAMPLING": "NEAREST"}
        with rasterio.Env(GDAL_NUM_THREADS="1"):
            copy(memory.name, target.name, driver="COG", ALIGNED_LEVELS="4", **options)
        return bytes(target.read())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("layers")
    (folder / "ortho").mkdir()
    for year in YEARS:
        (folder / "ortho" / f"{year}.tif").write_bytes(shifted(year))
    (folder / "ortho" / "1999.tif").write_bytes(web_mercator_tiff(compress="DEFLATE", aligned_levels=2))
    moments = {"2018": "2018-05-01T10:20:30.4Z", "2021": "2021-06-01T00:00:00Z", "2024": "2024-07-01T12:00:00+02:00"}
    features = [item(f"s{y}", f"ortho/{y}.tif", properties={"datetime": text}) for y, text in moments.items()]
    (folder / "items.json").write_text(json.dumps(items(*features)))
    return folder


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Gunicorn]:
    (folder / "layers.toml").write_text(BY_TEMPLATE + "[collections.stac]\nstac = 'items.json'\ntime = '{datetime}'\n")
    with Gunicorn({"WEB_CONCURRENCY": "1", "RAWCOG_CONFIG": str(folder / "layers.toml")}) as running:
        yield running


def is_tile(data: bytes, folder: Path, year: str) -> bool:
    """Compare a picture with the tile of a file."""
    with rasterio.open(folder / "ortho" / f"{year}.tif") as dataset:
        return np.array_equal(decoded(data)[:3], dataset.read(window=Window(256 * COL, 256 * ROW, 256, 256)))


@pytest.mark.parametrize("path", ["/wmts", "/wmts/1.0.0/WMTSCapabilities.xml", "/layers/ortho/wmts.xml"])
def test_owslib_lists_the_dimension_and_fetches_times_that_differ(server: Gunicorn, folder: Path, path: str) -> None:
    service = WebMapTileService(f"{server.url}{path}")
    about = service.contents["ortho"]
    assert {name: (each["values"], each["default"]) for name, each in about.dimensions.items()} == {
        "Time": (["1999", *YEARS], "2024")
    }
    assert [resource["template"].count("{Time}") for resource in about.resourceURLs] == [1] * len(about.resourceURLs)
    for year in ("2018", "2024"):
        tile = service.gettile(
            layer="ortho",
            tilematrixset="native.ortho",
            tilematrix=str(Z),
            row=ROW,
            column=COL,
            format="image/png",
            TIME=year,
        )
        assert is_tile(tile.read(), folder, year)


def test_each_binding_and_url_gives_the_tile_of_its_time(server: Gunicorn, folder: Path) -> None:
    tile = "SERVICE=WMTS&REQUEST=GetTile&VERSION=1.0.0&LAYER=ortho&STYLE=default&FORMAT=image/png"
    tile += f"&TILEMATRIXSET=native.ortho&TILEMATRIX={Z}&TILEROW={ROW}&TILECOL={COL}"
    for year, time in (
        ("2018", "2018"),
        ("2021", "2021-03"),
        ("2024", "2022-01-01/.."),
        ("2024", None),
        ("2024", "current"),
    ):
        query = "" if time is None else f"datetime={time}"
        urls = [f"/layers/ortho/{TILE}?{query}", f"/collections/ortho/map/tiles/native/{Z}/{ROW}/{COL}?f=png&{query}"]
        urls.append(f"/wmts?{tile}" + ("" if time is None else f"&time={time}"))
        if time is not None and "/" not in time:
            urls.append(f"/wmts/1.0.0/ortho/default/{time}/native.ortho/{Z}/{ROW}/{COL}.png")
        for url in urls:
            for _ in range(3):  # from the file, from the plan, from the cached reply
                reply = requests.get(server.url + url, timeout=10)
                assert reply.status_code == 200, (url, reply.text)
                assert is_tile(reply.content, folder, year), url
            etag = {"If-None-Match": reply.headers["ETag"]}
            assert requests.get(server.url + url, headers=etag, timeout=10).status_code == 304
            other = requests.get(
                f"{server.url}/layers/ortho/{TILE}?datetime={'2018' if year != '2018' else '2021'}", timeout=10
            )
            assert other.headers["ETag"] != reply.headers["ETag"]


def test_no_url_is_taken_for_a_cached_tile_of_a_time(server: Gunicorn) -> None:
    url = f"{server.url}/layers/ortho/{TILE}"
    for _ in range(3):
        assert requests.get(f"{url}?datetime=2018", timeout=30).status_code == 200
        assert requests.get(f"{url}%23ortho:2018", timeout=30).status_code == 404


def test_gdal_opens_the_latest(server: Gunicorn, folder: Path) -> None:
    for url in (
        f"WMTS:{server.url}/wmts/1.0.0/WMTSCapabilities.xml,layer=ortho",
        f"WMTS:{server.url}/layers/ortho/wmts.xml",
    ):
        with (
            rasterio.open(f"{url},tilematrixset=native.ortho") as layer,
            rasterio.open(folder / "ortho/2024.tif") as file,
        ):
            assert np.array_equal(layer.read([1, 2, 3])[:, : file.height, : file.width], file.read())


def test_the_capabilities_follow_the_schema(server: Gunicorn) -> None:
    root = valid(requests.get(f"{server.url}/wmts/1.0.0/WMTSCapabilities.xml", timeout=10).content)
    assert texts(root, "//wmts:Dimension/wmts:Current") == ["true", "true"]
    assert texts(root, "//wmts:Dimension/ows:UOM") == ["ISO8601", "ISO8601"]


def test_instants_of_stac_are_named_to_the_second(server: Gunicorn, folder: Path) -> None:
    service = WebMapTileService(f"{server.url}/layers/stac/wmts.xml")
    times = ["2018-05-01T10:20:30Z", "2021-06-01T00:00:00Z", "2024-07-01T10:00:00Z"]
    assert service.contents["stac"].dimensions["Time"]["values"] == times
    for year, time in zip(YEARS, times, strict=True):
        url = f"{server.url}/wmts/1.0.0/stac/default/{time.replace(':', '%3A')}/native.stac/{Z}/{ROW}/{COL}.png"
        assert is_tile(requests.get(url, timeout=10).content, folder, year)


def test_a_member_on_another_grid_is_refused_by_its_time_and_served_by_itself(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    app = client(folder, BY_TEMPLATE, {"LOG_LEVEL": "warning"})
    detail = problem(app.get(f"/layers/ortho/{TILE}?datetime=1999"), 404)
    assert "'ortho:1999', lies on another grid than the latest, 'ortho:2024'" in detail
    problem(app.get(f"/layers/ortho/{TILE}?datetime=1999"), 404)
    assert written(capfd).count("layer 'ortho:1999' lies on another grid than 'ortho:2024'") == 1
    assert app.get("/layers/ortho:1999/tiles/native/0/0/0.png").status_code == 200
    assert "the times are 1999 to 2024" in problem(app.get(f"/layers/ortho/{TILE}?datetime=2022"), 404)
    assert "wanted an instant" in problem(app.get(f"/layers/ortho/{TILE}?datetime=yesterday"), 400)
    tile = {"service": "WMTS", "request": "GetTile", "version": "1.0.0", "layer": "ortho", "style": "default"}
    tile |= {
        "format": "image/png",
        "tilematrixset": "native.ortho",
        "tilematrix": str(Z),
        "tilerow": "1",
        "tilecol": "1",
    }
    for time in ("2022", "1999", "x"):
        assert_exception(app.get(kvp({**tile, "time": time})), "InvalidParameterValue", "Time")
    assert "has no time" in problem(app.get("/wmts/1.0.0/ortho:2024/default/2024/native.ortho:2024/0/0/0.png"), 404)


def test_documents_are_those_of_the_latest_or_of_the_time(folder: Path) -> None:
    app = client(folder, BY_TEMPLATE)
    latest = app.get("/layers/ortho/tilejson.json").get_json()
    assert latest["tiles"][0].startswith("http://localhost/layers/ortho/tiles/WebMercatorQuad/")
    of_year = app.get("/layers/ortho/tilejson.json?datetime=2018").get_json()
    assert of_year["tiles"][0].startswith("http://localhost/layers/ortho:2018@")
    about = app.get("/layers/ortho").get_json()
    assert about["time"] == {"values": ["1999", *YEARS], "default": "2024"}
    parent = app.get("/collections/ortho").get_json()
    assert parent["extent"]["temporal"]["interval"] == [["1999-01-01T00:00:00Z", "2024-12-31T23:59:59Z"]]
    (sets,) = [link["href"] for link in parent["links"] if link["rel"].endswith("tilesets-map")]
    assert [each["title"] for each in app.get(sets).get_json()["tilesets"]] == [
        "ortho, native",
        "ortho, WebMercatorQuad",
    ]
    assert "datetime=</code>, 1999 to 2024" in app.get("/layers/ortho", headers={"Accept": "text/html"}).text
    assert [row["name"] for row in about["layers"]] == [f"ortho:{year}" for year in ("1999", *YEARS)]


def test_a_new_time_becomes_the_latest(folder: Path, tmp_path: Path) -> None:
    for year in ("2018", "2021"):
        (tmp_path / f"{year}.tif").write_bytes((folder / "ortho" / f"{year}.tif").read_bytes())
    app = client(tmp_path, f"[collections.o]\nfolder = '{tmp_path}'\ntime = '{{name}}'\nrefresh_s = 1\n")

    def is_current(year: str) -> bool:
        reply = app.get(f"/layers/o/{TILE}")
        return reply.status_code == 200 and is_tile(reply.data, folder, year)

    for _ in range(3):
        assert is_current("2021")
    sequence = valid(app.get("/layers/o/wmts.xml").data).get("updateSequence")
    (tmp_path / "2024.tif").write_bytes((folder / "ortho" / "2024.tif").read_bytes())
    wait_until(lambda: is_current("2024"))
    root = valid(app.get("/layers/o/wmts.xml").data)
    assert texts(root, "//wmts:Dimension/wmts:Value") == ["2018", "2021", "2024"]
    assert root.get("updateSequence") != sequence
    (tmp_path / "2024.tif").unlink()
    wait_until(lambda: is_current("2021"))


def test_a_collection_in_time_takes_the_right_to_it_at_each_url(folder: Path) -> None:
    tokens = "[tokens.all]\nenv = 'ALL'\nlayers = ['ortho*']\n[tokens.one]\nenv = 'ONE'\nlayers = ['ortho:2018']\n"
    environment = {"ALL": "all-" + "a" * 32, "ONE": "one-" + "o" * 32, "RAWCOG_SIGNING_KEYS": "k" * 32}
    app = client(folder, BY_TEMPLATE + "access = 'signed'\n" + tokens, environment)
    query = {"service": "WMTS", "request": "GetTile", "version": "1.0.0", "layer": "ortho", "style": "default"}
    query |= {"format": "image/png", "tilematrixset": "native.ortho", "tilematrix": str(Z), "time": "2018"}
    urls = (
        f"/layers/ortho/{TILE}?datetime=2018",
        f"/collections/ortho/map/tiles/native/{Z}/{ROW}/{COL}?f=png&datetime=2018",
        f"/wmts/1.0.0/ortho/default/2018/native.ortho/{Z}/{ROW}/{COL}.png?",
        kvp({**query, "tilerow": str(ROW), "tilecol": str(COL)}),
        "/layers/ortho/tilejson.json?",
        "/layers/ortho/wmts.xml?datetime=2018",
    )
    signature = signed_query(b"k" * 32, "ortho", 3600)
    for url in urls:
        for _ in range(2):
            assert app.get(f"{url}&{signature}").status_code == 200, url
            assert app.get(url, headers={"Authorization": f"Bearer {environment['ALL']}"}).status_code == 200, url
            assert app.get(url).status_code == 401, url
            assert app.get(url, headers={"Authorization": f"Bearer {environment['ONE']}"}).status_code == 403, url
    assert b"Time" not in app.get("/wmts/1.0.0/WMTSCapabilities.xml").data
