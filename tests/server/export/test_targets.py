"""Exports hold the bytes that the app serves, each once, and formats' own readers find nothing wrong with them."""

import json
import sqlite3
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
import rasterio
from pmtiles.tile import TileType, tileid_to_zxy

from server.export.journal import RECORD
from server.export.pmtiles import PmtilesTarget
from server.export.selection import tile_ids
from server.export.target import About
from tests.support.app import ROOT, client, layer
from tests.support.exports import FILES, REAL, check_pmtiles, rawcog, served, tiles_of
from tests.support.qgis import HAS_QGIS, draw
from tests.support.qgis import Picture as QgisPicture
from tests.support.system_gdal import gdal_program


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("exports")
    for name, write in FILES.items():
        write(path / f"{name}.tif")
    for real in REAL:
        (path / real.name).symlink_to(real)
    return path


CASES: dict[str, tuple[str, str]] = {
    "jpeg-mask": ("auto", ""),
    "webp-512": ("auto", ""),
    "deflate-alpha": ("png", ".png"),
    "sparse": ("auto", ""),
    "dem": ("terrarium", ".png?encoding=terrarium"),
    **{path.stem: ("auto", "") for path in REAL},
}
"""File -> format, and the end of the URLs of its tiles."""


@pytest.mark.parametrize("name", CASES)
def test_every_tile_of_an_export_is_the_served_one(name: str, folder: Path, tmp_path: Path) -> None:
    tile_format, suffix = CASES[name]
    app = client(tmp_path, layer("a", folder / f"{name}.tif", "attribution = '© A, [B](https://b.example/)'"))
    expected = served(app, "a", suffix)
    assert len(expected) > 2
    config = f"{tmp_path}/layers.toml"
    for target in ("a.pmtiles", "a.mbtiles", "a"):
        done = rawcog("export", "a", tmp_path / target, "--format", tile_format, RAWCOG_CONFIG=config)
        assert done.returncode == 0, done.stderr
        tiles = tiles_of(tmp_path / target)
        assert [place for place in expected if tiles.get(place) != expected[place]] == []
        assert len(tiles) == len(expected)
        assert not [*tmp_path.glob(f"{target}.*part*")]
    archive = check_pmtiles(tmp_path / "a.pmtiles")
    document = json.loads((tmp_path / "a/tilejson.json").read_text())
    about = app.get("/layers/a").get_json()
    assert archive["attribution"] == document["attribution"] == about["attribution_html"]
    assert [archive[f"m{side}_e7"] / 1e7 for side in ("in_lon", "in_lat", "ax_lon", "ax_lat")] == pytest.approx(
        about["bounds_wgs84"], abs=1e-6
    )
    zooms = sorted({z for z, _, _ in expected})
    assert [archive["min_zoom"], archive["max_zoom"]] == [zooms[0], zooms[-1]]
    assert [document["minzoom"], document["maxzoom"]] == [zooms[0], zooms[-1]]
    assert archive["tile_contents_count"] == len(set(expected.values()))
    assert archive["encoding"] == tile_format if tile_format == "terrarium" else "encoding" not in archive
    with sqlite3.connect(tmp_path / "a.mbtiles") as database:
        assert database.execute("SELECT count(*) FROM images").fetchone()[0] == len(set(expected.values()))
    database.close()
    inodes = {path.stat().st_ino for path in (tmp_path / "a").rglob("*/*/*.*")}
    assert len(inodes) == len(set(expected.values()))


@pytest.mark.parametrize(("name", "tile_type"), [("jpeg-mask", "webp"), ("webp-512", "webp"), ("sparse", "png")])
def test_gdal_reads_the_pixels_of_the_file_from_an_mbtiles(
    name: str, tile_type: str, folder: Path, tmp_path: Path
) -> None:
    """Two releases of GDAL, one of them by the command that QGIS users have."""
    target = tmp_path / "a.mbtiles"
    assert rawcog("export", folder / f"{name}.tif", target).returncode == 0
    info = subprocess.run([gdal_program("gdalinfo"), str(target)], check=True, capture_output=True, text=True)
    assert f"format={tile_type}" in info.stdout
    assert "ERROR" not in info.stdout + info.stderr
    with rasterio.open(folder / f"{name}.tif") as source, rasterio.open(target) as dataset:
        assert dataset.crs == source.crs
        window = dataset.window(*source.bounds)
        pixels = dataset.read(window=window.round_offsets().round_lengths(), boundless=True)
        expected, visible = source.read(), source.dataset_mask() > 0
    assert pixels.shape[1:] == expected.shape[1:]
    alpha = pixels[3] > 0
    assert (alpha == visible)[:, :].mean() > (0.999 if name != "sparse" else 0)
    shown = visible & alpha
    assert shown.any()
    # rasterio 1.4, the last for Python 3.11, has libjpeg 9, which enlarges colours in another way than libjpeg-turbo
    decoders_apart = 4 if rasterio.__gdal_version__ >= "3.12" else 128
    for band in range(3):
        difference = np.abs(pixels[band].astype(int) - expected[band % expected.shape[0]])[shown]
        assert difference.max() <= (0 if name != "jpeg-mask" else decoders_apart)
        assert difference.mean() < 2


def test_qgis_draws_an_mbtiles_and_a_folder(tmp_path: Path) -> None:
    """GDAL reads the MBTiles; QGIS itself draws both where it is installed, the MBTiles by two of its providers."""
    source = ROOT / "data/valley.tif"
    for name in ("a.mbtiles", "a"):
        assert rawcog("export", source, tmp_path / name).returncode == 0
    with rasterio.open(source) as dataset, rasterio.open(tmp_path / "a.mbtiles") as database:
        expected = np.where(dataset.dataset_mask() > 0, dataset.read([1, 2, 3]), 255)
        whole = QgisPicture(
            "gdal", "gdal", f"{tmp_path}/a.mbtiles", (*dataset.bounds,), (dataset.width, dataset.height)
        )
        window = database.window(*dataset.bounds).round_offsets().round_lengths()
        pixels = database.read(window=window, boundless=True)
    folder = quote(f"file://{tmp_path}/a/{{z}}/{{x}}/{{y}}.webp", safe="")
    ways = {"mbtiles": f"type=mbtiles&url=file://{tmp_path}/a.mbtiles", "xyz": f"type=xyz&zmin=16&zmax=18&url={folder}"}
    pictures = [whole, *(replace(whole, name=name, provider="wms", uri=uri) for name, uri in ways.items())]
    maps = draw(pictures, tmp_path) if HAS_QGIS else {}
    for name, colours in {"": np.where(pixels[3] > 0, pixels[:3], 255), **maps}.items():
        np.testing.assert_array_equal(colours, expected, name)


def test_the_numbers_of_tiles_are_those_of_the_specification() -> None:
    """Against the package, at all corners of the world and in between."""
    rng = np.random.default_rng(3)
    for z in (0, 1, 2, 5, 13, 22, 29):
        x, y = rng.integers(0, 2**z, (2, 200))
        places = [tileid_to_zxy(number) for number in tile_ids(z, x, y).tolist()]
        assert places == [(z, *place) for place in zip(x.tolist(), y.tolist(), strict=True)]


def test_an_archive_of_many_tiles_has_leaf_directories_and_runs(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    records = np.zeros(60_000, RECORD)
    gaps, sizes = rng.integers(1, 3, len(records)), rng.integers(1, 200, len(records)).astype(np.int64)
    equal = slice(30_001, 40_000)
    gaps[equal], sizes[equal] = 1, 0
    records["id"], records["offset"] = 22_369_621 + np.cumsum(gaps), np.cumsum(sizes) - sizes
    sizes[equal], records["offset"][equal] = sizes[30_000], records["offset"][30_000]
    records["size"] = sizes
    target = PmtilesTarget(tmp_path / "a.pmtiles", "png")
    bounds = [5.0, 45.0, 11.0, 48.0]
    about: dict[str, Any] = {"name": "a", "version": "1", "bounds": bounds, "minzoom": 13, "maxzoom": 13}
    target.finish(About({**about, "center": [8.0, 46.5, 13], "tileSize": 256}, ("image/png",)), records)
    target.close()
    header = check_pmtiles(tmp_path / "a.pmtiles")
    assert header["leaf_directory_length"] > 0
    assert header["addressed_tiles_count"] == len(records)
    assert header["tile_entries_count"] < len(records) - 9_000
    assert header["tile_type"] is TileType.PNG
