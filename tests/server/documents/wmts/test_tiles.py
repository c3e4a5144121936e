"""Tiles by way of WMTS are those of the other URLs, under the same rules."""

import os
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from flask.testing import FlaskClient
from rasterio.io import MemoryFile

from tests.support.app import client, layer, problem
from tests.support.tiffs import gdal_tiff
from tests.support.webmercator import web_mercator_tiff
from tests.support.wmts import capabilities, kvp, tiles


@pytest.fixture
def app(tmp_path: Path) -> FlaskClient:
    (tmp_path / "a.tif").write_bytes(gdal_tiff("jpeg-ycbcr"))
    (tmp_path / "b.tif").write_bytes(web_mercator_tiff(compress="JPEG", width=600, height=500))
    (tmp_path / "masked.tif").write_bytes(gdal_tiff("deflate-mask"))
    (tmp_path / "sparse.tif").write_bytes(gdal_tiff("sparse"))
    config = layer("a", "a.tif") + layer("b", "b.tif") + layer("masked", "masked.tif") + layer("sparse", "sparse.tif")
    return client(tmp_path, config + layer("missing", "sparse.tif", "empty = '404'"))


def test_all_tiles_are_those_of_the_usual_urls(app: FlaskClient) -> None:
    listed = list(tiles(capabilities(app), all_of_them=True))
    assert {tile.tile_matrix_set for tile in listed} >= {"native.a", "native.b", "WebMercatorQuad"}
    for tile in listed:
        grid, extension = tile.tile_matrix_set.partition(".")[0], tile.path.rpartition(".")[2]
        if extension == "tif":
            continue  # whole here, and there as far as the image goes
        usual = app.get(f"/layers/{tile.layer}/tiles/{grid}/{tile.tile_matrix}/{tile.col}/{tile.row}.{extension}")
        for url in (tile.path, kvp(tile.pairs), kvp(tile.pairs)):
            reply = app.get(url)
            assert (reply.status_code, reply.data) == (usual.status_code, usual.data)
            assert reply.headers["ETag"] == usual.headers["ETag"]
            assert reply.content_type == usual.content_type
            assert reply.headers["Access-Control-Allow-Origin"] == "*"


def test_geotiffs_are_whole_and_hold_what_those_of_the_usual_urls_do(app: FlaskClient) -> None:
    """With the mask, as far as there is an image."""
    listed = [tile for tile in tiles(capabilities(app)) if tile.layer == "masked" and tile.path.endswith(".tif")]
    cropped = 0
    for tile in listed:
        usual = app.get(f"/layers/masked/tiles/native/{tile.tile_matrix}/{tile.col}/{tile.row}.tif")
        with ExitStack() as stack:
            files = [stack.enter_context(MemoryFile(data)) for data in (app.get(tile.path).data, usual.data)]
            whole, wanted = (stack.enter_context(memory.open()) for memory in files)
            assert (whole.width, whole.height) == (tile.width, tile.height)
            assert (whole.transform, whole.crs) == (wanted.transform, wanted.crs)
            window = ((0, wanted.height), (0, wanted.width))
            np.testing.assert_array_equal(whole.read(window=window), wanted.read())
            np.testing.assert_array_equal(whole.dataset_mask(window=window), wanted.dataset_mask())
            cropped += wanted.width < tile.width
    assert cropped


def test_resources_are_immutable_and_queries_are_not(app: FlaskClient) -> None:
    tile = next(tiles(capabilities(app)))
    for _ in range(2):
        assert app.get(tile.path).headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert app.get(kvp(tile.pairs)).headers["Cache-Control"] == "public, max-age=3600"


def test_tiles_are_revalidated_and_had_by_head(app: FlaskClient) -> None:
    tile = next(tiles(capabilities(app)))
    for url in (tile.path, kvp(tile.pairs)):
        for _ in range(2):
            head, full = app.head(url), app.get(url)
            assert (head.status_code, head.data, head.content_length) == (200, b"", len(full.data))
            again = app.get(url, headers={"If-None-Match": full.headers["ETag"]})
            assert (again.status_code, again.data) == (304, b"")


def test_keys_are_taken_in_any_case_and_unknown_ones_passed_over(app: FlaskClient) -> None:
    tile = next(tiles(capabilities(app)))
    wanted = app.get(tile.path).data
    for change in (str.upper, str.lower, str.title):
        pairs = {change(key): value for key, value in tile.pairs.items()}
        assert app.get(kvp({"Time": "now", **pairs, "nonsense": "1"})).data == wanted


@pytest.mark.parametrize(
    "spelling", ["image/tiff; application=geotiff", "image/tiff;application=geotiff", "IMAGE/TIFF;+application=geotiff"]
)
def test_a_format_may_have_a_blank(spelling: str, app: FlaskClient) -> None:
    tile = next(tile for tile in tiles(capabilities(app)) if tile.media_type.startswith("image/tiff"))
    reply = app.get(kvp({**tile.pairs, "format": spelling}).replace("%2B", "+"))
    assert (reply.status_code, reply.content_type) == (200, "image/tiff;application=geotiff")


def test_a_resource_of_a_version_that_is_gone_leads_to_the_current_one(app: FlaskClient, tmp_path: Path) -> None:
    tile = next(tiles(capabilities(app)))
    assert app.get(tile.path).status_code == 200
    os.utime(tmp_path / "a.tif", (1, 1))
    reply = app.get(tile.path)
    assert (reply.status_code, reply.headers["Cache-Control"]) == (302, "no-store")
    assert reply.headers["Location"] == "/wmts/1.0.0/a/default/native.a/0/0/0.jpegpng"
    assert app.get(reply.headers["Location"]).status_code == 200


@pytest.mark.parametrize(("name", "status"), [("sparse", 204), ("missing", 404)])
def test_a_sparse_tile_is_what_the_config_says(name: str, status: int, app: FlaskClient) -> None:
    of = next(tile for tile in tiles(capabilities(app)) if tile.layer == name)
    for url in (of.at(2, 3).path, kvp(of.at(2, 3).pairs)):
        for _ in range(2):
            reply = app.get(url)
            assert (reply.status_code, reply.data) == (status, b"")


def test_what_is_wrong_with_a_path_is_said(app: FlaskClient) -> None:
    assert "native.a, or WebMercatorQuad" in problem(app.get("/wmts/1.0.0/a/default/native.b/0/0/0.jpg"), 404)
    assert "/{layer}/default/{grid}/" in problem(app.get("/wmts/1.0.0/a/other/native.a/0/0/0.jpg"), 404)
    assert "jpg, webp, png, jxl, tif" in problem(app.get("/wmts/1.0.0/a/default/native.a/0/0/0.bin"), 404)
    assert "wanted /wmts/1.0.0/{layer}/default/" in problem(app.get("/wmts/1.0.0/a/default"), 404)


def test_other_methods_are_not_allowed(app: FlaskClient) -> None:
    assert app.post("/wmts?service=WMTS&request=GetCapabilities").status_code == 405
    assert app.options("/wmts").headers["Access-Control-Allow-Methods"] == "GET, HEAD, OPTIONS"


def test_a_file_that_is_gone_is_an_exception_with_its_own_status(app: FlaskClient, tmp_path: Path) -> None:
    tile = next(tiles(capabilities(app)))
    (tmp_path / "a.tif").unlink()
    reply = app.get(kvp(tile.pairs))
    assert (reply.status_code, reply.content_type) == (404, "application/xml")
    assert "NoApplicableCode" in reply.text
    assert str(tmp_path) not in reply.text
