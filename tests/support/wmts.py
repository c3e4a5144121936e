"""A WMTS as its clients use it: requests by key-value pairs, and the tiles that its capabilities promise."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, Self
from urllib.parse import quote, urlsplit

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.support.ogc import EXCEPTIONS, NAMESPACES, Element, texts, valid

REST: Final = "/wmts/1.0.0/WMTSCapabilities.xml"
GET_CAPABILITIES: Final = {"service": "WMTS", "request": "GetCapabilities"}


def kvp(pairs: dict[str, str]) -> str:
    """The URL of a request by key-value pairs."""
    return "/wmts?" + "&".join(f"{key}={quote(value, safe='/;')}" for key, value in pairs.items())


def capabilities(app: FlaskClient, url: str = kvp(GET_CAPABILITIES)) -> Element:
    """The root of a valid document."""
    reply = app.get(url)
    assert reply.status_code == 200, reply.text
    assert reply.content_type == "application/xml"
    return valid(reply.data)


def assert_exception(reply: TestResponse, code: str, locator: str | None, status: int = 400) -> None:
    """Check that the reply is a valid report of this one exception; locators in any case, as the suite takes them."""
    assert reply.status_code == status, reply.text
    assert reply.content_type == "application/xml"
    root = valid(reply.data, EXCEPTIONS)
    assert root.get("version") == "1.1.0"
    (exception,) = root
    assert exception.get("exceptionCode") == code
    stated = exception.get("locator")
    assert (stated and stated.lower()) == (locator and locator.lower())


@dataclass(frozen=True, slots=True)
class Tile:
    """A tile that the capabilities promise, as texts."""

    layer: str
    style: str
    media_type: str
    template: str
    tile_matrix_set: str
    tile_matrix: str
    row: int
    col: int
    width: int
    height: int

    @property
    def pairs(self) -> dict[str, str]:
        """Parameters of the request by key-value pairs."""
        return {
            "service": "WMTS",
            "request": "GetTile",
            "version": "1.0.0",
            "layer": self.layer,
            "style": self.style,
            "format": self.media_type,
            "TileMatrixSet": self.tile_matrix_set,
            "TileMatrix": self.tile_matrix,
            "TileRow": str(self.row),
            "TileCol": str(self.col),
        }

    @property
    def path(self) -> str:
        """Path of the RESTful request."""
        values = {
            "Style": self.style,
            "TileMatrixSet": self.tile_matrix_set,
            "TileMatrix": self.tile_matrix,
            "TileRow": str(self.row),
            "TileCol": str(self.col),
        }
        url = self.template
        for name, value in values.items():
            url = url.replace(f"{{{name}}}", value)
        assert "{" not in url
        return urlsplit(url).path

    def at(self, row: int, col: int) -> Self:
        """Another of the same matrix."""
        return replace(self, row=row, col=col)


@dataclass(frozen=True, slots=True)
class Matrix:
    """A tile matrix as a layer has it."""

    layer: str
    tile_matrix_set: str
    tile_matrix: str
    size: tuple[int, int]
    """Width and height of the tiles."""
    rows: tuple[int, int]
    """First and last."""
    cols: tuple[int, int]


def matrices(root: Element, layer: Element) -> Iterator[Matrix]:
    """The matrices of a layer that have tiles; where there are limits, within them (OGC 07-057r7, table 10)."""
    (name,) = texts(layer, "ows:Identifier")
    for link in layer.findall("wmts:TileMatrixSetLink", NAMESPACES):
        (set_name,) = texts(link, "wmts:TileMatrixSet")
        limits = link.findall(".//wmts:TileMatrixLimits", NAMESPACES)
        allowed = {
            limit[0].text: ((int(limit[1].text), int(limit[2].text)), (int(limit[3].text), int(limit[4].text)))
            for limit in limits
        }
        for matrix in root.xpath(
            "//wmts:Contents/wmts:TileMatrixSet[ows:Identifier=$name]/wmts:TileMatrix",
            name=set_name,
            namespaces=NAMESPACES,
        ):
            (identifier,) = texts(matrix, "ows:Identifier")
            width, height, across, down = (
                int(texts(matrix, f"wmts:{tag}")[0])
                for tag in ("TileWidth", "TileHeight", "MatrixWidth", "MatrixHeight")
            )
            rows, cols = allowed.get(identifier, ((0, down - 1), (0, across - 1)))
            if not limits or identifier in allowed:
                yield Matrix(name, set_name, identifier, (width, height), rows, cols)


def tiles(root: Element, *, all_of_them: bool = False) -> Iterator[Tile]:
    """The first, middle and last rows and columns of each matrix, in each format and style of each layer."""
    for layer in root.findall(".//wmts:Contents/wmts:Layer", NAMESPACES):
        for resource in layer.findall("wmts:ResourceURL", NAMESPACES):
            for style in texts(layer, "wmts:Style/ows:Identifier"):
                for matrix in matrices(root, layer):
                    names = (matrix.layer, style, resource.get("format"), resource.get("template"))
                    for row in _some(matrix.rows, all_of_them):
                        for col in _some(matrix.cols, all_of_them):
                            place = (matrix.tile_matrix_set, matrix.tile_matrix, row, col)
                            yield Tile(*names, *place, *matrix.size)


def _some(limits: tuple[int, int], all_of_them: bool) -> list[int]:
    first, last = limits
    return list(range(first, last + 1)) if all_of_them else sorted({first, (first + last) // 2, last})
