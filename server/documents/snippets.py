"""Code to copy into programs that show a layer: complete but for the library and the element `map`."""

import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final
from urllib.parse import urljoin

from cogread.wrap import PICTURES
from server.documents import Json
from server.documents.templates import rendered

_NUMBERS: Final = {
    "u1": "Uint8Array",
    "u2": "Uint16Array",
    "u4": "Uint32Array",
    "i1": "Int8Array",
    "i2": "Int16Array",
    "i4": "Int32Array",
    "f4": "Float32Array",
    "f8": "Float64Array",
}
"""Type string of samples, without byte order -> JavaScript's array."""
_DIFFERS: Final = {
    "nan": "!Number.isNaN(value)",
    "inf": "value !== Infinity",
    "-inf": "value !== -Infinity",
}
"""Nodata that JSON has as text -> JavaScript's condition of a value that differs."""
_AUTO: Final = "auto"
"""The picture that suits each tile, whose URL has no extension."""
ENCODING: Final = "terrarium"
"""Encoding of terrain in the code."""
_UNITS: Final = ("m", "ft", "us-ft", "degrees")


def python(vrt: str, about: Json) -> str:
    """Read a window in the middle by rasterio."""
    return rendered("snippets/rasterio.txt", url=vrt, **_window(about))


def geotiff_js(url: str, about: Json) -> str:
    """Read a window in the middle of the file itself by geotiff.js."""
    return rendered("snippets/geotiff.js", url=url, **_window(about))


def _window(about: Json) -> dict[str, int]:
    width, height = (min(256, about[name]) for name in ("width", "height"))
    col, row = (about["width"] - width) // 2, (about["height"] - height) // 2
    return {"col": col, "row": row, "width": width, "height": height}


def openlayers(about: Json, base_url: str) -> str | None:
    """Show the layer in its own grid; None: OpenLayers has no grid for it, or browsers show none of its formats."""
    transform = about["geotransform"]
    if transform is None or transform[2] or transform[4] or transform[1] <= 0 or transform[5] >= 0:
        return None
    resolutions = [level["pixel_size"][0] for level in about["levels"]]
    if any(fine >= coarse for coarse, fine in pairwise(resolutions)):
        return None
    is_auto = all(level["auto"] for level in about["levels"])
    picture = _AUTO if is_auto else _common(about, PICTURES)
    if picture is not None and about["dtype"] == "uint8":
        url = urljoin(base_url, _template(about, picture))
        return rendered("snippets/openlayers_pictures.js", url=url, **_grid(about))
    samples = about["levels"][-1]["samples"]
    array = None if samples is None else _NUMBERS.get(samples["typestr"][1:])
    sizes = {(level["tile_width"], level["tile_height"]) for level in about["levels"]}
    if array is None or len(samples["shape"]) > 3 or len(sizes) > 1 or _common(about, ("bin",)) is None:
        return None
    width, height = sizes.pop()
    url = urljoin(base_url, _template(about, "bin")).replace("{", "${")
    coarsest = about["levels"][0]
    return rendered(
        "snippets/openlayers_values.js",
        url=url,
        array=array,
        width=width,
        height=height,
        cols=min(width, coarsest["width"]),
        rows=min(height, coarsest["height"]),
        **_visibility(about, url),
        **_grid(about),
    )


def _visibility(about: Json, url: str) -> dict[str, Any]:
    """Values for the pixels that nodata, a mask or a missing tile hide; `url` is that of the tiles of samples."""
    nodata, has_mask = about["nodata"], all(level["mask_samples"] for level in about["levels"])
    conditions = [] if nodata is None else [_DIFFERS.get(nodata) or f"value !== {json.dumps(nodata)}"]
    conditions += ["mask[at]"] * has_mask
    return {
        "has_nodata": nodata is not None,
        "mask_url": url.replace("/tiles/", "/mask/") if has_mask else None,
        "visible": " && ".join(conditions) or "!Number.isNaN(value)",
    }


def _common(about: Json, formats: Sequence[str]) -> str | None:
    """A format of all levels."""
    return next((each for each in formats if all(each in level["formats"] for level in about["levels"])), None)


def _template(about: Json, extension: str) -> str:
    """URL of the tiles in the layer's own grid, as the layer's JSON links it."""
    end = "{y}" if extension == _AUTO else f"{{y}}.{extension}"
    return next(
        str(link["href"])
        for link in about["links"]
        if link["rel"] == "tiles" and link["href"].partition("?")[0].endswith(end)
    )


def _grid(about: Json) -> dict[str, Any]:
    """Values for OpenLayers' description of the layer's own grid."""
    left, bottom, right, top = about["bounds"]
    levels, crs = about["levels"], about["crs"]
    return {
        "extent": [left, bottom, right, top],
        "code": (crs or {}).get("code") or "native",
        "units": about["units"] if about["units"] in _UNITS else "m",
        "origins": [[left, top]] * len(levels),
        "resolutions": [each["pixel_size"][0] for each in levels],
        "tile_sizes": [[each["tile_width"], _height(each)] for each in levels],
    }


def _height(level: Json) -> float:
    """Height of a tile in pixels of the map, which are square."""
    across, down = level["pixel_size"]
    height: float = level["tile_height"] * down / across
    return round(height) if abs(height - round(height)) < 1e-6 else height


def web_maps(about: Json, tiles: str, tilejson: str) -> dict[str, str]:
    """Client -> code for a layer of pictures on the grid of web maps.

    Args:
        about: the JSON of the layer.
        tiles: URL template.
        tilejson: URL of the TileJSON.
    """
    values = _places(about)
    return {
        "Leaflet": rendered(
            "snippets/leaflet.js",
            **values,
            url=tiles,
            zoom_offset=0 if values["tile_size"] == 256 else -1,
            most=values["maxzoom"] + 3,
            attribution=about["attribution_html"] or "",
        ),
        "MapLibre": rendered("snippets/maplibre.js", **values, url=tilejson, kind="raster", layer="raster"),
        "deck.gl": rendered("snippets/deck_gl.js", **values, url=tiles),
    }


def terrain(about: Json, tilejson: str) -> str:
    """Code of MapLibre that shades a layer of heights on the grid of web maps."""
    return rendered("snippets/maplibre.js", **_places(about), url=tilejson, kind="raster-dem", layer="hillshade")


def _places(about: Json) -> dict[str, Any]:
    west, south, east, north = about["bounds_wgs84"]
    facts = about["web_mercator"]
    offset = 0 if facts["tile_size"] == 512 else -1  # deck.gl counts zooms of tiles of 512 pixels
    return {
        **{"west": west, "south": south, "east": east, "north": north},
        **{name: facts[name] for name in ("minzoom", "maxzoom", "tile_size")},
        "longitude": (west + east) / 2,
        "latitude": (south + north) / 2,
        "zoom": facts["maxzoom"] + offset,
    }
