"""Tiles of terrain as they are served: beside the `png` of the same path, in caches, for tiles that are not stored."""

import os
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
import rasterio
from flask.testing import FlaskClient
from numpy.typing import NDArray
from rasterio.io import MemoryFile
from rasterio.transform import Affine
from rasterio.windows import Window

from tests.support.app import client, layer, problem
from tests.support.cogs import cog_of
from tests.support.decode import decoded
from tests.support.origin import Origin
from tests.support.rasters import noise, raster
from tests.support.terrain import FORMULAS, heights_of
from tests.support.tiffs import gdal_tiff
from tests.support.tiles import tile_at

TILE: Final = "/layers/dem/tiles/native/0/0/0.png"
SPARSE: Final = "/layers/dem/tiles/native/0/2/2.png"
"""A tile at the lower right corner, of which 14 by 6 pixels lie within the image."""
PROFILE: Final[dict[str, Any]] = {
    "driver": "GTiff", "count": 1, "height": 70, "width": 110, "dtype": "float32",
    "transform": Affine(9, 0, 4, 0, -9, 5), "tiled": "YES", "blockxsize": 48, "blockysize": 32,
}  # fmt: skip
DEFLATE: Final = {"compress": "DEFLATE", "predictor": "2"}


def dem(nodata: float | None = None, dtype: str = "uint16", *, is_sparse: bool = False) -> bytes:
    pixels = noise(1, dtype)
    if is_sparse:
        pixels[:, 32:], pixels[:, :, 48:] = nodata or 0, nodata or 0
    return raster(pixels, options={**DEFLATE, "sparse_ok": "TRUE"}, nodata=nodata)


def app_of(folder: Path, data: bytes, more: str = "") -> FlaskClient:
    (folder / "dem.tif").write_bytes(data)
    return client(folder, layer("dem", "dem.tif", more))


def heights(app: FlaskClient, path: str, encoding: str) -> NDArray[np.float64]:
    reply = app.get(f"{path}?encoding={encoding}")
    assert (reply.status_code, reply.content_type) == (200, "image/png")
    return heights_of(encoding, decoded(reply.data))


@pytest.mark.parametrize("encoding", FORMULAS)
def test_terrain_and_grey_of_one_path_are_kept_apart_in_all_caches(encoding: str, tmp_path: Path) -> None:
    app = app_of(tmp_path, dem())
    other = next(name for name in FORMULAS if name != encoding)
    for _ in range(4):
        grey = app.get(TILE)
        np.testing.assert_array_equal(decoded(grey.data)[0], noise(1, "uint16")[0, :32, :48])
        actual = heights(app, TILE, encoding)
        np.testing.assert_allclose(actual, noise(1, "uint16")[0, :32, :48], rtol=0, atol=1e-6)
        apart = {app.get(f"{TILE}{query}").headers["ETag"] for query in ("", f"?encoding={encoding}")}
        apart.add(app.get(f"{TILE}?x=1&encoding={other}").headers["ETag"])
        assert len(apart) == 3


def test_terrain_is_read_once_and_known_terrain_not_at_all(tmp_path: Path) -> None:
    with Origin() as origin:
        origin.put("/dem.tif", dem())
        app = client(tmp_path, layer("dem", f"{origin.url}/dem.tif"))
        url = f"{TILE}?encoding=mapbox"
        assert app.get("/layers/dem").status_code == 200
        before = len(origin.requests)
        etag = app.head(url).headers["ETag"]
        seen = {(reply.data, reply.headers["ETag"]) for reply in (app.get(url) for _ in range(4))}
        assert [tag for _, tag in seen] == [etag]
        assert len(origin.requests) == before + 1
        assert app.get(url, headers={"If-None-Match": etag}).status_code == 304
        fresh = client(tmp_path, layer("dem", f"{origin.url}/dem.tif", "cache_tiles = false"))
        assert fresh.get("/layers/dem").status_code == 200
        before = len(origin.requests)
        assert fresh.get(url, headers={"If-None-Match": etag}).status_code == 304
        assert len(origin.requests) == before


def test_the_height_of_nodata_is_the_layers_and_in_the_etag(tmp_path: Path) -> None:
    data = raster(np.full((1, 70, 110), -9999, "f4"), options=DEFLATE, nodata=-9999)
    etags = set()
    for setting, wanted in (("", 0.0), ("terrain_nodata = -20.5", -20.5), ("terrain_nodata = 3", 3.0)):
        app = app_of(tmp_path, data, setting)
        assert (heights(app, TILE, "terrarium") == wanted).all()
        assert app.get("/layers/dem").get_json()["terrain"]["nodata"] == wanted
        etags.add(app.get(f"{TILE}?encoding=terrarium").headers["ETag"])
    assert len(etags) == 3


def test_defaults_set_the_height_of_nodata_of_all_layers(tmp_path: Path) -> None:
    (tmp_path / "dem.tif").write_bytes(dem())
    app = client(tmp_path, "[defaults]\nterrain_nodata = -7\n" + layer("dem", "dem.tif"))
    assert heights(app, SPARSE, "terrarium")[-1, -1] == -7


@pytest.mark.parametrize(("nodata", "wanted"), [(None, 0.0), (5, -2.0)])
def test_a_tile_that_is_not_stored_is_whole_with_the_numbers_of_gdal(
    nodata: int | None, wanted: float, tmp_path: Path
) -> None:
    data = dem(nodata, is_sparse=True)
    assert tile_at(data, cog_of(data).levels[0], 2, 2).planes == (None,)
    with MemoryFile(data) as memory, memory.open() as dataset:
        window = Window(96, 64, 14, 6)
        assert (dataset.read(1, window=window, masked=True).filled(99) == (99 if nodata else 0)).all()
    for empty in ("204", "transparent"):
        app = app_of(tmp_path, data, f"empty = '{empty}'\nterrain_nodata = -2")
        for _ in range(3):
            actual = heights(app, SPARSE, "terrarium")
            assert actual.shape == (32, 48)
            assert (actual[:6, :14] == wanted).all()
            assert (actual[6:] == -2).all()
            assert (actual[:, 14:] == -2).all()
        etag = app.get(f"{SPARSE}?encoding=terrarium").headers["ETag"]
        assert app.get(f"{SPARSE}?encoding=terrarium", headers={"If-None-Match": etag}).status_code == 304
    app = app_of(tmp_path, data, "empty = '404'")
    assert app.get(f"{SPARSE}?encoding=terrarium").status_code == 404
    assert app.get(f"{TILE}?encoding=terrarium").status_code == 200


@pytest.mark.parametrize(
    ("crs", "unit", "metres"), [("EPSG:26915+6360", "", 1200 / 3937), ("EPSG:32630", "ft", 0.3048)]
)
def test_heights_in_feet_are_in_metres(crs: str, unit: str, metres: float, tmp_path: Path) -> None:
    """Feet of the CRS of heights, or of the band."""
    feet = noise(1, "float32") * 31
    with rasterio.open(tmp_path / "dem.tif", "w", **PROFILE, crs=crs, **DEFLATE) as target:
        target.write(feet)
        target.units = (unit,)
    with rasterio.open(tmp_path / "dem.tif") as dataset:
        assert dataset.units[0] == (unit or "US survey foot")
    app = client(tmp_path, layer("dem", "dem.tif"))
    actual = heights(app, TILE, "terrarium")
    np.testing.assert_allclose(actual, feet[0, :32, :48].astype("f8") * metres, rtol=0, atol=1 / 512 + 1e-9)


def test_other_encodings_and_layers_are_told_what_there_is(tmp_path: Path) -> None:
    (tmp_path / "picture.tif").write_bytes(gdal_tiff("jpeg-mask"))
    (tmp_path / "dem.tif").write_bytes(dem())
    app = client(tmp_path, layer("dem", "dem.tif") + layer("picture", "picture.tif"))
    for path in (TILE, "/layers/dem/tilejson.json"):
        for _ in range(3):
            assert app.get(TILE).status_code == 200
            detail = problem(app.get(f"{path}?encoding=Terrarium"), 400)
            assert "wanted one of: terrarium, mapbox" in detail
    detail = problem(app.get("/layers/picture/tiles/native/0/0/0.png?encoding=mapbox"), 404)
    assert "3 bands, wanted one of heights" in detail
    assert "offered as: jpg, png, tif" in detail
    detail = problem(app.get("/layers/picture/mask/native/0/0/0.png?encoding=mapbox"), 404)
    assert "a mask has no heights" in detail
    assert app.get("/layers/picture/tiles/native/0/0/0.jpg?encoding=mapbox").content_type == "image/jpeg"


def test_the_json_of_a_layer_links_its_terrain(tmp_path: Path) -> None:
    app = app_of(tmp_path, dem(dtype="float32"))
    about = app.get("/layers/dem").get_json()
    assert about["terrain"] == {"encodings": ["terrarium", "mapbox"], "nodata": 0.0, "reason": None}
    links = [link for link in about["links"] if link["rel"] == "terrain"]
    assert len(links) == 2
    for link in links:
        assert link["type"] == "image/png"
        reply = app.get(link["href"].format(z=0, x=1, y=0))
        assert (reply.status_code, reply.content_type) == (200, "image/png")
        assert "immutable" in reply.headers["Cache-Control"]
    picture = app_of(tmp_path, gdal_tiff("jpeg-rgb")).get("/layers/dem").get_json()
    assert picture["terrain"]["encodings"] == []
    assert "3 bands" in picture["terrain"]["reason"]
    assert not [link for link in picture["links"] if link["rel"] == "terrain"]


def test_an_old_version_leads_to_the_terrain_of_the_current_one(tmp_path: Path) -> None:
    app = app_of(tmp_path, dem(dtype="float32"))
    links = app.get("/layers/dem").get_json()["links"]
    old = next(link["href"] for link in links if link["rel"] == "terrain").format(z=0, x=0, y=0)
    assert [app.get(old).status_code for _ in range(3)] == [200] * 3
    (tmp_path / "new").write_bytes(dem(dtype="int16"))
    os.replace(tmp_path / "new", tmp_path / "dem.tif")
    reply = app.get(old)
    assert reply.status_code == 302
    assert reply.headers["Location"].endswith(f"{TILE}?encoding=terrarium")
