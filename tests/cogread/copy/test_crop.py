"""Crops: GDAL reads the pixels of the source from them at all levels, and validators find a COG."""

import os
import re
import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
import rasterio
import rasterio.warp
from rasterio.control import GroundControlPoint
from rasterio.enums import Resampling
from rasterio.io import MemoryFile
from rasterio.rpc import RPC
from rasterio.windows import Window as RasterWindow
from rio_cogeo.cogeo import cog_validate

from cogread.copy.crop import crop
from cogread.copy.stored_tiles import stored_tiles
from cogread.copy.window import CropPlan, Window, plan_crop
from cogread.errors import SourceChanged, TileOutOfRange
from cogread.reader import CogReader, open_cog
from tests.support.commands import ROOT
from tests.support.corpus import CORPUS
from tests.support.memory_source import MemorySource
from tests.support.system_gdal import gdal_program

WIDTH, HEIGHT = 1400, 1100


@lru_cache
def cog(driver: str, bands: int, dtype: str, options: str, masked: bool = False) -> bytes:
    """A file of GDAL's with overviews, nodata or a mask, metadata and a place; `options` are KEY=VALUE with blanks."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    pixels = np.stack([(x * 3 + y * 7 + band * 40 + x * y // 500) % 250 for band in range(bands)]).astype(dtype)
    profile: dict[str, Any] = {"driver": "GTiff", "count": bands, "dtype": dtype, "width": WIDTH, "height": HEIGHT}
    place = rasterio.Affine(0.25, 0, 400_000.125, 0, -0.25, 5_100_000.5)
    env = rasterio.Env(GDAL_TIFF_INTERNAL_MASK="YES", GDAL_NUM_THREADS="1")
    with env, MemoryFile() as memory, TemporaryDirectory() as folder:
        with memory.open(**profile, crs="EPSG:32632", transform=place, nodata=None if masked else 7) as dataset:
            dataset.write(pixels)
            dataset.update_tags(ANSWER="42", AREA_OR_POINT="Point" if bands == 1 else "Area")
            dataset.update_tags(1, STATISTICS_MEAN="3", UNIT="lux")
            dataset.set_band_description(1, "first")
            dataset.scales, dataset.offsets = [0.5] * bands, [1.0] * bands
            if masked:
                dataset.write_mask(np.where((x + y) % 700 < 400, 255, 0).astype(np.uint8))
        path = Path(folder, "a.tif")
        rasterio.shutil.copy(memory.name, path, driver=driver, **dict(word.split("=") for word in options.split()))
        if driver == "GTiff":
            with rasterio.open(path, "r+") as dataset:
                dataset.build_overviews([2, 4], Resampling.nearest)
        return path.read_bytes()


TILED = "TILED=YES BLOCKXSIZE=128 BLOCKYSIZE=64"
FILES: dict[str, tuple[str, int, str, str, bool]] = {
    "jpeg-mask": ("COG", 3, "uint8", "COMPRESS=JPEG BLOCKSIZE=128", True),
    "lzw-point": ("COG", 1, "int16", "COMPRESS=LZW PREDICTOR=YES BLOCKSIZE=128", False),
    "zstd-big": ("COG", 3, "float32", "COMPRESS=ZSTD BIGTIFF=YES BLOCKSIZE=128", False),
    "planes": ("GTiff", 3, "uint8", f"INTERLEAVE=BAND COMPRESS=DEFLATE {TILED}", False),
    "big-endian": ("GTiff", 3, "uint16", f"ENDIANNESS=BIG {TILED}", False),
}
REAL = [ROOT / "data/land-cover.tif", ROOT / "data/earth.tif", *sorted(CORPUS.glob("real/maplibre-martin/*.tif"))]
WINDOWS = {
    "inside": Window(300, 270, 260, 200),
    "edge": Window(1000, 900, 900, 900),
    "whole": Window(0, 0, WIDTH, HEIGHT),
}


def cropped(data: bytes, window: Window, target: Path) -> tuple[CropPlan, CogReader]:
    source = MemorySource(data)
    reader = CogReader(source)
    plan = plan_crop(reader.cog, window)
    crop(source, reader.cog, plan, target)
    return plan, reader


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("name", FILES)
def test_gdal_reads_the_pixels_of_the_source_at_all_levels(name: str, window: str, tmp_path: Path) -> None:
    data, target = cog(*FILES[name]), tmp_path / "crop.tif"
    plan, reader = cropped(data, WINDOWS[window], target)
    col, row, width, height = plan.window
    wanted = WINDOWS[window]
    assert col <= wanted.col
    assert row <= wanted.row
    assert col + width >= min(WIDTH, wanted.col + wanted.width)
    assert row + height >= min(HEIGHT, wanted.row + wanted.height)
    assert (width, height) == (WIDTH, HEIGHT) if window == "whole" else width * height < WIDTH * HEIGHT
    place = RasterWindow(col, row, width, height)
    with MemoryFile(data) as memory, memory.open() as source, rasterio.open(target) as result:
        assert result.transform.almost_equals(source.window_transform(place), 1e-9)
        for fact in ("crs", "nodata", "dtypes", "descriptions", "colorinterp", "scales", "offsets", "mask_flag_enums"):
            assert getattr(result, fact) == getattr(source, fact), fact
        assert result.tags() == source.tags()
        assert result.tags(ns="IMAGE_STRUCTURE") | {"LAYOUT": ""} == source.tags(ns="IMAGE_STRUCTURE") | {"LAYOUT": ""}
        assert (result.tags(1).get("UNIT"), result.tags(1).get("STATISTICS_MEAN")) == ("lux", None)
        assert result.overviews(1) == list(plan.factors[1:])
        assert len(plan.factors) > 1
        assert window != "whole" or result.overviews(1) == source.overviews(1)
    for level, factor in enumerate(plan.factors):
        options = {"overview_level": level - 1} if level else {}
        with MemoryFile(data) as memory, memory.open(**options) as source, rasterio.open(target, **options) as result:
            part = RasterWindow(col // factor, row // factor, result.width, result.height)
            assert (source.read(window=part) == result.read()).all()
            assert (source.dataset_mask(window=part) == result.dataset_mask()).all()
            assert (part.col_off + part.width, part.row_off + part.height) <= (source.width, source.height)
    with open_cog(str(target)) as copy:
        stored = {tile.data for tile in stored_tiles(reader.source, reader.cog)}
        assert {tile.data for tile in stored_tiles(copy.source, copy.cog)} <= stored


@pytest.mark.parametrize("name", FILES)
def test_validators_find_a_cog(name: str, tmp_path: Path) -> None:
    """GDAL's own, which its distribution has with its commands, reads leaders and trailers of all tiles."""
    target = tmp_path / "crop.tif"
    cropped(cog(*FILES[name]), WINDOWS["inside"], target)
    assert cog_validate(target, strict=True, quiet=True) == (True, [], [])
    info = subprocess.run(
        [gdal_program("gdalinfo"), "-checksum", str(target)], check=True, capture_output=True, text=True
    )
    assert info.stderr == ""
    assert ("LAYOUT=COG" in info.stdout) == (name != "planes")
    validator = "osgeo_utils.samples.validate_cloud_optimized_geotiff"
    python = Path(gdal_program("gdalinfo")).with_name("python3")
    checked = subprocess.run(
        [python, "-m", validator, "--full-check=yes", target], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert f"{target} is a valid cloud optimized GeoTIFF" in checked.stdout
    assert "warning" not in checked.stdout.lower() + checked.stderr.lower()


@pytest.mark.parametrize(
    "path",
    [ROOT / "data/land-cover.tif", ROOT / "data/earth.tif", *sorted(CORPUS.glob("real/maplibre-martin/*.tif"))],
    ids=lambda path: path.stem,
)
def test_the_ghost_area_and_the_fields_are_those_of_the_source(path: Path, tmp_path: Path) -> None:
    """A crop of the whole image has the very ghost area that GDAL wrote."""
    target = tmp_path / "crop.tif"
    with open_cog(str(path)) as reader:
        plan = plan_crop(reader.cog, Window(0, 0, reader.cog.full.width, reader.cog.full.height))
        crop(reader.source, reader.cog, plan, target)
    ghost = re.compile(rb"GDAL_STRUCTURAL_METADATA_SIZE=[0-9]{6} bytes\n[^\0]*")
    before, after = (ghost.search(each.read_bytes()[:600]) for each in (path, target))
    assert after is not None
    assert before is None or before[0] == after[0]
    with rasterio.open(path) as source, rasterio.open(target) as result:
        assert result.profile == source.profile
        assert result.overviews(1) == source.overviews(1)
        assert (result.read() == source.read()).all()
        if source.count == 1 and source.colorinterp[0].name == "palette":
            assert result.colormap(1) == source.colormap(1)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_ground_control_points_and_rational_polynomials_are_moved(tmp_path: Path) -> None:
    points = [(0, 0, 7, 47), (0, 1400, 8, 47.1), (1100, 0, 7.1, 46), (1100, 1400, 8, 46), (500.5, 700.25, 7.5, 46.5)]
    polynomials = RPC(
        *(100.0, 0.5, 46.5, 0.5, [1.0] * 20, [1.0] + [0.0] * 19, 550.0, 550.0),
        *(7.5, 0.5, [1.0] * 20, [2.0] + [0.0] * 19, 700.0, 700.0),
    )
    profile = {"driver": "GTiff", "count": 1, "dtype": "uint8", "width": 1400, "height": 1100, "tiled": True}
    for name in ("gcps", "rpcs"):
        with rasterio.open(tmp_path / f"{name}.tif", "w", **profile, blockxsize=128, blockysize=64) as dataset:
            if name == "gcps":
                dataset.gcps = [GroundControlPoint(*point) for point in points], rasterio.CRS.from_epsg(4326)
            else:
                dataset.rpcs = polynomials
        cropped((tmp_path / f"{name}.tif").read_bytes(), Window(600, 270, 9, 9), tmp_path / f"{name}-crop.tif")
    with rasterio.open(tmp_path / "gcps-crop.tif") as result:
        assert [(p.row + 256, p.col + 512, p.x, p.y) for p in result.gcps[0]] == points
        assert result.gcps[1] == rasterio.CRS.from_epsg(4326)
    with rasterio.open(tmp_path / "rpcs-crop.tif") as result:
        moved = result.rpcs.to_dict()
        assert moved | {"line_off": 550.0, "samp_off": 700.0} == polynomials.to_dict() | {
            name: moved[name] for name in ("err_bias", "err_rand")
        }
        assert (moved["line_off"], moved["samp_off"]) == (550.0 - 256, 700.0 - 512)


def test_a_crop_is_refused_where_nothing_is_and_when_the_source_changes(tmp_path: Path) -> None:
    data, target = cog(*FILES["lzw-point"]), tmp_path / "crop.tif"
    with pytest.raises(TileOutOfRange, match="window 1400,0,10,10: nothing of it is within the image of 1400 x 1100"):
        cropped(data, Window(1400, 0, 10, 10), target)
    source = MemorySource(data)
    reader = CogReader(source)
    source.data = data + b"\0"
    with pytest.raises(SourceChanged):
        crop(source, reader.cog, plan_crop(reader.cog, WINDOWS["inside"]), target)
    assert list(tmp_path.iterdir()) == []


def test_the_command_takes_a_bounding_box_in_degrees(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(cog(*FILES["jpeg-mask"]))
    with rasterio.open(tmp_path / "a.tif") as source:
        place = rasterio.windows.bounds(RasterWindow(*WINDOWS["inside"]), source.transform)
        box = ",".join(map(str, rasterio.warp.transform_bounds(source.crs, "EPSG:4326", *place)))
    command = [sys.executable, "-m", "cogread", "crop", str(tmp_path / "a.tif"), str(tmp_path / "b.tif"), "--bbox", box]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    with rasterio.open(tmp_path / "a.tif") as source, rasterio.open(tmp_path / "b.tif") as result:
        left, bottom, right, top = result.bounds
        assert left <= place[0] < place[2] <= right
        assert bottom <= place[1] < place[3] <= top
        assert result.width * result.height < source.width * source.height / 2
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, f"Error: {tmp_path}/b.tif exists: --overwrite replaces it\n")
    (tmp_path / "b.tif").unlink()
    os.mkfifo(tmp_path / "b.tif")  # as /dev/null is, no place for a file
    done = subprocess.run([*command, "--overwrite"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, "neither a file nor a folder" in done.stderr) == (1, True)
    assert (tmp_path / "b.tif").is_fifo()
