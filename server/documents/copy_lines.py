"""Lines to copy into the clients of a layer."""

from shlex import quote
from typing import Final, NamedTuple
from urllib.parse import urljoin

from cogread.wrap import PICTURES
from server.documents import Json, snippets
from server.layers.grids import native_set_name

_QGIS: Final = "Layer › Add Layer › Add Raster Layer: paste it as the dataset; values and places are the file's own"
_GDAL: Final = "the file with all its bands, overviews and metadata"
_FILE: Final = "the file itself by byte ranges, through the caches of the server"
_WEB_MAPS: Final = {
    "Leaflet": "load Leaflet's script and style before it",
    "MapLibre": "a module of the package maplibre-gl; load its style too",
    "deck.gl": "a module of the packages @deck.gl/core, @deck.gl/geo-layers and @deck.gl/layers",
}
_QGIS_BY_WMTS: Final = (
    "Layer › Add Layer › Add WMS/WMTS Layer › New: paste it as URL, connect, and choose “{name}” under Tilesets"
)


class Line(NamedTuple):
    """A line to copy."""

    label: str
    text: str
    hint: str
    """The place to paste it, and its effect."""


class Client(NamedTuple):
    """The lines for a client."""

    name: str
    lines: list[Line]


def copy_lines(about: Json, base_url: str) -> list[Client]:
    """The lines for the clients and services that a layer has.

    Args:
        about: the JSON of the layer.
        base_url: beginning of absolute URLs.
    """
    urls: dict[str, str] = {}
    for link in about["links"]:
        urls.setdefault(link["rel"], urljoin(base_url, link["href"]))
    by_wmts = _of_wmts(urls["wmts"], about) if "wmts" in urls else {}
    clients = {
        "QGIS": [
            *_of_gdal(urls, "QGIS", "{}", _QGIS),
            *_of_file(urls, "QGIS, the file itself", "/vsicurl/{}", _FILE),
            *by_wmts.get("QGIS", ()),
        ],
        "GDAL": [
            *_of_gdal(urls, "GDAL", f"gdalinfo {quote(urls.get('gdal', ''))}", _GDAL),
            *_of_file(urls, "GDAL, the file itself", f"gdalinfo {quote('/vsicurl/' + urls.get('cog', ''))}", _FILE),
            *by_wmts.get("GDAL", ()),
        ],
        **_code(about, urls, base_url),
        "URLs": [*by_wmts.get("URLs", ()), *_of_web_maps(about["web_mercator"], urls.get("tilejson"), base_url)],
    }
    if "tiles" in urls:
        clients["URLs"].append(Line("Tiles", urls["tiles"], "z/x/y in the file's own grid, from the upper left"))
    clients["URLs"] += _of_file(urls, "COG", "{}", f"{_FILE}, for every program that reads COGs")
    clients["URLs"].append(Line("JSON", urls["self"], "the properties of the layer as data"))
    clients["URLs"] += _to_align(about)
    return [Client(name, lines) for name, lines in clients.items() if lines]


def _of_gdal(urls: dict[str, str], label: str, text: str, hint: str) -> list[Line]:
    return [Line(label, text.format(urls["gdal"]), hint)] if "gdal" in urls else []


def _of_file(urls: dict[str, str], label: str, text: str, hint: str) -> list[Line]:
    return [Line(label, text.format(urls["cog"]), hint)] if "cog" in urls else []


def _code(about: Json, urls: dict[str, str], base_url: str) -> dict[str, list[Line]]:
    """Client -> code, of libraries that programs are written with."""
    clients = {}
    map_code = snippets.openlayers(about, base_url)
    if map_code is not None:
        clients["OpenLayers"] = [
            Line("OpenLayers", map_code, "a module of the package ol, for an element with id “map”")
        ]
    facts = about["web_mercator"]
    if facts["minzoom"] is not None and about["bounds_wgs84"] and "tilejson" in urls:
        for name, code in snippets.web_maps(about, urljoin(base_url, facts["tiles"]), urls["tilejson"]).items():
            clients[name] = [Line(name, code, f"for an element with id “map”; {_WEB_MAPS[name]}")]
    elif facts["minzoom"] is not None and about["bounds_wgs84"] and about["terrain"]["encodings"]:
        code = snippets.terrain(about, urljoin(base_url, _terrain(about)))
        clients["MapLibre"] = [Line("MapLibre", code, f"hillshade; {_WEB_MAPS['MapLibre']}")]
    if "gdal" in urls:
        clients["Python"] = [Line("Python", snippets.python(urls["gdal"], about), "with the package rasterio")]
    if "cog" in urls:
        code = snippets.geotiff_js(urls["cog"], about)
        clients["geotiff.js"] = [Line("geotiff.js", code, f"a module of the package geotiff; {_FILE}")]
    return clients


def _terrain(about: Json) -> str:
    """URL of the TileJSON of terrain."""
    wanted = f"/tilejson.json?encoding={snippets.ENCODING}"
    return next(str(link["href"]) for link in about["links"] if wanted in link["href"])


def _is_picture(about: Json) -> bool:
    """Tell whether clients of WMTS, which expect pictures of 8 bit, show the values of the layer."""
    return about["dtype"] == "uint8" and any(extension in about["formats"] for extension in PICTURES)


def _of_wmts(url: str, about: Json) -> dict[str, list[Line]]:
    name = about["name"]
    whole = "this layer alone" if "/layers/" in url else "all layers"
    hint = f"the capabilities of {whole}, for any WMTS client; the layer is “{name}”"
    lines = {"URLs": [Line("WMTS", url, hint)]}
    if not _is_picture(about):
        return lines
    own = f"{url},layer={name},tilematrixset={native_set_name(name)}"
    return {
        **lines,
        "QGIS": [Line("QGIS, by WMTS", url, _QGIS_BY_WMTS.format(name=name))],
        "GDAL": [Line("GDAL, by WMTS", f'gdalinfo "WMTS:{own}"', "as a picture: red, green, blue and alpha")],
    }


def _of_web_maps(facts: Json, tilejson: str | None, base_url: str) -> list[Line]:
    lines = []
    if facts["tiles"] is not None:
        zooms = f"zoom {facts['minzoom']} to {facts['maxzoom']}, {facts['tile_size']} pixels"
        hint = f"web mercator for Leaflet, OpenLayers and the like: {zooms}"
        lines.append(Line("XYZ", urljoin(base_url, facts["tiles"]), hint))
    if tilejson is not None:
        lines.append(Line("TileJSON", tilejson, "for MapLibre and others that read it"))
    return lines


def _to_align(about: Json) -> list[Line]:
    facts = about["web_mercator"]
    if facts["command"] is None:
        return []
    hint = f"which it is not now: {facts['reason']}"
    if not any(extension in about["formats"] for extension in PICTURES):
        hint += f"; browsers show no {about['dtype']}, so the tiles are for programs that read values"
    return [Line("Align it to web maps", facts["command"], hint)]
