"""OGC's conformance suite for WMTS 1.0.0 (opengeospatial/ets-wmts10): GetTile and GetFeatureInfo, by GET.

See `test_conformance`. The suite looks at the middle layer, format, set and matrix; these look at all of them.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from flask.testing import FlaskClient
from rasterio.io import MemoryFile

from tests.support.decode import decoded
from tests.support.ogc import NAMESPACES, Element
from tests.support.wmts import Matrix, Tile, assert_exception, kvp, matrices, tiles

JPEG_PNG = "image/vnd.jpeg-png"
TYPES = {JPEG_PNG: {"image/jpeg", "image/png"}}
"""Format that is one of several for each tile -> their media types."""
DRIVERS = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP", "image/tiff;application=geotiff": "GTiff"}

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")


@pytest.fixture(scope="module")
def some(root: Element) -> list[Tile]:
    """A tile of each layer, format and tile matrix."""
    by_matrix = {(tile.layer, tile.media_type, tile.tile_matrix_set, tile.tile_matrix): tile for tile in tiles(root)}
    assert len(by_matrix) > 30
    return list(by_matrix.values())


def each(root: Element) -> Iterator[tuple[Matrix, Tile]]:
    """Each matrix with one of its tiles."""
    for layer in root.findall(".//wmts:Contents/wmts:Layer", NAMESPACES):
        for matrix in matrices(root, layer):
            of = next(tile for tile in tiles(root) if tile.layer == matrix.layer)
            yield matrix, Tile(
                of.layer, of.style, of.media_type, of.template, matrix.tile_matrix_set, matrix.tile_matrix,
                matrix.rows[1], matrix.cols[1], *matrix.size,
            )  # fmt: skip


def kvp_url(tile: Tile) -> str:
    return kvp(tile.pairs)


def rest_url(tile: Tile) -> str:
    return tile.path


def assert_all_are_there(app: FlaskClient, root: Element, url: Callable[[Tile], str]) -> None:
    promised = list(tiles(root))
    assert len(promised) > 200
    for tile in promised:
        reply = app.get(url(tile))
        if reply.status_code == 204:
            assert_is_hidden(app, tile, url)
            continue
        assert reply.status_code == 200, f"{tile}: {reply.text}"
        assert reply.content_type in TYPES.get(tile.media_type, {tile.media_type})


def assert_is_hidden(app: FlaskClient, tile: Tile, url: Callable[[Tile], str]) -> None:
    """Check that a tile without a picture in the first format is one of which nothing is visible."""
    assert tile.media_type == JPEG_PNG
    as_png = replace(tile, media_type="image/png", template=tile.template.replace(".jpegpng", ".png"))
    assert not decoded(app.get(url(as_png)).data)[3].any()


def assert_are_of_their_format(app: FlaskClient, some: list[Tile], url: Callable[[Tile], str]) -> None:
    for tile in some:
        reply = app.get(url(tile))
        if reply.status_code == 200:
            with MemoryFile(reply.data) as memory, memory.open() as dataset:
                assert dataset.driver == DRIVERS[reply.content_type]


def assert_are_of_their_size(app: FlaskClient, root: Element, url: Callable[[Tile], str]) -> None:
    for tile in tiles(root):
        reply = app.get(url(tile))
        if reply.status_code == 200:
            assert decoded(reply.data).shape[1:] == (tile.height, tile.width)


def assert_shows_nothing_where_there_is_none(app: FlaskClient, root: Element, url: Callable[[Tile], str]) -> None:
    """The corner of the ellipse that the mask is."""
    corner = next(
        tile
        for tile in tiles(root)
        if (tile.layer, tile.media_type, tile.row, tile.col) == ("masked", "image/png", 0, 0)
    )
    alpha = decoded(app.get(url(corner)).data)[3]
    assert alpha[0, 0] == 0
    assert alpha.max() == 255


def test_Server_KVP_GET_GetTile_Mandatory(app: FlaskClient, root: Element) -> None:
    assert_all_are_there(app, root, kvp_url)


@pytest.mark.parametrize(
    "name", ["layer", "style", "format", "TileMatrixSet", "TileMatrix", "TileRow", "TileCol", "version"]
)
def test_Server_KVP_GET_GetTile_Missing(name: str, app: FlaskClient, some: list[Tile]) -> None:
    for tile in some:
        pairs = {key: value for key, value in tile.pairs.items() if key != name}
        assert_exception(app.get(kvp(pairs)), "MissingParameterValue", name)
        assert_exception(app.get(kvp({**pairs, name: ""})), "MissingParameterValue", name)


@pytest.mark.parametrize(
    ("key", "test"),
    [
        ("layer", "Server.KVP.GET.GetTile.Invalid.Layer"),
        ("TileMatrixSet", "Server.KVP.GET.GetTile.Invalid.TileMatrixSet"),
        ("TileMatrix", "Server.KVP.GET.GetTile.Invalid.TileMatrix"),
        ("Style", "Server.KVP.GET.GetTile.Invalid.Tile.Style"),
        ("Format", "Server.KVP.GET.GetTile.Invalid.Tile.Format"),
        ("version", "the version of another standard"),
    ],
)
def test_Server_KVP_GET_GetTile_Invalid(key: str, test: str, app: FlaskClient, some: list[Tile]) -> None:
    for tile in some:
        pairs = {name: value for name, value in tile.pairs.items() if name.lower() != key.lower()}
        for bogus in ("BOGUS", "99", "image/bogus", "-1", "٣", "a@b", "\x01\ufffe<&\"'", "native.", "0/0/0"):
            assert_exception(app.get(kvp({**pairs, key: bogus})), "InvalidParameterValue", key)


def test_Server_KVP_GET_GetTile_Invalid_Tile_Row_TileMatrixSetLimits(app: FlaskClient, root: Element) -> None:
    for matrix, tile in each(root):
        for row in (matrix.rows[1] + 1, matrix.rows[0] - 1, 9_999_999_999, 10**30):
            assert_exception(app.get(kvp_url(tile.at(row, matrix.cols[0]))), "TileOutOfRange", "TileRow")


def test_Server_KVP_GET_GetTile_Invalid_Tile_Col_TileMatrixSetLimits(app: FlaskClient, root: Element) -> None:
    for matrix, tile in each(root):
        for col in (matrix.cols[1] + 1, matrix.cols[0] - 1, 9_999_999_999, 10**30):
            assert_exception(app.get(kvp_url(tile.at(matrix.rows[0], col))), "TileOutOfRange", "TileCol")


@pytest.mark.parametrize("name", ["TileRow", "TileCol"])
@pytest.mark.parametrize("number", ["1e3", "٣", "0x1", "1.0", " 1", "+1", "NaN", "²", "1_0"])
def test_what_is_no_whole_number_in_digits_is_invalid(
    name: str, number: str, app: FlaskClient, some: list[Tile]
) -> None:
    assert_exception(app.get(kvp({**some[0].pairs, name: number})), "InvalidParameterValue", name)


def test_Server_KVP_GET_GetTile_Valid_Tile_Format(app: FlaskClient, some: list[Tile]) -> None:
    assert_are_of_their_format(app, some, kvp_url)


def test_Server_KVP_GET_GetTile_Valid_Tile_Size(app: FlaskClient, root: Element) -> None:
    assert_are_of_their_size(app, root, kvp_url)


def test_Server_KVP_GET_GetTile_Valid_Tile_Transparency(app: FlaskClient, root: Element) -> None:
    assert_shows_nothing_where_there_is_none(app, root, kvp_url)


def test_Server_RESTful_GetTile_Mandatory(app: FlaskClient, root: Element) -> None:
    assert_all_are_there(app, root, rest_url)


def changed(tile: Tile, number: int, value: str | None) -> str:
    """The path of a tile with another segment, counted from `/wmts/1.0.0/`, or without it."""
    head, segments = tile.path.split("/")[:3], tile.path.split("/")[3:]
    segments[number : number + 1] = [] if value is None else [value]
    return "/".join(head + segments)


@pytest.mark.parametrize("number", range(6))
def test_Server_RESTful_GetTile_Missing(number: int, app: FlaskClient, some: list[Tile]) -> None:
    for tile in some:
        assert app.get(changed(tile, number, None)).status_code == 404
        assert app.get(changed(tile, number, "")).status_code == 404


REST_TESTS = {
    "Server.RESTful.GetTile.Invalid.Layer": (0, ["BOGUS", "BOGUS@0123456789abcdef"]),
    "Server.RESTful.GetTile.Invalid.Tile.Style": (1, ["BOGUS", "Default"]),
    "Server.RESTful.GetTile.Invalid.TileMatrixSet": (2, ["BOGUS", "native", "native.BOGUS", "webmercatorquad"]),
    "Server.RESTful.GetTile.Invalid.TileMatrix": (3, ["BOGUS", "99", "-1", "٣", "1e3"]),
    "Server.RESTful.GetTile.Invalid.Tile.Row": (4, ["BOGUS", "9999999999", "-1", "٣", "1e3"]),
    "Server.RESTful.GetTile.Invalid.Tile.Col": (
        5,
        ["BOGUS.png", "9999999999.png", "-1.jpg", "٣.jpg", "0.bogus", "0.bin"],
    ),
}


@pytest.mark.parametrize("test", REST_TESTS)
def test_Server_RESTful_GetTile_Invalid(test: str, app: FlaskClient, some: list[Tile]) -> None:
    number, values = REST_TESTS[test]
    for tile in some:
        for value in values:
            assert app.get(changed(tile, number, value)).status_code == 404


def test_Server_RESTful_GetTile_Invalid_Tile_Row_TileMatrixSetLimits(app: FlaskClient, root: Element) -> None:
    for matrix, tile in each(root):
        assert app.get(tile.at(matrix.rows[1] + 1, matrix.cols[0]).path).status_code == 404


def test_Server_RESTful_GetTile_Invalid_Tile_Col_TileMatrixSetLimits(app: FlaskClient, root: Element) -> None:
    for matrix, tile in each(root):
        assert app.get(tile.at(matrix.rows[0], matrix.cols[1] + 1).path).status_code == 404


def test_Server_RESTful_GetTile_Valid_Tile_Format(app: FlaskClient, some: list[Tile]) -> None:
    assert_are_of_their_format(app, some, rest_url)


def test_Server_RESTful_GetTile_Valid_Tile_Size(app: FlaskClient, root: Element) -> None:
    assert_are_of_their_size(app, root, rest_url)


def test_Server_RESTful_GetTile_Valid_Tile_Transparency(app: FlaskClient, root: Element) -> None:
    assert_shows_nothing_where_there_is_none(app, root, rest_url)


def test_Server_KVP_GET_GetFeatureInfo_NonQueryable_Layer(app: FlaskClient, some: list[Tile]) -> None:
    pairs = {**some[0].pairs, "request": "GetFeatureInfo", "InfoFormat": "text/plain", "I": "0", "J": "0"}
    assert_exception(app.get(kvp(pairs)), "OperationNotSupported", "GetFeatureInfo", 501)
