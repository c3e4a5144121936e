"""Small files that were once served wrong, each against GDAL's reading of it; they stand beside some checkouts.

Each kind of case has its check. Cases of origins that misbehave are in the tests of the sources.
"""

import csv
import re
import warnings
from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
import pytest
import rasterio
import requests
from rasterio.errors import NotGeoreferencedWarning, RasterioError, RasterioIOError
from rasterio.io import DatasetReader, MemoryFile
from rasterio.warp import transform_bounds

from tests.support.gunicorn import ROOT, Gunicorn

FOLDER: Final = ROOT.parent / "shared" / "cases"
Json = dict[str, Any]
ABOUT_A_METRE: Final = 1e-5
"""In degrees."""

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")


def local_cases() -> list[tuple[str, str]]:
    """Kind and file of the cases that are served from local files."""
    if not FOLDER.exists():
        return []
    with (FOLDER / "cases.tsv").open(newline="") as table:
        rows = csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [(row["kind"], row["file"]) for row in rows if row["served as"] == "local file"]


CASES: Final = local_cases()


def name_of(file: str) -> str:
    return file.removesuffix(".tif").replace(".", "_")


class Served:
    """A case as a server has it, and as GDAL reads its file."""

    def __init__(self, root: str, file: str) -> None:
        self.root, self.path = f"{root}/layers/{name_of(file)}", FOLDER / file
        self.server, self.name = root, name_of(file)

    def get(self, path: str, **options: Any) -> requests.Response:
        return requests.get(f"{self.root}{path}", timeout=30, **options)

    @property
    def about(self) -> Json:
        reply = requests.get(self.root, headers={"Accept": "application/json"}, timeout=30)
        assert reply.status_code == 200, reply.text
        body: Json = reply.json()
        return body

    def file(self) -> DatasetReader:
        return rasterio.open(self.path)

    def vrt(self) -> DatasetReader:
        return rasterio.open(f"/vsicurl/{self.root}/gdal.vrt")

    @property
    def finest(self) -> int:
        return int(self.about["maxzoom"])


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    tables = [f'[layers.{name_of(file)}]\nuri = "{FOLDER / file}"\n' for _, file in CASES]
    with Gunicorn(config_text="\n".join(tables)) as running:
        yield running.url


def reads_alike(served: Served) -> None:
    """GDAL reads the VRT as it reads the file."""
    with served.file() as file, served.vrt() as vrt:
        assert (vrt.width, vrt.height, vrt.dtypes, vrt.transform) == (
            file.width,
            file.height,
            file.dtypes,
            file.transform,
        )
        assert vrt.colorinterp == file.colorinterp
        assert (vrt.scales, vrt.offsets, vrt.units) == (file.scales, file.offsets, file.units)
        np.testing.assert_equal(np.array(vrt.nodatavals, float), np.array(file.nodatavals, float))
        np.testing.assert_array_equal(vrt.read_masks(), file.read_masks())
        np.testing.assert_array_equal(vrt.read(), file.read())


def lies_alike(served: Served) -> None:
    """The JSON, the VRT and the WMTS say that the file lies where GDAL puts it."""
    with served.file() as file:
        wanted = transform_bounds(file.crs, "EPSG:4326", *file.bounds, densify_pts=21)
    about = served.about
    assert about["bounds_wgs84"] == pytest.approx(wanted, abs=ABOUT_A_METRE)
    with served.vrt() as vrt:
        assert transform_bounds(vrt.crs, "EPSG:4326", *vrt.bounds, densify_pts=21) == pytest.approx(
            wanted, abs=ABOUT_A_METRE
        )
    if "web" in served.path.name:
        assert "WebMercatorQuad" in about["grids"]


def nodata_said(served: Served) -> None:
    reads_alike(served)
    with served.file() as file:
        wanted = file.nodata
    nodata = served.about["nodata"]
    if wanted is None or isinstance(nodata, int):  # GDAL states limits of 64 bits as doubles
        return
    assert np.array_equal(float(nodata), wanted, equal_nan=True)


def scale_said(served: Served) -> None:
    reads_alike(served)
    with served.file() as file:
        wanted = [(s, o) for s, o in zip(file.scales, file.offsets, strict=True)]
    told = [(band["scale"], band["offset"]) for band in served.about["band_info"]]
    assert [(1.0 if s is None else s, 0.0 if o is None else o) for s, o in told] == wanted


def png_is_what_gdal_names(served: Served) -> None:
    about = served.about
    if "png" not in about["formats"]:
        return
    level = about["levels"][-1]
    data = served.get(f"/tiles/native/{level['z']}/0/0.png").content
    with MemoryFile(data) as memory, memory.open() as png, served.file() as file:
        pixels, names = png.read(), [interp.name for interp in file.colorinterp]
        height, width = min(file.height, png.height), min(file.width, png.width)
        stored = file.read()[:, :height, :width]
        if "alpha" not in names and png.count in (2, 4):
            assert (pixels[-1, :height, :width] == 255).all()
        if "alpha" in names:
            np.testing.assert_array_equal(pixels[-1, :height, :width], stored[names.index("alpha")])
        if {"red", "green", "blue"} <= set(names):
            wanted = stored[[names.index(color) for color in ("red", "green", "blue")]]
            np.testing.assert_array_equal(pixels[:3, :height, :width], wanted)


def boxes_are_wrapped(served: Served) -> None:
    about = served.about
    collection = requests.get(f"{served.server}/collections/{served.name}", timeout=30).json()
    capabilities = served.get("/../../wmts/1.0.0/WMTSCapabilities.xml").text
    for west, south, east, north in (about["bounds_wgs84"], collection["extent"]["spatial"]["bbox"][0]):
        assert max(abs(west), abs(east)) <= 180
        assert south < north
        with served.file() as file:
            left, _, right, _ = file.bounds
        if right - left >= 360:
            assert (west, east) == (-180, 180)
        else:
            assert (west - left) % 360 == pytest.approx(0) or west == pytest.approx(left)
            assert (east - right) % 360 == pytest.approx(0) or east == pytest.approx(right)
    for corner in re.findall(r"<ows:(?:Lower|Upper)Corner>(\S+) \S+</ows:(?:Lower|Upper)Corner>", capabilities):
        assert corner


def jpg_is_what_gdal_reads(served: Served) -> None:
    about = served.about
    if "jpg" not in about["formats"]:
        return
    for level in about["levels"]:
        for y in range(level["tiles_down"]):
            for x in range(level["tiles_across"]):
                reply = served.get(f"/tiles/native/{level['z']}/{x}/{y}.jpg")
                if reply.status_code != 200:
                    assert reply.status_code in (404, 502)
                    continue
                with MemoryFile(reply.content) as memory, memory.open() as jpg:
                    pixels = jpg.read().astype(int)
                with rasterio.open(served.path) as file:
                    window = ((y * jpg.height, (y + 1) * jpg.height), (x * jpg.width, (x + 1) * jpg.width))
                    if level["level"] == 0:
                        wanted = file.read(window=window).astype(int)
                        shown = pixels[:, : wanted.shape[1], : wanted.shape[2]]
                        assert shown.shape == wanted.shape
                        assert abs(shown - wanted).mean() < 4


def opens_as_in_gdal(served: Served) -> None:
    """A file that GDAL cannot read is refused; any other tile holds the file's pixels."""
    try:
        with served.file() as file:
            wanted = file.read()
    except (RasterioIOError, RasterioError):
        assert served.get("").status_code == 502
        return
    reply = served.get("", headers={"Accept": "application/json"})
    if reply.status_code == 502:  # GDAL warns of a damaged tag and goes on
        assert any(word in reply.text for word in ("DEPTH", "PREDICTOR"))
        return
    assert reply.status_code == 200, reply.text
    level = reply.json()["levels"][-1]
    tile = served.get(f"/tiles/native/{level['z']}/0/0.tif")
    with MemoryFile(tile.content) as memory, memory.open() as dataset:
        pixels = dataset.read()
        np.testing.assert_array_equal(pixels, wanted[:, : pixels.shape[1], : pixels.shape[2]])


def jpg_is_not_listed(served: Served) -> None:
    assert "jpg" not in served.about["formats"]


def tile_has_a_place(served: Served) -> None:
    """A tile states no CRS without a place."""
    with MemoryFile(served.get(f"/tiles/native/{served.finest}/0/0.tif").content) as memory, memory.open() as tile:
        assert tile.crs is None or not tile.transform.is_identity or tile.gcps[0]
    with served.file() as file, served.vrt() as vrt:
        points = [[(p.row, p.col, p.x, p.y) for p in dataset.gcps[0]] for dataset in (file, vrt)]
        assert points[0] == points[1]
        np.testing.assert_array_equal(vrt.read(), file.read())


def heads_are_gets(served: Served) -> None:
    z = served.finest
    urls = [f"{served.root}/tiles/native/{z}/0/0.{ext}" for ext in ("tif", "bin", "png")]
    urls += [f"{served.root}{path}" for path in ("", "/gdal.vrt", "/gdal.xml")]
    urls += [f"{served.server}/collections/{served.name}/map/tiles/native/{z}/0/0?f=png"]
    for url in urls:
        got, head = (requests.request(method, url, timeout=30) for method in ("GET", "HEAD"))
        assert (head.status_code, head.content) == (got.status_code, b"")
        varying = {"Date", "Connection", "X-Request-ID", "Rawcog-Confirmed"}
        fields = [{k: v for k, v in reply.headers.items() if k not in varying} for reply in (got, head)]
        assert fields[0] == fields[1], url


def zeros_are_no_tiles(served: Served) -> None:
    z = served.finest
    assert served.get(f"/tiles/native/{z}/0/0.tif").status_code == 200
    for numbers in (f"0{z}/0/0", f"{z}/00/0", f"{z}/0/00"):
        assert served.get(f"/tiles/native/{numbers}.tif", allow_redirects=False).status_code in (302, 404)
        url = f"{served.server}/collections/{served.name}/map/tiles/native/{numbers}"
        assert requests.get(url, timeout=30, allow_redirects=False).status_code in (302, 404)


def ranges_are_parts(served: Served) -> None:
    path = f"/tiles/native/{served.finest}/0/0.tif"
    whole = served.get(path)
    size = len(whole.content)
    assert whole.headers["Accept-Ranges"] == "bytes"
    for field, start, stop in (
        ("0-99", 0, 100),
        ("64-", 64, size),
        (f"100-{size + 5}", 100, size),
        ("-7", size - 7, size),
    ):
        part = served.get(path, headers={"Range": f"bytes={field}"})
        assert (part.status_code, part.content) == (206, whole.content[start:stop])
        assert part.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{size}"
    beyond = served.get(path, headers={"Range": f"bytes={size}-"})
    assert (beyond.status_code, beyond.headers["Content-Range"]) == (416, f"bytes */{size}")
    assert served.get(path, headers={"Range": "lines=1-2"}).status_code == 200
    other = served.get(path, headers={"Range": "bytes=0-9", "If-Range": '"other"'})
    assert (other.status_code, other.content) == (200, whole.content)
    with rasterio.open(f"{served.root}{path}") as tile, MemoryFile(whole.content) as memory, memory.open() as wanted:
        np.testing.assert_array_equal(tile.read(), wanted.read())


CHECKS: Final[dict[str, tuple[Callable[[Served], None], ...]]] = {
    "alpha": (reads_alike,),
    "interp": (reads_alike, png_is_what_gdal_names),
    "nodata": (nodata_said,),
    "scale": (scale_said,),
    "towgs84": (lies_alike,),
    "webmerc": (lies_alike,),
    "imagine": (lies_alike,),
    "deprecated": (lies_alike,),
    "bbox": (boxes_are_wrapped,),
    "jpegmix": (jpg_is_what_gdal_reads,),
    "sof3": (jpg_is_not_listed,),
    "depth": (opens_as_in_gdal,),
    "fieldtype": (opens_as_in_gdal,),
    "gcp": (tile_has_a_place,),
    "head": (heads_are_gets,),
    "zeros": (zeros_are_no_tiles,),
    "range": (ranges_are_parts,),
}


@pytest.mark.parametrize(("kind", "file"), CASES, ids=[file for _, file in CASES])
def test_a_case_is_right(kind: str, file: str, server: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        for check in CHECKS[kind]:
            check(Served(server, file))


LISTS: Final = ("/layers", "/", "/wmts/1.0.0/WMTSCapabilities.xml", "/collections", "/tileMatrixSets", "/tms/1.0.0")


@pytest.mark.parametrize("path", LISTS if CASES else ())
def test_one_odd_file_costs_no_list(path: str, server: str) -> None:
    assert requests.get(f"{server}{path}", timeout=60).status_code == 200
