"""The content of `/layers` and `/layers/{layer}`, compared with GDAL's view of the same file."""

from pathlib import Path
from threading import Event
from typing import Any

import pytest
import rasterio
from pyproj import CRS
from rasterio.enums import ColorInterp
from rasterio.io import DatasetReader, MemoryFile
from rasterio.transform import Affine
from rasterio.warp import transform_bounds

from server.layers import openers
from tests.support import handmade as hm
from tests.support.app import ROOT, client, layer
from tests.support.geotiffs import in_crs, with_keys
from tests.support.origin import Connection, Origin, Reply, send
from tests.support.placed import Placed, placed_tiff
from tests.support.rasters import noise, raster
from tests.support.tiffs import KINDS, gdal_tiff, levels_of, open_level
from tests.support.webmercator import web_mercator_tiff

REAL = sorted([*ROOT.glob("data/*.tif"), *ROOT.glob("tests/data/*.tif")])

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")


def described(data: bytes, folder: Path) -> dict[str, Any]:
    (folder / "a.tif").write_bytes(data)
    about: dict[str, Any] = client(folder, layer("a", "a.tif")).get("/layers/a").get_json()
    return about


@pytest.mark.parametrize("kind", KINDS)
def test_a_layer_of_each_kind(kind: str, tmp_path: Path) -> None:
    assert_is_gdals(described(gdal_tiff(kind), tmp_path), gdal_tiff(kind))


@pytest.mark.parametrize("path", REAL, ids=lambda path: path.stem)
def test_a_layer_of_a_real_file(path: Path, tmp_path: Path) -> None:
    assert_is_gdals(described(path.read_bytes(), tmp_path), path.read_bytes())


def assert_is_gdals(about: dict[str, Any], data: bytes) -> None:
    with MemoryFile(data) as memory:
        with memory.open() as dataset:
            assert (about["width"], about["height"], about["bands"]) == (dataset.width, dataset.height, dataset.count)
            assert {about["dtype"]} == set(dataset.dtypes)
            assert dataset.count == 1 or about["interleave"] == dataset.interleaving.name
            assert about["size_bytes"] == len(data)
            assert (None if about["nodata"] is None else float(about["nodata"])) == dataset.nodata
            assert_bands_are_gdals(about["band_info"], dataset)
            assert_lies_where_gdal_says(about, dataset)
        assert [level["z"] for level in about["levels"]] == list(range(levels_of(memory)))
        assert (about["minzoom"], about["maxzoom"]) == (0, levels_of(memory) - 1)
        for level in about["levels"]:
            with open_level(memory, level["level"]) as dataset:
                assert_level_is_gdals(level, dataset)


def assert_bands_are_gdals(bands: list[dict[str, Any]], dataset: DatasetReader) -> None:
    assert [band["band"] for band in bands] == list(dataset.indexes)
    assert [band["color_interpretation"] for band in bands] == [color.name for color in dataset.colorinterp]
    stated = [{key: value for key, value in band.items() if value is not None} for band in bands]
    assert tuple(band.get("scale", 1) for band in stated) == dataset.scales
    assert tuple(band.get("offset", 0) for band in stated) == dataset.offsets
    assert tuple(band.get("unit") for band in stated) == dataset.units
    assert tuple(band.get("description") for band in stated) == dataset.descriptions
    assert [band["statistics"] for band in bands] == [statistics_of(dataset.tags(number)) for number in dataset.indexes]


def statistics_of(tags: dict[str, str]) -> dict[str, Any] | None:
    """The statistics that GDAL keeps in a band's tags."""
    names = ("minimum", "maximum", "mean", "stddev", "valid_percent")
    texts = [tags.get(f"STATISTICS_{name.upper()}") for name in names]
    if texts == [None] * 5:
        return None
    numbers = {name: None if text is None else float(text) for name, text in zip(names, texts, strict=True)}
    return {**numbers, "is_approximate": tags.get("STATISTICS_APPROXIMATE") == "YES"}


def test_bands_with_scale_unit_and_names_and_a_nodata_that_json_lacks(tmp_path: Path) -> None:
    named = (ColorInterp.nir, ColorInterp.undefined)
    data = raster(noise(2, "float32"), nodata=float("-inf"), interpretation=named, options={"compress": "DEFLATE"})
    path = tmp_path / "b.tif"
    path.write_bytes(data)
    with rasterio.open(path, "r+") as dataset:
        dataset.scales, dataset.offsets = (0.01, 1), (273.15, 0)
        dataset.units, dataset.descriptions = ("K", ""), ("near infrared", "<b>other</b>")
        dataset.update_tags(2, STATISTICS_MINIMUM="-1.5", STATISTICS_MEAN="2e3", STATISTICS_APPROXIMATE="YES")
    data = path.read_bytes()
    about = described(data, tmp_path)
    assert_is_gdals(about, data)
    assert (about["nodata"], about["band_info"][0]["scale"], about["band_info"][1]["unit"]) == ("-inf", 0.01, None)


def test_a_layer_of_more_bands_than_are_described(tmp_path: Path) -> None:
    about = described(hm.tiff(hm.image(32, 16, samples=5000, planar=2, tiles=[bytes(512)] * 5000)), tmp_path)
    assert (about["bands"], len(about["band_info"])) == (5000, 4096)


def assert_lies_where_gdal_says(about: dict[str, Any], dataset: DatasetReader) -> None:
    if dataset.crs is None:
        assert about["crs"] is None
        assert about["crs_reason"]
    else:
        assert about["crs_reason"] is None
        epsg, projjson = dataset.crs.to_epsg(), about["crs"]["projjson"]
        assert about["crs"]["code"] == (None if epsg is None else f"EPSG:{epsg}")
        assert CRS.from_json_dict(projjson) == CRS.from_wkt(dataset.crs.to_wkt())
        assert CRS.from_wkt(about["crs"]["wkt"]).equals(CRS.from_wkt(dataset.crs.to_wkt()), ignore_axis_order=True)
    if dataset.crs is not None and dataset.crs.to_epsg() is not None:
        assert CRS.from_json_dict(about["crs"]["projjson"]) == CRS.from_epsg(dataset.crs.to_epsg())
        west, south, east, north = transform_bounds(dataset.crs, "EPSG:4326", *dataset.bounds, densify_pts=21)
        assert about["bounds_wgs84"] == pytest.approx(
            [west, south, east, north], abs=1e-7
        )  # a centimetre: PROJ is not the same one
    if dataset.transform.is_identity:
        assert (about["geotransform"], about["bounds"]) == (None, None)
    else:
        assert about["geotransform"] == pytest.approx(dataset.transform.to_gdal(), rel=1e-12)
        assert about["bounds"] == pytest.approx(list(dataset.bounds), rel=1e-12)


def assert_level_is_gdals(level: dict[str, Any], dataset: DatasetReader) -> None:
    assert (level["width"], level["height"]) == (dataset.width, dataset.height)
    assert (level["tile_height"], level["tile_width"]) == dataset.block_shapes[0]
    blocks = [position for position, _ in dataset.block_windows(1)]
    assert (level["tiles_down"], level["tiles_across"]) == (blocks[-1][0] + 1, blocks[-1][1] + 1)
    has_mask = any("per_dataset" in {flag.name for flag in flags} for flags in dataset.mask_flag_enums)
    is_alpha = any("alpha" in {flag.name for flag in flags} for flags in dataset.mask_flag_enums)
    assert level["mask"] == (has_mask and not is_alpha)
    if level["pixel_size"]:
        extent = dataset.transform
        across, down = (extent.a**2 + extent.d**2) ** 0.5, (extent.b**2 + extent.e**2) ** 0.5
        assert level["pixel_size"] == pytest.approx([across, down], rel=1e-9)


def test_a_crs_without_a_code_is_defined_all_the_same(tmp_path: Path) -> None:
    about = described(in_crs("+proj=robin +lon_0=7", Affine(10000, 0, -400000, 0, -10000, 700000)), tmp_path)
    assert about["crs"]["code"] is None
    assert CRS.from_json_dict(about["crs"]["projjson"]).equals(CRS.from_user_input("+proj=robin +lon_0=7"))
    assert about["bounds_wgs84"] is not None


def test_a_crs_that_is_not_understood_keeps_the_name_that_the_file_gives_it(tmp_path: Path) -> None:
    about = described(with_keys({1024: 1, 3072: 32767, 1026: "Grid of the mine"}), tmp_path)
    assert about["crs"] == {"code": None, "name": "Grid of the mine", "vertical": None, "projjson": None, "wkt": None}
    assert about["crs_reason"] == "it has neither the code of a geodetic CRS nor a datum nor an ellipsoid"
    assert about["bounds"] is not None
    assert about["bounds_wgs84"] is None


def test_heights_are_part_of_the_definition_and_not_of_the_code(tmp_path: Path) -> None:
    place = Affine(10, 0, 500000, 0, -10, 5000000)
    crs = described(in_crs("EPSG:32632+5773", place, GEOTIFF_VERSION="1.1"), tmp_path)["crs"]
    assert (crs["code"], crs["vertical"]) == ("EPSG:32632", "EGM96 height")
    assert CRS.from_json_dict(crs["projjson"]).equals(CRS.from_user_input("EPSG:32632+5773"))


def test_the_box_in_degrees_ends_at_the_antimeridian(tmp_path: Path) -> None:
    """RFC 7946 §5.2: west is greater than east where a box crosses it."""
    boxes = [
        described(in_crs("EPSG:4326", Affine(1, 0, west, 0, -1, 20)), tmp_path)["bounds_wgs84"]
        for west in (116.0, 135.0, 200.0, -250.0)
    ]
    assert boxes == [[116, -12, 180, 20], [135, -12, -161, 20], [-160, -12, -96, 20], [110, -12, 174, 20]]


@pytest.mark.parametrize("root", ["", "https://tiles.example.com", "https://example.com/deep/er"])
def test_links_lead_to_what_they_say(root: str, tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(gdal_tiff("jpeg-grey"))
    config = f"[server]\npublic_url = '{root}/'\n" if root else ""
    app = client(tmp_path, config + layer("a", "a.tif"))
    about = app.get("/layers/a").get_json()
    for link in about["links"]:
        assert link["href"].startswith(f"{root}/")
        url = link["href"].removeprefix(root).format(z=about["maxzoom"], x=1, y=1)
        reply = app.get(url)
        assert (reply.status_code, reply.content_type) == (200, link.get("type", "image/jpeg"))
    tilesets = "http://www.opengis.net/def/rel/ogc/1.0/tilesets-map"
    assert {link["rel"] for link in about["links"]} == {"self", "tiles", "terrain", "gdal", "cog", "wmts", tilesets}
    listed = app.get("/layers").get_json()["layers"]
    assert [row["href"] for row in listed] == [f"{root}/layers/a"]


def test_the_list_says_what_each_layer_offers_and_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "good.tif").write_bytes(gdal_tiff("webp-lossy"))
    (tmp_path / "mute.tif").write_bytes(gdal_tiff("deflate"))
    (tmp_path / "text.tif").write_text("this is no image")
    config = "".join(layer(name, f"{name}.tif", f"title = '{name}!'") for name in ("good", "mute", "text", "gone"))
    rows = {row["name"]: row for row in client(tmp_path, config).get("/layers").get_json()["layers"]}
    assert list(rows) == ["good", "mute", "text", "gone"]
    assert (rows["good"]["status"], rows["good"]["formats"]) == ("ok", ["webp", "tif"])
    size = (KINDS["webp-lossy"].width, KINDS["webp-lossy"].height)
    assert (rows["good"]["width"], rows["good"]["height"], rows["good"]["title"]) == (*size, "good!")
    assert (rows["mute"]["status"], rows["mute"]["formats"]) == ("ok", ["png", "tif", "bin"])
    assert (rows["text"]["status"], rows["gone"]["status"]) == ("error", "error")
    assert "TIFF" in rows["text"]["reason"]
    assert rows["gone"]["reason"] == "the layer's file is not there"


@pytest.mark.parametrize("path", ["/", "/layers"])
def test_a_list_does_not_wait_for_a_slow_origin_nor_take_it_for_a_dead_one(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, may_answer = Event(), Event()

    def hold(connection: Connection, reply: Reply) -> None:
        asked.set()
        may_answer.wait(20)
        send(connection, reply)

    monkeypatch.setattr(openers, "PATIENCE_S", 0.01)
    with Origin() as origin:
        origin.put("/a.tif", gdal_tiff("jpeg-grey"))
        origin.fail("/a.tif", hold)
        app = client(tmp_path, layer("a", f"{origin.url}/a.tif"))
        assert "not opened yet" in app.get(path, headers={"Accept": "text/html"}).text.lower()
        assert asked.wait(20)
        may_answer.set()
        assert app.get("/layers/a/tiles/native/0/0/0.jpg").status_code == 200


@pytest.mark.parametrize(
    ("kind", "formats"),
    [
        ("jpeg-ycbcr", ["jpg", "tif"]),
        ("jpeg-mask", ["jpg", "png", "tif"]),
        ("webp-rgba", ["webp", "tif"]),
        ("deflate", ["png", "tif", "bin"]),
        ("lzw", ["tif", "bin"]),
        ("zstd-float", ["tif", "bin"]),
        ("lerc", ["tif", "bin"]),
    ],
)
def test_each_format_is_offered_or_the_reason_is_told(kind: str, formats: list[str], tmp_path: Path) -> None:
    about = described(gdal_tiff(kind), tmp_path)
    assert about["formats"] == formats
    assert about["formats_not_offered"].keys() == {"jpg", "webp", "png", "jxl", "tif", "bin"} - set(formats)
    assert all(about["formats_not_offered"].values())
    links = [link["href"].rpartition("{y}")[2] for link in about["links"] if link["rel"] == "tiles"]
    is_picture = formats[0] in ("jpg", "webp", "png")
    assert links == [*([""] if is_picture else []), *(f".{name}" for name in formats)]
    assert {level["auto"] for level in about["levels"]} == {is_picture}


@pytest.mark.parametrize(("path", "accept"), [("/", "text/html"), ("/layers", "*/*"), ("/layers/a", "*/*")])
def test_documents_are_revalidated(path: str, accept: str, tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(gdal_tiff("jpeg-grey"))
    app = client(tmp_path, layer("a", "a.tif"))
    full = app.get(path, headers={"Accept": accept})
    etag = full.headers["ETag"]
    assert (full.status_code, full.headers["Cache-Control"]) == (200, "no-cache")
    assert etag.startswith('"')
    for method in ("GET", "HEAD"):
        not_modified = app.open(path, method=method, headers={"Accept": accept, "If-None-Match": f'"x", W/{etag}'})
        assert (not_modified.status_code, not_modified.data, not_modified.headers["ETag"]) == (304, b"", etag)
        assert "Content-Type" not in not_modified.headers
    head = app.head(path, headers={"Accept": accept})
    assert (head.status_code, head.data, head.content_length) == (200, b"", len(full.data))
    (tmp_path / "a.tif").write_bytes(gdal_tiff("webp-lossy"))
    assert app.get(path, headers={"If-None-Match": etag}).status_code == 200


@pytest.mark.parametrize(
    ("kind", "units"), [("jpeg-ycbcr", "m"), ("jpeg-mask", "degrees"), ("odd-factors", "m"), ("oblong-tiles", "m")]
)
def test_clients_can_build_the_grid_by_themselves(kind: str, units: str, tmp_path: Path) -> None:
    """The bounds of each tile follow from the origin, the resolutions and the sizes, as GDAL has them."""
    about = described(gdal_tiff(kind), tmp_path)
    assert about["units"] == units
    with MemoryFile(gdal_tiff(kind)) as memory, memory.open() as dataset:
        x, y = dataset.transform * (0, 0)
        assert about["origin"] == [x, y]
        resolutions = [level["resolution"] for level in about["levels"]]
        if kind == "odd-factors":
            assert resolutions == [None] * len(resolutions)
        else:
            factors = [1, *dataset.overviews(1)]
            assert resolutions == pytest.approx([dataset.transform.a * factor for factor in reversed(factors)])
    assert about["grids"] == ["native"]


def test_units_of_feet_are_told_apart(tmp_path: Path) -> None:
    data = placed_tiff(Placed("EPSG:2227", (6000000.25, 2100000.5, 1.5), ((300, 200),), 128))
    assert described(data, tmp_path)["units"] == "us-ft"


def test_a_layer_on_the_grid_of_web_maps_links_to_its_documents(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(web_mercator_tiff())
    app = client(tmp_path, layer("a", "a.tif"))
    about = app.get("/layers/a").get_json()
    assert about["grids"] == ["native", "WebMercatorQuad"]
    links = {link["rel"]: link for link in about["links"]}
    for rel in ("tilejson", "tms", "gdal", "wmts"):
        reply = app.get(links[rel]["href"])
        assert (reply.status_code, reply.content_type) == (200, links[rel]["type"])
