"""TileJSON 3.0.0 (github.com/mapbox/tilejson-spec) of layers that are aligned to web maps."""

from typing import Final

from cogread.crs.georeference import Bounds
from server.documents import Json
from server.documents.web_maps import lonlat_bounds, picture_suffix, terrain_format, tiles_template, web_mercator
from server.http.public_urls import Links
from server.layers.layer import Layer
from server.layers.layer_version import LayerVersion

VERSION: Final = "1.0.0"
"""Version of the tile set in semver: constant, as the URLs of tiles name the version."""


def tilejson(layer: Layer, opened: LayerVersion, links: Links, encoding: str | None = None) -> Json:
    """The document of a version of a layer.

    Args:
        layer: the layer.
        opened: its version.
        links: makes its URLs.
        encoding: of terrain; None: the tiles are pictures. MapLibre reads it from the document.

    Raises:
        UnknownGrid: no level lies on the grid of web maps.
        FormatNotOffered: browsers show none of its formats, or it has no terrain.
    """
    grid = web_mercator(opened)
    suffix = picture_suffix(opened, grid) if encoding is None else f".{terrain_format(opened, grid, encoding)}"
    template = links.to(tiles_template(layer, opened, suffix))
    zooms = grid.matrices[0].z, grid.matrices[-1].z
    return tileset(layer, template, zooms, grid.matrices[0].tile_width, lonlat_bounds(opened), encoding)


def tileset(
    layer: Layer, template: str, zooms: tuple[int, int], tile_size: int, bounds: Bounds, encoding: str | None
) -> Json:
    """The document of tiles of a layer.

    Args:
        layer: the layer.
        template: URL template of the tiles.
        zooms: the coarsest and the finest.
        tile_size: pixels.
        bounds: west, south, east, north in degrees.
        encoding: of terrain; None: the tiles are pictures.
    """
    about = {
        "tilejson": "3.0.0",
        "name": layer.config.title,
        "version": VERSION,
        "scheme": "xyz",
        "tiles": [template],
        "minzoom": zooms[0],
        "maxzoom": zooms[1],
        "tileSize": tile_size,
        "bounds": bounds,
        "center": [(bounds[0] + bounds[2]) / 2, (bounds[1] + bounds[3]) / 2, zooms[0]],
        "vector_layers": [],
    }
    if encoding is not None:
        about["encoding"] = encoding
    attribution = layer.config.attribution  # map clients take it for HTML
    return about if attribution is None else {**about, "attribution": attribution.html}
