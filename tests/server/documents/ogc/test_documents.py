"""OGC API Common and Tiles: documents that are valid by OGC's schemas, say what GDAL says of the file, and lead on."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path
from typing import Any, Final

import pytest
from flask.testing import FlaskClient
from pyproj import CRS, Transformer
from rasterio.io import DatasetReader, MemoryFile
from rasterio.transform import Affine
from rasterio.warp import transform_bounds

from tests.support.app import client, layer, problem
from tests.support.geotiffs import in_crs
from tests.support.ogcapi import check_api, check_tms, registered_web_mercator
from tests.support.tiffs import gdal_tiff
from tests.support.webmercator import web_mercator_tiff

Json = dict[str, Any]

MADE_UP: Final = (
    "+proj=lcc +lat_0=41 +lon_0=7.123 +lat_1=40.5 +lat_2=43.5 +x_0=123456 +y_0=654321 +datum=WGS84 +units=m +no_defs"
)
UTM: Final = Affine(10, 0, 430000, 0, -10, 4480000)
FILES: Final[dict[str, Callable[[], bytes]]] = {
    "jpeg-mask": lambda: gdal_tiff("jpeg-mask"),  # EPSG:4326, latitude first
    "jpeg-grey": lambda: gdal_tiff("jpeg-grey"),  # EPSG:2193, northing first
    "deflate": lambda: gdal_tiff("deflate"),  # EPSG:3857, on no grid
    "zstd-float": lambda: gdal_tiff("zstd-float"),
    "aligned": web_mercator_tiff,
    "aligned-512": lambda: web_mercator_tiff(side=512),
    "esri": lambda: in_crs("ESRI:102003", Affine(30, 0, -600000, 0, -30, 200000)),
    "made-up": lambda: in_crs(MADE_UP, UTM),
    "feet": lambda: in_crs("EPSG:2263", Affine(2, 0, 980000, 0, -2, 200000)),
    "polar": lambda: in_crs("EPSG:3031", Affine(500, 0, -100000, 0, -500, 100000)),
}
PAGES: Final = (
    *("/conformance", "/api", "/collections", "/collections/aligned", "/collections/made-up", "/tileMatrixSets"),
    *("/collections/aligned/map/tiles", "/collections/aligned/map/tiles/WebMercatorQuad"),
    *("/tileMatrixSets/WebMercatorQuad512", "/tileMatrixSets/native.made-up", "/tileMatrixSets/native.esri"),
)
OPENAPI: Final = "application/vnd.oai.openapi+json;version=3.0"
WITHOUT: Final = {"odd-factors": "rotated", "gone": "not there"}
"""Layers without tilesets, and why."""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    folder = tmp_path_factory.mktemp("layers")
    for name, data in FILES.items():
        (folder / f"{name}.tif").write_bytes(data())
    (folder / "odd-factors.tif").write_bytes(gdal_tiff("odd-factors"))
    config = "".join(layer(name, f"{name}.tif", f"title = 'The {name}'") for name in (*FILES, *WITHOUT))
    return client(folder, "[server]\ntitle = 'Tiles'\n" + config)


def get(app: FlaskClient, path: str) -> Json:
    reply = app.get(path)
    assert (reply.status_code, reply.content_type) == (200, "application/json"), reply.text
    body: Json = reply.get_json()
    return body


def hrefs(about: Json, rel: str) -> list[str]:
    """The targets of the links of a relation, given by its last part."""
    return [link["href"].removeprefix("http://localhost") for link in about["links"] if link["rel"].endswith(rel)]


@pytest.mark.parametrize(
    ("path", "response"),
    [
        ("/", "LandingPage"),
        ("/conformance", "Conformance"),
        ("/collections", "CollectionsList"),
        ("/tileMatrixSets", "TileMatrixSetsList"),
    ],
)
def test_the_documents_about_all_are_valid(path: str, response: str, app: FlaskClient) -> None:
    check_api(response, get(app, path))


@pytest.mark.parametrize("name", FILES)
def test_the_documents_of_a_layer_are_valid_and_lead_on(name: str, app: FlaskClient) -> None:
    """From the landing page to a tile, by links alone."""
    listed = get(app, hrefs(get(app, "/"), "data")[0])["collections"]
    about = next(each for each in listed if each["id"] == name)
    collection = get(app, hrefs(about, "self")[0])
    assert collection == about
    check_api("Collection", collection)
    tilesets = get(app, hrefs(collection, "tilesets-map")[0])
    check_api("TileSetsList", tilesets)
    for item in tilesets["tilesets"]:
        tileset = get(app, hrefs(item, "self")[0])
        check_api("TileSet", tileset)
        check_tms("tileSet", tileset)
        tile_matrix_set = get(app, hrefs(tileset, "tiling-scheme")[0])
        assert hrefs(item, "tiling-scheme") == hrefs(tileset, "tiling-scheme") == hrefs(tile_matrix_set, "self")
        check_api("TileMatrixSet", tile_matrix_set)
        check_tms("tileMatrixSet", tile_matrix_set)
        assert tile_matrix_set["crs"] == tileset["crs"] == item["crs"]
        assert_tiles_are_where_the_limits_say(app, tileset, tile_matrix_set)


def assert_tiles_are_where_the_limits_say(app: FlaskClient, tileset: Json, tile_matrix_set: Json) -> None:
    items = [link for link in tileset["links"] if link["rel"] == "item"]
    assert tileset["mediaTypes"] == [link["type"] for link in items]
    matrices = {matrix["id"]: matrix for matrix in tile_matrix_set["tileMatrices"]}
    for limits in tileset["tileMatrixSetLimits"]:
        matrix = matrices[limits["tileMatrix"]]
        assert limits["maxTileRow"] < matrix["matrixHeight"]
        assert limits["maxTileCol"] < matrix["matrixWidth"]
    limits = tileset["tileMatrixSetLimits"][-1]
    last = {"tileMatrix": limits["tileMatrix"], "tileRow": limits["maxTileRow"], "tileCol": limits["maxTileCol"]}
    for link in items:
        assert link["templated"] is True
        reply = app.get(link["href"].format(**last))
        assert reply.status_code in (200, 204)  # GDAL leaves out tiles of nothing
        assert "immutable" in reply.headers["Cache-Control"]
        if reply.status_code == 200:
            types = {"image/vnd.jpeg-png": ("image/jpeg", "image/png")}  # as GeoServer has it: one of both
            assert reply.content_type in types.get(link["type"], (link["type"].replace("; ", ";"),))
        beyond = app.get(link["href"].format(**{**last, "tileRow": last["tileRow"] + 1}))
        assert beyond.status_code == 404


def test_the_links_of_the_landing_page_lead_somewhere(app: FlaskClient) -> None:
    links = get(app, "/")["links"]
    for link in links:
        reply = app.get(link["href"])
        assert reply.status_code == 200, link
        assert reply.content_type.partition("; charset")[0] == link["type"]
    wanted = {"self", "alternate", "service-desc", "conformance", "data"}
    wanted |= {f"http://www.opengis.net/def/rel/ogc/1.0/{rel}" for rel in ("conformance", "data", "tiling-schemes")}
    assert wanted <= {link["rel"] for link in links}


@pytest.mark.parametrize(
    ("accept", "query", "media_type"),
    [
        (None, "", "application/json"),
        ("*/*", "", "application/json"),
        ("application/geo+json, application/json", "", "application/json"),  # GDAL
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "", "text/html; charset=utf-8"),
        ("text/html", "?f=json", "application/json"),
        ("application/json", "?f=html", "text/html; charset=utf-8"),
    ],
)
@pytest.mark.parametrize("path", ["/", *PAGES])
def test_documents_are_pages_for_browsers_alone(
    path: str, accept: str | None, query: str, media_type: str, app: FlaskClient
) -> None:
    reply = app.get(f"{path}{query}", headers={} if accept is None else {"Accept": accept})
    json = OPENAPI if path == "/api" else "application/json"
    assert (reply.status_code, reply.content_type) == (200, media_type.replace("application/json", json))
    assert "Accept" in reply.vary


@pytest.mark.parametrize("path", PAGES)
def test_a_page_has_the_links_and_values_of_its_json(path: str, app: FlaskClient) -> None:
    about = app.get(f"{path}?f=json").get_json(force=True)
    reply = app.get(path, headers={"Accept": "text/html"})
    links = {unescape(link) for link in re.findall('href="([^"]*)"', reply.text)}
    text = unescape(re.sub("<[^>]*>", "", reply.text))
    for link in links:
        if not link.startswith(("http:", "#", "?", "/static")):
            assert app.get(link.replace("{", "0").replace("}", "")).status_code == 200, link
    if path == "/api":
        assert all(operation in text for operation in about["paths"])
        assert all(name in text for name in about["components"]["schemas"])
        return
    templated = {link["href"] for link in about["links"] if link.get("templated")} if "links" in about else set()
    wanted = {link.removeprefix("http://localhost") for link in linked(about)} - {path}
    seen = links | {link for link in wanted if link in text and f"http://localhost{link}" in templated}
    assert wanted <= seen
    for value in values(about):
        assert value in text, value


def linked(about: Json) -> set[str]:
    """The targets of all links in a document, and the URIs that it names."""
    links = {link["href"] for link in about.get("links", [])}
    for part in (*about.get("collections", []), *about.get("tilesets", []), *about.get("tileMatrixSets", [])):
        links |= {link["href"] for link in part["links"] if link["rel"] == "self"}
    return links | set(about.get("conformsTo", []))


def values(about: Json) -> Iterator[str]:
    """Titles, names and numbers of a document as a page shows them."""
    parts = [about, *about.get("collections", []), *about.get("tileMatrixSets", []), *about.get("tilesets", [])]
    for part in parts:
        yield from (part[key] for key in ("title", "id", "version") if key in part)
    for matrix in about.get("tileMatrices", []):
        yield f"{matrix['matrixWidth']:,} × {matrix['matrixHeight']:,}"
        yield from (f"{matrix[key]:,.10g}" for key in ("scaleDenominator", "cellSize"))
    for limits in about.get("tileMatrixSetLimits", []):
        yield f"{limits['minTileRow']:,} to {limits['maxTileRow']:,}"
    for box in about.get("extent", {}).get("spatial", {}).get("bbox", []):
        yield from (f"{value:.6f}°" for value in box)


def test_long_lists_are_paged_for_browsers_too(app: FlaskClient) -> None:
    url, titles = "/collections?limit=4", []
    while url:
        text = app.get(url, headers={"Accept": "text/html"}).text
        titles += re.findall(r'<a href="/collections/[^"]*">The ([^<]*)</a>', text)
        following = re.findall('rel="next" href="([^"]*)"', text)
        url = unescape(following[0]) if following else ""
    assert titles == list(FILES)


@pytest.mark.parametrize(
    "path", ["/", "/conformance", "/api", "/collections", "/collections/deflate", "/tileMatrixSets/WebMercatorQuad"]
)
def test_a_format_that_there_is_not_is_a_400_that_says_what_there_is(path: str, app: FlaskClient) -> None:
    assert "json" in problem(app.get(f"{path}?f=xml"), 400)
    assert app.get(f"{path}?f=json").status_code == 200


def test_a_layer_that_no_tile_matrix_set_describes_says_why(app: FlaskClient) -> None:
    listed = {each["id"] for each in get(app, "/collections")["collections"]}
    assert listed == FILES.keys()
    for path in (
        "/collections/odd-factors",
        "/collections/odd-factors/map/tiles",
        "/tileMatrixSets/native.odd-factors",
    ):
        assert WITHOUT["odd-factors"] in problem(app.get(path), 404)
    assert WITHOUT["gone"] in problem(app.get("/collections/gone"), 404)


def test_collections_lead_to_the_vrt_where_gdal_can_have_the_layer(app: FlaskClient) -> None:
    for collection in get(app, "/collections")["collections"]:
        offered = any(link["rel"] == "gdal" for link in get(app, f"/layers/{collection['id']}")["links"])
        assert hrefs(collection, "alternate") == [f"/layers/{collection['id']}/gdal.vrt"] * offered


@pytest.mark.parametrize(
    "path",
    [
        "/collections/none",
        "/collections/deflate/map",
        "/collections/deflate/map/tiles/WebMercatorQuad",
        "/collections/deflate/map/tiles/none",
        "/tileMatrixSets/none",
        "/tileMatrixSets/native.none",
        "/tileMatrixSets/native.",
        "/tileMatrixSets/native",
    ],
)
def test_what_there_is_not_is_a_404(path: str, app: FlaskClient) -> None:
    problem(app.get(path), 404)


def test_an_unknown_tile_matrix_set_leads_to_the_list(app: FlaskClient) -> None:
    assert "all are at /tileMatrixSets" in problem(app.get("/tileMatrixSets/WebMercator"), 404)


@contextmanager
def opened(name: str) -> Iterator[Any]:
    """GDAL's view of a layer's file."""
    with MemoryFile(FILES[name]()) as memory, memory.open() as dataset:
        yield dataset


@pytest.mark.parametrize("name", FILES)
def test_a_layer_lies_where_gdal_says(name: str, app: FlaskClient) -> None:
    with opened(name) as dataset:
        assert_lies_where_gdal_says(name, app, dataset)


def assert_lies_where_gdal_says(name: str, app: FlaskClient, dataset: DatasetReader) -> None:
    extent = get(app, f"/collections/{name}")["extent"]["spatial"]
    bounds = transform_bounds(dataset.crs, "OGC:CRS84", *dataset.bounds, densify_pts=21)
    assert extent["bbox"] == [pytest.approx(bounds, abs=1e-7)]
    actual = get(app, f"/tileMatrixSets/native.{name}")
    for matrix in actual["tileMatrices"]:
        x, y = easting_first(actual, matrix["pointOfOrigin"])
        assert (x, y) == pytest.approx((dataset.transform.c, dataset.transform.f), rel=1e-12)
    finest = actual["tileMatrices"][-1]
    assert finest["cellSize"] == pytest.approx(dataset.transform.a, rel=1e-9)
    assert (finest["tileHeight"], finest["tileWidth"]) == dataset.block_shapes[0]
    box = get(app, f"/collections/{name}/map/tiles/native")["boundingBox"]
    left, bottom = easting_first(actual, box["lowerLeft"])
    right, top = easting_first(actual, box["upperRight"])
    assert (left, bottom, right, top) == pytest.approx(tuple(dataset.bounds), rel=1e-12)


def easting_first(tile_matrix_set: Json, point: list[float]) -> list[float]:
    """A point in x, y order, by what the axes of the document's own CRS are."""
    crs = tile_matrix_set["crs"]
    reference = CRS.from_user_input(crs) if isinstance(crs, str) else CRS.from_json_dict(crs["wkt"])
    swaps = reference.axis_info[0].direction == "north" and reference.axis_info[1].direction == "east"
    assert (tile_matrix_set["orderedAxes"][0] in ("N", "Lat")) == swaps
    return point[::-1] if swaps else point


def test_a_crs_without_a_code_is_told_in_full(app: FlaskClient) -> None:
    crs = CRS.from_json_dict(get(app, "/collections/made-up/map/tiles/native")["crs"]["wkt"])
    with opened("made-up") as dataset:
        theirs = CRS.from_wkt(dataset.crs.to_wkt())
        place = dataset.transform.c, dataset.transform.f
    ways = [Transformer.from_crs(each, "OGC:CRS84", always_xy=True) for each in (crs, theirs)]
    assert ways[0].transform(*place) == pytest.approx(ways[1].transform(*place), abs=1e-11)
    assert get(app, "/collections/esri/map/tiles/native")["crs"] == "http://www.opengis.net/def/crs/ESRI/0/102003"


def test_web_mercator_is_as_it_is_registered(app: FlaskClient) -> None:
    actual, registered = get(app, "/tileMatrixSets/WebMercatorQuad"), registered_web_mercator()
    for key in ("id", "uri", "crs", "orderedAxes", "wellKnownScaleSet"):
        assert actual[key] == registered[key]
    assert len(actual["tileMatrices"]) >= len(registered["tileMatrices"])
    for ours, theirs in zip(actual["tileMatrices"], registered["tileMatrices"], strict=False):
        for key, value in theirs.items():
            assert ours[key] == (value if isinstance(value, str) else pytest.approx(value, rel=1e-13))


def test_tiles_of_512_pixels_are_of_another_set(app: FlaskClient) -> None:
    """The registered one has tiles of 256; a client would stretch them, or take the wrong ones."""
    items = {
        name: get(app, f"/collections/{name}/map/tiles")["tilesets"] for name in ("aligned", "aligned-512", "deflate")
    }
    assert [len(tilesets) for tilesets in items.values()] == [2, 2, 1]
    uri = registered_web_mercator()["uri"]
    assert [tilesets.get("tileMatrixSetURI") for tilesets in items["aligned"]] == [None, uri]
    assert [tilesets.get("tileMatrixSetURI") for tilesets in items["aligned-512"]] == [None, None]
    assert hrefs(items["aligned-512"][1], "tiling-scheme") == ["/tileMatrixSets/WebMercatorQuad512"]
    matrices = get(app, "/tileMatrixSets/WebMercatorQuad512")["tileMatrices"]
    assert [(matrix["tileWidth"], matrix["matrixWidth"]) for matrix in matrices[:3]] == [(512, 1), (512, 2), (512, 4)]


def test_documents_are_revalidated(app: FlaskClient, tmp_path: Path) -> None:
    for path in ("/", "/api", "/conformance", "/collections", "/collections/deflate/map/tiles/native"):
        full = app.get(path)
        for method in ("GET", "HEAD"):
            not_modified = app.open(path, method=method, headers={"If-None-Match": full.headers["ETag"]})
            assert (not_modified.status_code, not_modified.data) == (304, b"")
        assert app.head(path).content_length == len(full.data)
        assert full.headers["Access-Control-Allow-Origin"] == "*"


def test_a_list_is_had_in_parts(tmp_path: Path) -> None:
    """Each layer once, in the order of the config; layers without tilesets take no places."""
    (tmp_path / "a.tif").write_bytes(gdal_tiff("jpeg-grey"))
    (tmp_path / "rotated.tif").write_bytes(gdal_tiff("odd-factors"))
    names = [f"layer{number}" for number in range(7)]
    tables = (layer(name, "a.tif") + layer(f"not-{name}", "rotated.tif") for name in names)
    app = client(tmp_path, "".join(tables))
    for path, key in (("/collections", "collections"), ("/tileMatrixSets", "tileMatrixSets")):
        entries, pages, href = [], 0, f"{path}?limit=3"
        while href:
            page = get(app, href)
            entries += [each["id"].removeprefix("native.") for each in page[key]]
            pages, href = pages + 1, next(iter(hrefs(page, "next")), "")
        assert ([name for name in entries if name.startswith("layer")], pages) == (names, 3)
        assert hrefs(page, "prev") == [f"{path}?limit=3&offset=3"]
        assert len(get(app, path)[key]) >= 7
    last = get(app, "/collections?limit=3&offset=6")
    assert (last["numberMatched"], last["numberReturned"]) == (7, 1)
    assert get(app, "/collections?offset=7")["collections"] == []
    assert len(get(app, "/collections?limit=999999999")["collections"]) == 7


def test_as_many_collections_match_as_all_pages_list(app: FlaskClient) -> None:
    """Layers without tilesets are in no page, so whoever counts on them would wait for ever."""
    listed: list[str] = []
    matched, href = set(), "/collections?limit=4"
    while href:
        page = get(app, href)
        assert page["numberReturned"] == len(page["collections"])
        matched.add(page["numberMatched"])
        listed += [each["id"] for each in page["collections"]]
        href = next(iter(hrefs(page, "next")), "")
    assert matched == {len(FILES)}
    assert listed == list(FILES)


@pytest.mark.parametrize("path", ["/collections", "/tileMatrixSets"])
@pytest.mark.parametrize("query", ["", "?limit=3", "?offset=6", "?limit=3&offset=3", "?limit=999999999", "?offset=99"])
def test_a_part_of_a_list_links_to_itself(path: str, query: str, app: FlaskClient) -> None:
    asked = get(app, path + query)
    (href,) = hrefs(asked, "self")
    assert get(app, href) == asked
    assert (href == path) is (query == "")


@pytest.mark.parametrize("query", ["limit=0", "limit=-1", "limit=", "limit=1e3", "limit=٣", "offset=x", "offset=-1"])
def test_a_part_that_cannot_be_is_a_400(query: str, app: FlaskClient) -> None:
    assert "wanted a number" in problem(app.get(f"/collections?{query}"), 400)
