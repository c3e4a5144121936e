"""Code to copy into programs that show a layer: complete but for the library and the element `map`."""

import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final
from urllib.parse import urljoin

from cogread.wrap import PICTURES
from server.documents import Json

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
_UNITS: Final = ("m", "ft", "us-ft", "degrees")

OPENLAYERS_PICTURES: Final = """\
import Map from "ol/Map.js"
import View from "ol/View.js"
import TileLayer from "ol/layer/Tile.js"
import Projection from "ol/proj/Projection.js"
import XYZ from "ol/source/XYZ.js"
import TileGrid from "ol/tilegrid/TileGrid.js"

{grid}
const source = new XYZ({{
  projection,
  tileGrid,
  wrapX: false,
  url: {url},
}})
const view = new View({{ projection }})
new Map({{ target: "map", view, layers: [new TileLayer({{ source, extent }})] }})
view.fit(extent)"""

OPENLAYERS_VALUES: Final = """\
import Map from "ol/Map.js"
import View from "ol/View.js"
import TileLayer from "ol/layer/WebGLTile.js"
import Projection from "ol/proj/Projection.js"
import DataTile from "ol/source/DataTile.js"
import TileGrid from "ol/tilegrid/TileGrid.js"

{grid}
const [width, height] = [{width}, {height}]
// value and opacity of each pixel
const loader = async (z, x, y) => {{
  const reply = await fetch(`{url}?predictor=none&band=1`)
  if (!reply.ok) throw new Error(`tile ${{z}}/${{x}}/${{y}}: ${{reply.status}}`)
  const pixels = new Float32Array(2 * width * height)
{sparse}  const values = new {array}({samples})
{mask}  for (const [at, value] of values.entries()) if ({visible}) pixels.set([value, 1], 2 * at)
  return pixels
}}
// 2 to 98 % of the values of the first tile are black to white
const first = await loader(0, 0, 0)
const isInside = (at) => at % 2 === 0 && (at / 2) % width < {cols} && at / 2 < {rows} * width
const seen = first.filter((_, at) => isInside(at) && first[at + 1] === 1).sort()
const [low, high] = [0.02, 0.98].map((share) => seen[Math.floor(share * (seen.length - 1))] ?? share)
const white = high > low ? high : low + 1
const grey = ["interpolate", ["linear"], ["band", 1], low, [0, 0, 0, 1], white, [255, 255, 255, 1]]
const color = ["case", [">", ["band", 2], 0], grey, [0, 0, 0, 0]]
const source = new DataTile({{
  projection, tileGrid, loader, wrapX: false, bandCount: 2, tileSize: [width, height], interpolate: false,
}})
const view = new View({{ projection }})
new Map({{ target: "map", view, layers: [new TileLayer({{ source, extent, style: {{ color }} }})] }})
view.fit(extent)"""

_GRID: Final = """\
const extent = {extent}
const projection = new Projection({{ code: {code}, units: {units}, extent }})
const tileGrid = new TileGrid({{
  extent,
  origins: {origins},
  resolutions: {resolutions},
  tileSizes: {tile_sizes},
}})"""

LEAFLET: Final = """\
const bounds = [[{south}, {west}], [{north}, {east}]]
const map = L.map("map").fitBounds(bounds)
L.tileLayer({url}, {{
  bounds,
  tileSize: {tile_size},
  zoomOffset: {zoom_offset},
  minNativeZoom: {minzoom},
  maxNativeZoom: {maxzoom},
  maxZoom: {most},
  attribution: {attribution},
}}).addTo(map)"""

MAPLIBRE: Final = """\
import {{ Map }} from "maplibre-gl"

const map = new Map({{
  container: "map",
  style: {{
    version: 8,
    sources: {{ rawcog: {{ type: "{kind}", url: {url}, tileSize: {tile_size} }} }},
    layers: [{{ id: "rawcog", type: "{layer}", source: "rawcog" }}],
  }},
  bounds: [{west}, {south}, {east}, {north}],
}})"""

DECK_GL: Final = """\
import {{ Deck, MapView }} from "@deck.gl/core"
import {{ TileLayer }} from "@deck.gl/geo-layers"
import {{ BitmapLayer }} from "@deck.gl/layers"

const layer = new TileLayer({{
  data: {url},
  minZoom: {minzoom},
  maxZoom: {maxzoom},
  tileSize: {tile_size},
  extent: [{west}, {south}, {east}, {north}],
  renderSubLayers: (props) => {{
    const {{ west, south, east, north }} = props.tile.bbox
    return new BitmapLayer(props, {{ data: null, image: props.data, bounds: [west, south, east, north] }})
  }},
}})
new Deck({{
  parent: document.getElementById("map"),
  views: new MapView({{ repeat: true }}),
  controller: true,
  initialViewState: {{ longitude: {longitude}, latitude: {latitude}, zoom: {zoom} }},
  layers: [layer],
}})"""

PYTHON: Final = """\
import rasterio
from rasterio.windows import Window

with rasterio.open({url}) as dataset:
    print(dataset.profile, dataset.overviews(1))
    window = Window({col}, {row}, {width}, {height})
    values = dataset.read(1, window=window, masked=True)
    print(dataset.window_bounds(window), values.min(), values.max())"""


def python(vrt: str, about: Json) -> str:
    """Read a window in the middle by rasterio."""
    width, height = (min(256, about[name]) for name in ("width", "height"))
    col, row = (about["width"] - width) // 2, (about["height"] - height) // 2
    return PYTHON.format(url=json.dumps(vrt), col=col, row=row, width=width, height=height)


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
        url = json.dumps(urljoin(base_url, _template(about, picture)))
        return OPENLAYERS_PICTURES.format(grid=_grid(about), url=url)
    samples = about["levels"][-1]["samples"]
    array = None if samples is None else _NUMBERS.get(samples["typestr"][1:])
    sizes = {(level["tile_width"], level["tile_height"]) for level in about["levels"]}
    if array is None or len(samples["shape"]) > 3 or len(sizes) > 1 or _common(about, ("bin",)) is None:
        return None
    width, height = sizes.pop()
    url = urljoin(base_url, _template(about, "bin")).replace("{", "${")
    coarsest = about["levels"][0]
    return OPENLAYERS_VALUES.format(
        grid=_grid(about),
        url=url,
        array=array,
        width=width,
        height=height,
        cols=min(width, coarsest["width"]),
        rows=min(height, coarsest["height"]),
        **_visibility(about, base_url, array),
    )


def _visibility(about: Json, base_url: str, array: str) -> dict[str, str]:
    """Code for the pixels that nodata, a mask or a missing tile hide."""
    conditions = []
    nodata = about["nodata"]
    if nodata is not None:
        conditions.append(_DIFFERS.get(nodata) or f"value !== {json.dumps(nodata)}")
    stored = "await reply.arrayBuffer()"
    sparse = "  if (reply.status === 204) return pixels\n" if conditions else ""
    samples = stored if conditions else f"reply.status === 204 ? width * height : {stored}"
    mask = ""
    if all(level["mask_samples"] for level in about["levels"]):
        url = urljoin(base_url, _template(about, "bin")).replace("/tiles/", "/mask/").replace("{", "${")
        mask = (
            f"  const hidden = await fetch(`{url}`)\n"
            "  if (hidden.status === 204) return pixels\n"
            "  const mask = new Uint8Array(await hidden.arrayBuffer())\n"
        )
        conditions.append("mask[at]")
    return {
        "sparse": sparse,
        "samples": samples,
        "mask": mask,
        "visible": " && ".join(conditions) or "!Number.isNaN(value)",
    }


def _common(about: Json, formats: Sequence[str]) -> str | None:
    """A format of all levels."""
    return next((each for each in formats if all(each in level["formats"] for level in about["levels"])), None)


def _template(about: Json, extension: str) -> str:
    """URL of the tiles in the layer's own grid, as the layer's JSON links it."""
    end = "{y}" if extension == _AUTO else f"{{y}}.{extension}"
    return next(str(link["href"]) for link in about["links"] if link["rel"] == "tiles" and link["href"].endswith(end))


def _grid(about: Json) -> str:
    left, bottom, right, top = about["bounds"]
    levels = about["levels"]
    sizes = [[each["tile_width"], _height(each)] for each in levels]
    crs = about["crs"]
    return _GRID.format(
        extent=json.dumps([left, bottom, right, top]),
        code=json.dumps((crs or {}).get("code") or "native"),
        units=json.dumps(about["units"] if about["units"] in _UNITS else "m"),
        origins=json.dumps([[left, top]] * len(levels)),
        resolutions=json.dumps([each["pixel_size"][0] for each in levels]),
        tile_sizes=json.dumps(sizes),
    )


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
        "Leaflet": LEAFLET.format(
            **values,
            url=json.dumps(tiles),
            zoom_offset=0 if values["tile_size"] == 256 else -1,
            most=values["maxzoom"] + 3,
            attribution=json.dumps(about["attribution_html"] or ""),
        ),
        "MapLibre": MAPLIBRE.format(**values, url=json.dumps(tilejson), kind="raster", layer="raster"),
        "deck.gl": DECK_GL.format(**values, url=json.dumps(tiles)),
    }


def terrain(about: Json, tilejson: str) -> str:
    """Code of MapLibre that shades a layer of heights on the grid of web maps."""
    url = json.dumps(f"{tilejson}?encoding=terrarium")
    return MAPLIBRE.format(**_places(about), url=url, kind="raster-dem", layer="hillshade")


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
