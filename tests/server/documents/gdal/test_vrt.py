"""GDAL opens `gdal.vrt` as it opens the file: all facts, pixels and masks, at all levels."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import numpy as np
import pytest
import rasterio
import requests
from rasterio.vrt import WarpedVRT

from tests.support import handmade as hm
from tests.support.app import client, layer, problem
from tests.support.corpus import CORPUS, corpus_folder
from tests.support.gdal_layers import NAMES, data_of
from tests.support.gunicorn import Gunicorn, wait_for
from tests.support.rasters import noise, raster
from tests.support.same_raster import MOST_PIXELS, differences
from tests.support.system_gdal import gdal_program

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")

with_corpus = pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus is not beside this checkout")

CASES: Final = {"alpha", "gcp", "interp", "nodata", "scale", "towgs84"}
"""Kinds of cases that are about bands and places; the others have tests of their own."""
WARPED: Final = (
    "radar", "near-infrared", "grey-alpha", "5-bands-with-mask", "deflate-mask", "odd-factors", "factor-2.5",
    "float-nan", "control-points", "five-with-alpha",
)  # fmt: skip
OLD: Final = (
    "radar", "near-infrared", "webp-rgba", "deflate-mask", "5-bands-with-mask", "odd-factors", "described",
    "palette-nodata", "int16-nodata-sparse", "control-points", "twelve-bits", "13-bands-apart", "degrees", "heights",
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("layers")
    for name in NAMES:
        (folder / f"{name}.tif").write_bytes(data_of(name))
    return folder


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Gunicorn]:
    config = "".join(layer(name, folder / f"{name}.tif") for name in NAMES)
    with Gunicorn({"WEB_CONCURRENCY": "1"}, config) as running:
        yield running


def url_of(server: Gunicorn, name: str) -> str:
    return f"{server.url}/layers/{name}/gdal.vrt"


@pytest.mark.parametrize("name", NAMES)
def test_it_is_the_file(name: str, server: Gunicorn, folder: Path) -> None:
    assert list(differences(url_of(server, name), str(folder / f"{name}.tif"))) == []


def openable(folder: Path) -> dict[str, Path]:
    """Files that GDAL reads whole, by names for layers."""
    rasters = {}
    for path in sorted(folder.rglob("*.tif*")):
        if folder.name == "cases" and path.name.partition(".")[0] not in CASES:
            continue
        try:
            with rasterio.open(path) as dataset:
                is_tiled = dataset.profile["tiled"]
                if dataset.width * dataset.height * dataset.count <= MOST_PIXELS:
                    dataset.read()
        except rasterio.errors.RasterioError:
            continue
        if is_tiled:
            rasters[f"{path.parent.name}-{path.stem}"[:100].replace(" ", "_")] = path
    return rasters


@with_corpus
@pytest.mark.parametrize("which", ["real", "data", "cases"])
def test_it_is_the_file_of_the_corpus(which: str, pytestconfig: pytest.Config) -> None:
    assert pytestconfig.cache is not None
    roots = {"real": CORPUS / "real", "cases": CORPUS.parent / "cases"}
    files = openable(roots.get(which) or corpus_folder("data", pytestconfig.cache.mkdir("corpus")))
    config = "".join(layer(name, path) for name, path in files.items())
    unlike = []
    with Gunicorn({"WEB_CONCURRENCY": "1"}, config) as running:
        for name, path in files.items():
            reply = requests.get(url_of(running, name), timeout=30)
            if reply.status_code == 404:  # with a reason that the next test reads
                unlike.append(f"{name}: {reply.json()['detail']}")
            elif reply.status_code == 200:
                unlike += [f"{name}: {fault}" for fault in differences(url_of(running, name), str(path))]
    assert files
    assert unlike == []


@pytest.mark.parametrize("name", WARPED)
def test_gdal_warps_it_as_it_warps_the_file(name: str, server: Gunicorn, folder: Path) -> None:
    def warped(source: str) -> tuple[Any, ...]:
        with rasterio.open(source) as dataset, WarpedVRT(dataset, crs="EPSG:3857") as target:
            return (
                target.transform,
                target.colorinterp,
                target.nodata,
                target.shape,
                target.read(),
                target.dataset_mask(),
            )

    actual, wanted = warped(url_of(server, name)), warped(str(folder / f"{name}.tif"))
    for told, right in zip(actual, wanted, strict=True):
        np.testing.assert_equal(told, right)


@pytest.mark.parametrize("name", WARPED)
def test_an_old_gdalwarp_writes_the_same_bytes(name: str, server: Gunicorn, folder: Path, tmp_path: Path) -> None:
    outputs = []
    for number, source in enumerate((url_of(server, name), str(folder / f"{name}.tif"))):
        output = tmp_path / f"{number}.tif"
        for more in ((), ("-ovr", "0")):
            command = [gdal_program("gdalwarp"), "-q", "-overwrite", "-t_srs", "EPSG:4326", *more, source, str(output)]
            subprocess.run(command, check=True, capture_output=True, timeout=60)
            outputs.append(output.read_bytes())
    assert outputs[0] == outputs[2]
    assert outputs[1] == outputs[3]


@pytest.mark.parametrize("prefix", ["", "/vsicurl/"])
@pytest.mark.parametrize("name", OLD)
def test_an_old_gdal_says_the_same_of_it(name: str, prefix: str, server: Gunicorn, folder: Path) -> None:
    assert _told(prefix + url_of(server, name)) == _told(str(folder / f"{name}.tif"))


def _told(source: str) -> dict[str, Any]:
    """All that gdalinfo prints, with checksums, but what is of the format, and of a CRS its code alone."""
    command = [gdal_program("gdalinfo"), "-json", "-checksum", "-nomd", source]
    actual: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, timeout=60).stdout)
    for key in ("description", "driverShortName", "driverLongName", "files", "stac"):
        actual.pop(key, None)
    for place in (actual, actual.get("gcps", {})):
        if "coordinateSystem" in place:
            place["coordinateSystem"]["wkt"] = re.findall(
                r'ID\["(?:EPSG|ESRI)",\d+\]', place["coordinateSystem"]["wkt"]
            )[-1]
    for band in actual["bands"]:
        band.pop("block")
        if band["colorInterpretation"] in ("Gray", "Undefined"):  # of many bands a file's first is said to be grey
            band.pop("colorInterpretation")
    return actual


def tiles_asked(server: Gunicorn) -> int:
    """Requests for tiles in the log, up to one that no other test makes."""
    mark = f"/layers/mark-{uuid4()}"
    requests.get(f"{server.url}{mark}", timeout=10)
    wait_for(lambda: f"path={mark}" in server.log(), "the log")
    return server.log().count("GET layer=near-infrared@")


def test_bands_of_a_level_ask_for_its_tiles_once(server: Gunicorn) -> None:
    """Each of the bands is a source of its own, and of the overviews each has one."""
    options: dict[str, int]
    for options, across, down in (({}, 48, 32), ({"OVERVIEW_LEVEL": 0}, 128, 128), ({"OVERVIEW_LEVEL": 1}, 128, 128)):
        with rasterio.open(url_of(server, "near-infrared"), **options) as dataset:
            before = tiles_asked(server)
            dataset.read()
            assert tiles_asked(server) - before == -(-dataset.width // across) * -(-dataset.height // down)


def test_a_large_document_is_read_by_ranges(server: Gunicorn) -> None:
    url = url_of(server, "5-bands-with-mask")
    whole = requests.get(url, headers={"Accept-Encoding": "identity"}, timeout=10)
    assert len(whole.content) > 1 << 16  # of which /vsicurl/ wants ranges
    assert whole.headers["Accept-Ranges"] == "bytes"
    part = requests.get(url, headers={"Accept-Encoding": "identity", "Range": "bytes=1000-1999"}, timeout=10)
    assert (part.status_code, part.content) == (206, whole.content[1000:2000])
    assert part.headers["ETag"] == whole.headers["ETag"]


def test_it_works_from_anywhere(server: Gunicorn, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "layer.vrt").write_bytes(requests.get(url_of(server, "feet"), timeout=10).content)
    assert list(differences(str(tmp_path / "layer.vrt"), str(folder / "feet.tif"))) == []


LONGS: Final[dict[int, hm.Field]] = {
    hm.BITS: (hm.SHORT, [64]),
    hm.SAMPLE_FORMAT: (hm.SHORT, [2]),
    hm.NODATA: (hm.ASCII, b"1152921504606846977\0"),
}
MANY: Final = raster(noise(80, "uint8", 40, 48), mask=np.full((40, 48), 255, np.uint8), options={}, factors=(2, 4))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (hm.tiff(hm.image(samples=65, planar=2)), "the 65 bands are stored apart"),
        (hm.tiff(hm.image().having({hm.COMPRESSION: (hm.SHORT, [34712])})), "GIS clients do not read JPEG2000"),
        (hm.tiff(hm.image().having({hm.BITS: (hm.SHORT, [96])})), "GDAL has no type for uint96"),
        (
            hm.tiff(hm.image(samples=3).having({hm.PHOTOMETRIC: (hm.SHORT, [8])})),
            "GDAL converts the 3 bands of CIELAB into 4",
        ),
        (hm.tiff(hm.image(), hm.image(tile=(16, 16), subfile=hm.MASK)), "the mask has tiles of 16 × 16"),
        (hm.tiff(hm.image(tiles=[bytes(4096)] * 9).having(LONGS)), "nodata 1152921504606846977"),
        (MANY, "the document for 80 bands at 3 levels would take some"),
    ],
    ids=[
        "65 planes",
        "a codec that GDAL does not read",
        "no type",
        "converted",
        "tiles of the mask",
        "nodata",
        "many bands",
    ],
)
def test_a_layer_that_it_cannot_carry_says_why(data: bytes, reason: str, tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(data)
    app = client(tmp_path, layer("a", "a.tif"))
    assert reason in problem(app.get("/layers/a/gdal.vrt"), 404)
    assert "gdal" not in {link["rel"] for link in app.get("/layers/a").get_json()["links"]}


def test_a_hostile_text_stays_outside_of_the_markup(tmp_path: Path) -> None:
    text = b'1"/>]]></SourceFilename><ServerUrl>http://elsewhere/</ServerUrl>\0'
    fields: dict[int, hm.Field] = {hm.NODATA: (hm.ASCII, text), 270: (hm.ASCII, text)}
    (tmp_path / "a.tif").write_bytes(hm.tiff(hm.image().having(fields)))
    document = client(tmp_path, layer("a", "a.tif")).get("/layers/a/gdal.vrt").text
    assert "<ServerUrl>http://elsewhere" not in document
    assert "]]></SourceFilename><ServerUrl" not in document
