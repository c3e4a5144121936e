"""`rawcog check`: the problems of files, and the lines that mend them, run by the system's GDAL."""

import json
import re
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pytest
import rasterio
from click.testing import CliRunner
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.shutil import copy
from rasterio.transform import Affine

from server.cli.main import main
from tests.support.commands import ROOT
from tests.support.origin import Origin
from tests.support.system_gdal import decode, gdal_program
from tests.support.tiffs import gdal_tiff

TILED: Final[dict[str, Any]] = {"TILED": "YES", "BLOCKXSIZE": "256", "BLOCKYSIZE": "256"}
UTM: Final[dict[str, Any]] = {"crs": "EPSG:32630", "transform": Affine(10, 0, 430000, 0, -10, 4480000)}


class Checked(NamedTuple):
    status: int
    out: str
    err: str


class Check:
    """Runs the command, which writes past Python's standard output."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self.capture = capture

    def run(self, *words: object) -> Checked:
        self.capture.readouterr()
        result = CliRunner().invoke(main, ["check", *map(str, words)])
        return Checked(result.exit_code, self.capture.readouterr().out, result.stderr)

    def problems(self, path: Path, *words: str) -> dict[str, dict[str, Any]]:
        """The problems of a file by their codes."""
        done = self.run(path, "--json", *words)
        [report] = json.loads(done.out)
        assert done.status == int(any(each["grade"] != "note" for each in report["problems"]))
        return {each["code"]: each for each in report["problems"]}


@pytest.fixture
def check(capfd: pytest.CaptureFixture[str]) -> Check:
    return Check(capfd)


def terrain(bands: int, dtype: str, height: int, width: int) -> NDArray[Any]:
    """Smooth hills, never 0; those of more than 8 bits use them."""
    y, x = np.mgrid[:height, :width].astype(float)
    hills = 100 + 60 * np.sin(x / 90) * np.cos(y / 70)
    hills = hills if dtype == "uint8" else 37 * hills
    return np.stack([hills + 9 * band for band in range(bands)]).astype(dtype)


def written(
    path: Path,
    *,
    bands: int = 1,
    dtype: str = "uint8",
    height: int = 300,
    width: int = 400,
    factors: tuple[int, ...] = (),
    hole: float | None = None,
    nodata: float | None = None,
    place: dict[str, Any] = UTM,
    env: dict[str, str] | None = None,
    **options: str,
) -> None:
    """Write a GTiff with GDAL; `hole` is a value in its middle."""
    profile = {"driver": "GTiff", "count": bands, "dtype": dtype, "height": height, "width": width, "nodata": nodata}
    pixels = terrain(bands, dtype, height, width)
    if hole is not None:
        pixels[:, 60:120, 80:160] = hole
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK="YES", GDAL_NUM_THREADS="1", **(env or {})):
        with rasterio.open(path, "w", **profile, **place, **options) as target:
            target.write(pixels)
        if factors:
            with rasterio.open(path, "r+") as target:
                target.build_overviews(factors, Resampling.nearest)


def dem_in_strips(path: Path) -> None:
    written(path, dtype="float32", nodata=-9999, hole=-9999, COMPRESS="DEFLATE", PREDICTOR="3")


def picture(path: Path) -> None:
    with rasterio.open(path, "w", driver="PNG", count=3, dtype="uint8", height=60, width=80) as target:
        target.write(terrain(3, "uint8", 60, 80))


def index_at_the_end(path: Path) -> None:
    """Move TileOffsets of the only directory behind the tiles."""
    written(path, COMPRESS="NONE", TILED="YES", BLOCKXSIZE="128", BLOCKYSIZE="128")
    data = bytearray(path.read_bytes())
    (ifd,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, ifd)
    [entry] = [at for at in range(ifd + 2, ifd + 2 + 12 * count, 12) if data[at : at + 2] == b"\x44\x01"]
    values, offset = struct.unpack_from("<II", data, entry + 4)
    struct.pack_into("<I", data, entry + 8, len(data))
    path.write_bytes(data + data[offset : offset + 4 * values])


def mask_of_one_level(path: Path) -> None:
    written(path, bands=3, width=600, factors=(2,), COMPRESS="DEFLATE", **TILED)
    mask = np.full((300, 600), 255, "uint8")
    mask[60:120, 80:160] = 0
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK="YES"), rasterio.open(path, "r+") as target:
        target.write_mask(mask)


def maker(name: str) -> Callable[[Path], None]:
    return lambda path: (path.write_bytes(gdal_tiff(name)), None)[1]


def by(**options: Any) -> Callable[[Path], None]:
    return lambda path: written(path, **options)


def rgb_jpeg(path: Path) -> None:
    written(path, bands=3, COMPRESS="JPEG", PHOTOMETRIC="RGB", JPEG_QUALITY="83", **TILED)


class Case(NamedTuple):
    code: str
    write: Callable[[Path], None]
    options: str
    """Options that the line has."""
    is_exact: bool = True
    """The pixels are the same; else the codec loses some."""


LAMBERT: Final = "+proj=laea +lat_0=12 +lon_0=34 +datum=WGS84 +units=m"
MERCATOR: Final[dict[str, Any]] = {"crs": "EPSG:3857", "transform": Affine(9.7, 0, -440000.3, 0, -9.7, 4930000.7)}
CASES: Final = {
    "strips": Case("not-tiled", dem_in_strips, "COMPRESS=DEFLATE -co PREDICTOR=FLOATING_POINT"),
    "webp in strips": Case(
        "not-tiled", by(bands=4, COMPRESS="WEBP", WEBP_LOSSLESS="YES"), "COMPRESS=WEBP -co QUALITY=100"
    ),
    "lerc in strips": Case("not-tiled", by(dtype="float32", COMPRESS="LERC_ZSTD"), "COMPRESS=LERC_ZSTD"),
    "no writer": Case("not-tiled", by(bands=5, INTERLEAVE="BAND", COMPRESS="JPEG"), "COMPRESS=DEFLATE"),
    "lossy webp": Case(
        "unequal-tiles",
        by(bands=3, width=600, factors=(2,), env={"GDAL_TIFF_OVR_BLOCKSIZE": "128"}, COMPRESS="WEBP", **TILED),
        "COMPRESS=WEBP -co BLOCKSIZE=256 in.tif",
        is_exact=False,
    ),
    "picture": Case("not-a-tiff", picture, "COMPRESS=DEFLATE"),
    "no overviews": Case(
        "overviews",
        by(dtype="uint16", height=700, width=1300, COMPRESS="ZSTD", PREDICTOR="2", **TILED),
        "COMPRESS=ZSTD -co PREDICTOR=STANDARD -co BLOCKSIZE=256",
    ),
    "header": Case("header-behind-tiles", by(width=600, factors=(2,), COMPRESS="NONE", **TILED), "COMPRESS=NONE"),
    "index": Case("index-behind-tiles", index_at_the_end, "COMPRESS=NONE -co BLOCKSIZE=128"),
    "huge": Case(
        "huge-tiles", by(COMPRESS="LZW", TILED="YES", BLOCKXSIZE="2048", BLOCKYSIZE="2048"), "COMPRESS=LZW in.tif"
    ),
    "odd": Case("odd-tiles", maker("oblong-tiles"), "COMPRESS=DEFLATE in.tif"),
    "unequal": Case(
        "unequal-tiles",
        by(width=600, factors=(2,), env={"GDAL_TIFF_OVR_BLOCKSIZE": "128"}, COMPRESS="DEFLATE", **TILED),
        "BLOCKSIZE=256",
    ),
    "jpeg": Case("jpeg-not-ycbcr", rgb_jpeg, "COMPRESS=JPEG -co QUALITY=83", is_exact=False),
    "unmarked": Case("jpeg-rgb-unmarked", rgb_jpeg, "COMPRESS=JPEG", is_exact=False),
    "nodata of a band": Case(
        "nodata-opaque",
        by(nodata=0, hole=0, COMPRESS="JPEG", JPEG_QUALITY="90", **TILED),
        "COMPRESS=JPEG -co QUALITY=90",
        is_exact=False,
    ),
    "nodata of colours": Case("nodata-opaque", by(bands=3, nodata=0, hole=0, COMPRESS="LZW", **TILED), "COMPRESS=LZW"),
    "nodata of jpeg": Case(
        "nodata-opaque",
        by(bands=3, nodata=0, hole=0, COMPRESS="JPEG", PHOTOMETRIC="YCBCR", **TILED),
        "COMPRESS=JPEG -co QUALITY=75",
        is_exact=False,
    ),
    "nodata of lossless webp": Case(
        "nodata-opaque",
        by(bands=3, nodata=0, hole=0, COMPRESS="WEBP", WEBP_LOSSLESS="YES", **TILED),
        "COMPRESS=WEBP -co QUALITY=100 -co BLOCKSIZE=256",
    ),
    "mask": Case("mask-missing", mask_of_one_level, "COMPRESS=DEFLATE"),
    "bigtiff": Case("bigtiff", maker("bigtiff"), "BIGTIFF=NO"),
    "no crs": Case("no-crs", by(place={"transform": UTM["transform"]}, COMPRESS="LZW", **TILED), "EPSG:32630"),
    "no code": Case("crs-without-code", by(place={**UTM, "crs": LAMBERT}, COMPRESS="LZMA", **TILED), "COMPRESS=LZMA"),
    "alignment": Case("alignment", by(place=MERCATOR, COMPRESS="LZW", **TILED), "TILING_SCHEME=GoogleMapsCompatible"),
    "predictor": Case(
        "predictor", by(dtype="uint16", COMPRESS="DEFLATE", **TILED), "COMPRESS=DEFLATE -co BLOCKSIZE=256"
    ),
    "predictor of floats": Case(
        "predictor", by(dtype="float32", COMPRESS="DEFLATE", **TILED), "PREDICTOR=FLOATING_POINT"
    ),
}


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize("name", CASES)
def test_the_line_of_a_problem_mends_it(name: str, check: Check, tmp_path: Path) -> None:
    case, source, target = CASES[name], tmp_path / "in.tif", tmp_path / "out.tif"
    case.write(source)
    line = check.problems(source)[case.code]["command"].replace("EPSG:CODE", "EPSG:32630")
    assert case.options in line
    path = {"PATH": str(Path(gdal_program("gdal_translate")).parent)}
    subprocess.run(line, check=True, shell=True, cwd=tmp_path, env=path, timeout=60, capture_output=True)
    assert case.code not in check.problems(target)
    if case.code == "alignment":
        return  # other pixels, which GDAL warps
    with rasterio.open(decode(source, tmp_path / "wanted.tif")) as wanted, rasterio.open(target) as told:
        assert told.dtypes[: wanted.count] == wanted.dtypes
        assert told.shape == wanted.shape
        assert case.code == "nodata-opaque" or told.nodata == wanted.nodata
        assert np.array_equal(told.dataset_mask(), wanted.dataset_mask())
        mask, pixels, right = wanted.dataset_mask() > 0, told.read(list(wanted.indexes)), wanted.read()
        difference = np.abs(pixels[:, mask].astype(float) - right[:, mask])
        assert difference.max() <= (0 if case.is_exact else 25)
        assert difference.mean() <= 2


@pytest.fixture
def cog(tmp_path: Path) -> Path:
    """A file without problems."""
    path = tmp_path / "sound.tif"
    written(tmp_path / "source", dtype="int16", height=700, width=1300, COMPRESS="DEFLATE", **TILED)
    with rasterio.Env(GDAL_NUM_THREADS="1"):
        copy(tmp_path / "source", path, driver="COG", COMPRESS="DEFLATE", PREDICTOR="YES")
    return path


def test_a_sound_file_has_no_problems(check: Check, cog: Path) -> None:
    done = check.run(cog, "--strict")
    assert (done.status, done.err) == (0, "")
    table = done.out.splitlines()
    row = dict(zip(re.split(r" {2,}", table[0]), re.split(r" {2,}", table[1]), strict=True))
    assert row["KiB"].isdigit()
    assert {name: text for name, text in row.items() if name != "KiB"} == {
        "layer": "sound",
        "size": "1300 x 700",
        "CRS": "EPSG:32630",
        "type": "1 x int16",
        "codec": "DEFLATE",
        "formats": "tif bin",
        "masks": "none",
        "web maps": "none",
        "reads": "2",
        "problems": "none",
    }
    assert table[-1] == "1 layer: no problems"


def test_notes_are_problems_if_it_is_strict(check: Check, tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(gdal_tiff("bigtiff"))
    assert check.run(tmp_path).status == 0
    done = check.run(tmp_path, "--strict")
    assert done.status == 1
    assert "  note: a BigTIFF of " in done.out
    assert "\n    gdal_translate -of COG -co COMPRESS=DEFLATE " in done.out


def test_web_maps_are_checked_on_request(check: Check, cog: Path) -> None:
    assert "it has to be warped" in check.problems(cog, "--web-maps")["alignment"]["text"]


def test_each_file_is_a_row_whatever_it_is(check: Check, cog: Path, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "damaged.tif").write_bytes(cog.read_bytes()[:100])
    (folder / "text\x1b.tif").write_bytes(b"plain text")
    done = check.run("--json", folder, cog, "ftp://host/a.tif", tmp_path / "missing.tif")
    reports = {each["layer"]: [problem["code"] for problem in each["problems"]] for each in json.loads(done.out)}
    assert reports == {
        "damaged": ["damaged"],
        "text-": ["not-a-tiff"],
        "sound": [],
        "a": ["unreadable"],
        "missing": ["unreadable"],
    }
    assert done.status == 1
    assert "\x1b" not in check.run(folder).out


def test_the_layers_of_a_config_are_checked_with_their_sources(
    check: Check, cog: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEB_TOKEN", "s3cret")
    with Origin() as origin:
        origin.put("/a.tif", cog.read_bytes())
        config = cog.with_suffix(".toml")
        config.write_text(
            f'[sources.web]\ntype = "http"\nbearer_token_env = "WEB_TOKEN"\n[layers.near]\nuri = "{cog}"\n'
            f'[layers.far]\nuri = "{origin.url}/a.tif"\nsource = "web"\n'
        )
        done = check.run(config, "--json")
        assert {request.headers["authorization"] for request in origin.requests} == {"Bearer s3cret"}
    local, remote = json.loads(done.out)
    assert (local["layer"], local["problems"], remote["layer"], remote["problems"]) == ("near", [], "far", [])
    assert (local["facts"]["reads"], local["facts"]["read_bytes"]) == (
        remote["facts"]["reads"],
        remote["facts"]["read_bytes"],
    )


def test_the_members_of_collections_are_checked_where_they_can_be_listed(
    check: Check, cog: Path, tmp_path: Path
) -> None:
    (tmp_path / "text.tif").write_text("plain text")
    config = tmp_path / "layers.toml"
    config.write_text("[collections.all]\nfolder = '.'\n[collections.any]\nuri = '{name}.tif'\n")
    done = check.run(config, "--json")
    reports = {each["layer"]: [problem["code"] for problem in each["problems"]] for each in json.loads(done.out)}
    assert reports == {"all:sound": [], "all:text": ["not-a-tiff"]}
    config.write_text("[collections.all]\nfolder = 'gone'\n")
    done = check.run(config)
    assert done.status == 1
    assert "collection 'all': " in done.err


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["empty"], 1, "no TIFF in empty"),
        (["missing.toml"], 1, "config file missing.toml: No such file or directory"),
        (["--wrong"], 2, "No such option"),
    ],
)
def test_mistakes_are_told_in_a_line(
    words: list[str], status: int, message: str, check: Check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    done = check.run(*words)
    assert (done.status, done.out, message in done.err) == (status, "", True), done.err


def test_a_full_disk_is_told_in_a_line() -> None:
    command = [sys.executable, "-c", "from server.cli.main import main; main()", "check", "data/world.tif"]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command, check=False, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (1, "Error: standard output: No space left on device\n")
