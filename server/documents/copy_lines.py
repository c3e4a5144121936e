"""Lines to copy into the clients of a layer."""

from typing import Final, NamedTuple
from urllib.parse import urljoin

from cogread.wrap import PICTURES
from server.documents import Json
from server.layers.grids import native_set_name

_QGIS: Final = "Layer › Add Layer › Add Raster Layer: paste it as the dataset; values and places are the file's own"
_QGIS_BY_WMTS: Final = (
    "Layer › Add Layer › Add WMS/WMTS Layer › New: paste it as URL, connect, and choose “{name}” under Tilesets"
)


class Line(NamedTuple):
    """A line to copy."""

    label: str
    text: str
    hint: str
    """The place to paste it, and its effect."""


def copy_lines(about: Json, base_url: str) -> list[Line]:
    """The lines for the services that a layer has.

    Args:
        about: the JSON of the layer.
        base_url: beginning of absolute URLs.
    """
    urls: dict[str, str] = {}
    for link in about["links"]:
        urls.setdefault(link["rel"], urljoin(base_url, link["href"]))
    lines = []
    if "gdal" in urls:
        lines.append(Line("QGIS", urls["gdal"], _QGIS))
        lines.append(Line("GDAL", f"gdalinfo {urls['gdal']}", "the file with all its bands, overviews and metadata"))
    if "wmts" in urls:
        lines += _of_wmts(urls["wmts"], about)
    lines += _of_web_maps(about["web_mercator"], urls.get("tilejson"), base_url)
    if "tiles" in urls:
        lines.append(Line("Tiles", urls["tiles"], "z/x/y in the file's own grid, from the upper left"))
    lines.append(Line("JSON", urls["self"], "the properties of the layer as data"))
    return [*lines, *_to_align(about)]


def _is_picture(about: Json) -> bool:
    """Tell whether clients of WMTS, which expect pictures of 8 bit, show the values of the layer."""
    return about["dtype"] == "uint8" and any(extension in about["formats"] for extension in PICTURES)


def _of_wmts(url: str, about: Json) -> list[Line]:
    name = about["name"]
    lines = [Line("WMTS", url, f"the capabilities of all layers, for any WMTS client; the layer is “{name}”")]
    if not _is_picture(about):
        return lines
    own = f"{url},layer={name},tilematrixset={native_set_name(name)}"
    return [
        *lines,
        Line("QGIS, by WMTS", url, _QGIS_BY_WMTS.format(name=name)),
        Line("GDAL, by WMTS", f'gdalinfo "WMTS:{own}"', "as a picture: red, green, blue and alpha"),
    ]


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
