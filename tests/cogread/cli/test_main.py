"""`info` and `tile`, and what the dumpers have in common: the right tile, in the right place, or one line."""

import json
import os
import re
import stat
from pathlib import Path

import numpy as np
import pytest
import rasterio
import tifffile
from click.testing import CliRunner, Result
from pyproj import CRS
from rasterio.transform import Affine

from cogread.cli.main import main
from tests.support.commands import DATA, ROOT
from tests.support.geotiffs import in_crs
from tests.support.pictures import block, decode, grid, levels, open_quietly, stored_tiles
from tests.support.tiffs import gdal_tiff

JPEG_SPARSE = DATA / "usda_naip_512_jpeg_z5.tif"
WEBP_SPARSE = DATA / "usda_naip_512_webp_z5.tif"
SEPARATE = DATA / "rgbsmall_LERC_tiled_separate.tif"
RGB = DATA / "cog_rgb.tif"
NETHERLANDS = ROOT / "data" / "netherlands.tif"


def run(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def dumped(folder: Path, *words: object) -> tuple[str, bytes]:
    """Name and content of the one file that `tile` leaves."""
    folder.mkdir(exist_ok=True)
    result = run("tile", *words, "-o", folder)
    assert result.exit_code == 0, result.stderr
    (path,) = folder.iterdir()
    data = path.read_bytes()
    path.unlink()
    return path.name, data


def assert_one_line(result: Result, *words: str) -> None:
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    for word in words:
        assert word in result.stderr


@pytest.mark.parametrize(
    "path",
    [RGB, JPEG_SPARSE, WEBP_SPARSE, DATA / "be_cog.tif", NETHERLANDS, ROOT / "data" / "valley.tif"],
    ids=lambda path: path.name,
)
def test_every_stored_tile_has_gdals_pixels(path: Path, tmp_path: Path) -> None:
    count = 0
    for level in range(levels(path)):
        for col, row in stored_tiles(path, level):
            name, data = dumped(tmp_path / "out", path, level, col, row)
            assert re.fullmatch(rf"tile_{level}_{col}_{row}\.(jpg|webp)", name)
            wanted = block(path, level, col, row)
            picture = decode(data)[:, : wanted.shape[1], : wanted.shape[2]]
            np.testing.assert_array_equal(picture, wanted[: len(picture)])
            assert (wanted[len(picture) :] == 255).all()  # WebP leaves out an alpha that is opaque
            count += 1
    assert count > 4


def test_mask_is_appended_on_demand(tmp_path: Path) -> None:
    path = tmp_path / "in.tif"
    path.write_bytes(gdal_tiff("jpeg-mask"))
    _, plain = dumped(tmp_path / "out", path, 0, 0, 2)
    _, both = dumped(tmp_path / "out", path, 0, 0, 2, "--mask")
    with tifffile.TiffFile(path) as file:
        mask = next(page for page in file.pages if page.subfiletype == 4)
        number = 2 * grid(path, 0)[0]
        start, size = mask.dataoffsets[number], mask.databytecounts[number]
    assert both == plain + path.read_bytes()[start : start + size]


@pytest.mark.parametrize(("path", "why"), [(RGB, "none is stored"), (SEPARATE, "only JPEG")], ids=["none", "no-jpeg"])
def test_mask_that_is_not_appended_is_told(path: Path, why: str, tmp_path: Path) -> None:
    result = run("tile", path, 0, 0, 0, "--mask", "-o", tmp_path)
    assert result.exit_code == 0
    assert f"no mask appended: {why}" in result.stderr


@pytest.mark.parametrize(
    ("kind", "extension", "words"),
    [
        ("deflate", "deflate", "DEFLATE of uint16, (height, width, bands) = (128, 128, 1), little-endian, predictor 2"),
        ("lzw", "lzw", "LZW of int16, (height, width, bands) = (128, 128, 2), little-endian, predictor 1"),
        ("zstd-float", "zst", "ZSTD of float32, (height, width, bands) = (128, 128, 1), little-endian, predictor 3"),
        ("lerc", "lerc", "LERC of float32"),
        ("oblong-tiles", "packbits", "PACKBITS of uint8, (height, width, bands) = (80, 48, 1)"),
        ("pixel-is-point", "bin", "NONE of uint8"),
        ("big-endian", "deflate", "DEFLATE of uint16, (height, width, bands) = (128, 128, 3), big-endian"),
    ],
)
def test_other_codecs_are_handed_out_as_stored_and_described(
    kind: str, extension: str, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "in.tif"
    path.write_bytes(gdal_tiff(kind))
    result = run("tile", path, 0, 1, 2, "-o", f"{tmp_path}/out/")
    assert words in result.stderr
    assert result.stderr.count("\n") == 1
    data = (tmp_path / "out" / f"tile_0_1_2.{extension}").read_bytes()
    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        number = 2 * grid(path, 0)[0] + 1
        start, size = page.dataoffsets[number], page.databytecounts[number]
    assert data == path.read_bytes()[start : start + size]


def test_band_chooses_the_tile_where_bands_are_stored_apart(tmp_path: Path) -> None:
    columns, rows = grid(SEPARATE, 0)
    with tifffile.TiffFile(SEPARATE) as file:
        page = file.pages[0]
        offsets, counts = page.dataoffsets, page.databytecounts
    for band in (1, 2, 3):
        _, data = dumped(tmp_path / "out", SEPARATE, 0, 3, 1, "--band", band)
        number = ((band - 1) * rows + 1) * columns + 3
        assert data == SEPARATE.read_bytes()[offsets[number] : offsets[number] + counts[number]]
    assert_one_line(run("tile", SEPARATE, 0, 3, 1, "--band", 4), "band 4", "1 to 3")
    assert_one_line(run("tile", SEPARATE, 0, 3, 1, "--band", 0), "band 0", "1 to 3")
    assert_one_line(run("tile", RGB, 0, 0, 0, "--band", 2), "all bands")


@pytest.mark.parametrize("layout", [{"INTERLEAVE": "PIXEL"}, {"INTERLEAVE": "BAND"}], ids=["four-bands", "separate"])
def test_jpeg_that_is_not_for_the_web_is_a_whole_jpeg_still(layout: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "in.tif"
    _write_jpeg(path, layout)
    result = run("tile", path, 0, 1, 0, "-o", tmp_path / "out.jpg")
    assert "not for web clients" in result.stderr
    with rasterio.Env(GDAL_JPEG_TO_RGB="NO"):  # four bands are CMYK for GDAL's JPEG driver otherwise
        picture = decode((tmp_path / "out.jpg").read_bytes())
    wanted = block(path, 0, 1, 0)
    np.testing.assert_array_equal(picture[:, : wanted.shape[1], : wanted.shape[2]], wanted[: len(picture)])
    assert len(picture) == (4 if layout["INTERLEAVE"] == "PIXEL" else 1)


def _write_jpeg(path: Path, layout: dict[str, str]) -> None:
    y, x = np.mgrid[:100, :140]
    options = {"tiled": True, "blockxsize": 64, "blockysize": 64, "compress": "JPEG", "photometric": "MINISBLACK"}
    profile = {"driver": "GTiff", "width": 140, "height": 100, "count": 4, "dtype": "uint8", "crs": "EPSG:3857"}
    transform = rasterio.transform.from_origin(1000, 2000, 10, 10)
    with rasterio.open(path, "w", transform=transform, **profile, **options, **layout) as target:
        target.write(np.stack([x, y, x // 2, y // 2]).astype("uint8"))


def test_sparse_tile_is_an_error_and_no_file(tmp_path: Path) -> None:
    assert (0, 0) not in set(stored_tiles(JPEG_SPARSE, 0))
    assert_one_line(
        run("tile", JPEG_SPARSE, 0, 0, 0, "-o", tmp_path / "x.jpg"), str(JPEG_SPARSE), "sparse (not stored)"
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("place", [(0, 16, 0), (0, 0, 32), (0, -1, 0), (0, 0, -1), (0, 10**30, 0)])
def test_outside_of_the_grid_names_its_size(place: tuple[int, int, int]) -> None:
    assert_one_line(run("tile", JPEG_SPARSE, *place), "16 x 32 tiles")


@pytest.mark.parametrize("level", [-1, 5])
def test_level_that_is_not_there_names_those_that_are(level: int) -> None:
    assert_one_line(run("tile", JPEG_SPARSE, level, 0, 0), f"level {level}", "0 to 4")


@pytest.mark.parametrize("words", [("0", "0", "x"), ("0", "1.5", "0"), ("0", "0"), ("0", "0", "0", "--bogus")])
def test_usage_errors_are_2(words: tuple[str, ...]) -> None:
    result = run("tile", RGB, *words)
    assert result.exit_code == 2
    assert "Usage: " in result.stderr


def test_output_is_a_file_a_folder_or_a_folder_to_be_made(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    for output in ("one.jpg", "old", "old/../new/"):
        assert run("tile", RGB, 1, 1, 0, "--output", f"{tmp_path}/{output}").exit_code == 0
    actual = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert actual == {"one.jpg", "old/tile_1_1_0.jpg", "new/tile_1_1_0.jpg"}


@pytest.mark.parametrize("output", ["none/one.jpg", "none/none/"])
def test_missing_parent_folder_is_named(output: str, tmp_path: Path) -> None:
    assert_one_line(run("tile", RGB, 0, 0, 0, "-o", f"{tmp_path}/{output}"), f"{tmp_path}/{output}")
    assert not list(tmp_path.iterdir())


def test_link_stays_a_link_and_a_device_a_device(tmp_path: Path) -> None:
    target, link = tmp_path / "target.jpg", tmp_path / "link.jpg"
    link.symlink_to(target)
    assert run("tile", RGB, 0, 0, 0, "-o", link).exit_code == 0
    assert link.is_symlink()
    assert target.read_bytes()[:2] == b"\xff\xd8"
    assert run("tile", RGB, 0, 0, 0, "-o", "/dev/null").exit_code == 0
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_failed_write_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device", str(self))

    (tmp_path / "out.jpg").write_bytes(b"old")
    monkeypatch.setattr(Path, "replace", refuse)
    assert_one_line(run("tile", RGB, 0, 0, 0, "-o", tmp_path / "out.jpg"), f"{tmp_path}/out.jpg: No space left")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("out.jpg", b"old")]


def test_file_is_made_with_the_users_permissions(tmp_path: Path) -> None:
    umask = os.umask(0o027)
    try:
        run("tile", RGB, 0, 0, 0, "-o", tmp_path / "out.jpg")
    finally:
        os.umask(umask)
    assert stat.S_IMODE((tmp_path / "out.jpg").stat().st_mode) == 0o640


@pytest.mark.parametrize("path", [RGB, JPEG_SPARSE, NETHERLANDS], ids=lambda path: path.name)
def test_json_agrees_with_gdal(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run("info", path, "--json").exit_code == 0
    told = json.loads(capfd.readouterr().out)
    with open_quietly(path) as dataset:
        assert told["file"]["size_bytes"] == path.stat().st_size
        assert (told["image"]["width"], told["image"]["height"]) == (dataset.width, dataset.height)
        assert (told["image"]["bands"], told["image"]["dtype"]) == (dataset.count, dataset.dtypes[0])
        assert told["geo"]["epsg"] == dataset.crs.to_epsg()
        assert told["geo"]["code"] == f"EPSG:{dataset.crs.to_epsg()}"
        assert told["geo"]["unit"] == CRS.from_epsg(dataset.crs.to_epsg()).axis_info[0].unit_name
        assert CRS.from_json_dict(told["geo"]["projjson"]) == CRS.from_epsg(dataset.crs.to_epsg())
        assert told["geo"]["transform"] == pytest.approx(dataset.transform.to_gdal())
        assert told["geo"]["bounds"] == pytest.approx(list(dataset.bounds))
    for level in told["levels"]:
        with open_quietly(path, level["level"]) as dataset:
            assert (level["width"], level["height"]) == (dataset.width, dataset.height)
            assert [level["tile_height"], level["tile_width"]] == list(dataset.block_shapes[0])
        assert (level["tiles_across"], level["tiles_down"]) == grid(path, level["level"])
        assert (level["mask"] is not None) == (path != RGB)
    assert len(told["levels"]) == levels(path)
    assert told["formats"][0] == "jpg"
    assert "webp" in told["not_offered"]


def test_table_tells_what_a_reader_looks_for(capfd: pytest.CaptureFixture[str]) -> None:
    assert run("info", JPEG_SPARSE).exit_code == 0
    table = capfd.readouterr().out
    for words in ("BigTIFF", "8192 x 16384", "3 x uint8", "YCBCR", "EPSG:3857 WGS 84 / Pseudo-Mercator", "16 x 32"):
        assert words in table
    assert max(map(len, table.splitlines())) <= max(80, len(f"file        {JPEG_SPARSE}"))


@pytest.mark.parametrize(
    ("crs", "words"),
    [("ESRI:102003", "ESRI:102003 USA_Contiguous_Albers_Equal_Area_Conic"), ("+proj=robin", "CRS         unknown")],
)
def test_table_names_a_crs_that_is_not_epsgs(
    crs: str, words: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "other.tif"
    path.write_bytes(in_crs(crs, Affine(10, 0, 1000, 0, -10, 1000)))
    assert run("info", path).exit_code == 0
    table = capfd.readouterr().out
    assert words in table
    assert "projjson" not in table.lower()


def test_names_do_not_steer_the_terminal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "red\x1b[31m\n.tif"
    assert_one_line(run("info", path), r"red\x1b[31m\n.tif")
    path.write_bytes(RGB.read_bytes())
    assert run("info", path).exit_code == 0
    assert r"red\x1b[31m\n.tif" in capfd.readouterr().out


@pytest.mark.parametrize(("uri", "words"), [("", "path"), (str(DATA), "directory"), ("ftp://host/x.tif", "'ftp'")])
def test_what_is_no_source_is_one_line(uri: str, words: str) -> None:
    assert_one_line(run("info", uri), words)


def test_damaged_file_is_named_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "cut.tif"
    path.write_bytes(RGB.read_bytes()[:200])
    assert_one_line(run("info", path), f"{path}: IFD 0")
    path.write_bytes(RGB.read_bytes()[:-100])
    assert_one_line(run("tile", path, 0, 2, 1, "-o", tmp_path), str(path), "tile")


def test_the_name_of_the_file_is_printed_and_never_beside_the_tile(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert run("tile", RGB, 0, 0, 0, "-o", tmp_path).exit_code == 0
    path = tmp_path / "tile_0_0_0.jpg"
    assert capfdbinary.readouterr().out == f"{path}\n".encode()
    assert run("tile", RGB, 0, 0, 0, "-o", "-").exit_code == 0
    assert capfdbinary.readouterr().out == path.read_bytes()
