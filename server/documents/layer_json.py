"""The JSON of a layer: plain data, from the header alone."""

from collections.abc import Mapping
from dataclasses import asdict
from math import hypot
from typing import Final

from cogread.description import band_facts, geo_facts, image_facts, level_facts
from cogread.facts import GeoFacts, LevelFacts
from cogread.image import Cog, Level
from cogread.refusal import Refusal
from cogread.wrap import AUTO, TERRAIN, WRAPPERS
from cogread.wrap.bin.wrapper import describe as describe_samples
from server.documents import Json
from server.documents.client_links import client_links, service_refusals
from server.documents.openapi.schemas import MOST_BANDS
from server.documents.web_maps import facts
from server.http.public_urls import Links
from server.layers.grids import NATIVE, WEB_MERCATOR, Matrix
from server.layers.layer import Layer
from server.layers.layer_version import IMAGE, MASK, LayerVersion

_PLACE: Final = f"{NATIVE}/{{z}}/{{x}}/{{y}}"
"""A tile in URL templates."""

_UNITS: Final = {"degree": "degrees", "metre": "m", "foot": "ft", "US survey foot": "us-ft"}
"""PROJ's names of units -> those of map libraries; others keep their names."""


def row(layer: Layer, links: Links) -> Json:
    """The facts of the config about a layer."""
    config = layer.config
    return {
        "name": config.name,
        "title": config.title,
        "attribution": config.attribution.text if config.attribution else None,
        "attribution_html": config.attribution.html if config.attribution else None,
        "href": links.to(layer.path),
    }


def describe(layer: Layer, opened: LayerVersion, links: Links) -> Json:
    """The description of a layer: all that a client needs to request and place tiles.

    Args:
        layer: the layer.
        opened: its version.
        links: makes the links.
    """
    cog = opened.cog
    services = service_refusals(layer, opened)
    bands = band_facts(cog, MOST_BANDS, opened.resolver)
    return {
        **row(layer, links),
        "version": opened.version_key,
        "size_bytes": cog.version.size_bytes,
        **_image(cog),
        "band_info": [{"band": number, **asdict(band)} for number, band in enumerate(bands, 1)],
        **_georeference(geo_facts(cog.geo, opened.resolver)),
        "origin": opened.grids.native.origin,
        "grids": [NATIVE] if opened.grids.web_mercator is None else [NATIVE, WEB_MERCATOR],
        "minzoom": 0,
        "maxzoom": len(cog.levels) - 1,
        "levels": _levels(cog, opened),
        "web_mercator": facts(layer, opened, links),
        **_offers("formats", opened.refusals(IMAGE)),
        **_offers("mask_formats", opened.refusals(MASK)),
        **_offers("services", services),
        "terrain": _terrain(layer, opened),
        "links": [
            *_links(layer, opened, links),
            *_terrain_links(layer, opened, links),
            *client_links(layer, services, links),
        ],
    }


def _image(cog: Cog) -> Json:
    image = asdict(image_facts(cog))
    del image["predictor"]
    return image


def _georeference(geo: GeoFacts) -> Json:
    crs = {"code": geo.code, "name": geo.crs, "vertical": geo.vertical, "projjson": geo.projjson, "wkt": geo.wkt}
    return {
        "crs": None if geo.crs is None else crs,
        "crs_reason": geo.no_crs,
        "units": None if geo.unit is None else _UNITS.get(geo.unit, geo.unit),
        "geotransform": geo.transform,
        "bounds": geo.bounds,
        "bounds_wgs84": geo.wgs84_bounds,
    }


def _levels(cog: Cog, opened: LayerVersion) -> list[Json]:
    """Levels as in URLs: z counts from the coarsest, `level` from the full resolution."""
    levels = level_facts(cog)
    return [_level(cog, matrix, levels[matrix.level], opened) for matrix in opened.grids.native.matrices]


def _level(cog: Cog, matrix: Matrix, facts: LevelFacts, opened: LayerVersion) -> Json:
    level = asdict(facts)
    del level["factor"]
    return {
        "z": matrix.z,
        **level,
        "mask": facts.mask is not None,
        "resolution": matrix.cell_size,
        "pixel_size": _pixel_size(cog, cog.levels[matrix.level]),
        "auto": opened.refusal(matrix.level, AUTO) is None,
        "formats": opened.offered(IMAGE, matrix.level),
        "mask_formats": opened.offered(MASK, matrix.level),
        "samples": _samples(opened.level(IMAGE, matrix.level)),
        "mask_samples": _samples(opened.level(MASK, matrix.level)),
    }


def _pixel_size(cog: Cog, level: Level) -> list[float] | None:
    """Width and height of a pixel in units of the CRS: the extent over the level's own size."""
    transform, full = cog.geo.transform, cog.full
    if transform is None:
        return None
    _, dx, rx, _, ry, dy = transform
    across, down = hypot(dx, ry), hypot(rx, dy)
    return [across * full.width / level.image.width, down * full.height / level.image.height]


def _offers(key: str, refusals: Mapping[str, Refusal | None]) -> Json:
    """Names of formats or services that the layer has, and the others with the reason."""
    return {
        key: [name for name, reason in refusals.items() if reason is None],
        f"{key}_not_offered": {name: str(reason) for name, reason in refusals.items() if reason is not None},
    }


def _samples(level: Level | None) -> Json | None:
    """Layout of the samples of the `bin` tiles of a level; None where there are none."""
    return None if level is None else describe_samples(level)


def _terrain(layer: Layer, opened: LayerVersion) -> Json:
    """Encodings of terrain, and the height in metres of pixels without one."""
    reason = opened.terrain_refusal
    return {
        "encodings": [] if reason else list(TERRAIN),
        "nodata": layer.config.terrain_nodata,
        "reason": None if reason is None else str(reason),
    }


def _terrain_links(layer: Layer, opened: LayerVersion, links: Links) -> list[Json]:
    """Tiles of terrain, and for web maps the TileJSON of each encoding."""
    if opened.terrain_refusal is not None:
        return []
    tiles = f"{layer.versioned_path(opened)}/{IMAGE}/{NATIVE}/{{z}}/{{x}}/{{y}}"
    terrain: list[Json] = [
        {
            "rel": "terrain",
            "href": links.to(f"{tiles}.{wrapper.extension}"),
            "type": wrapper.media_type,
            "templated": True,
        }
        for wrapper in TERRAIN.values()
    ]
    if opened.grids.web_mercator is not None:
        document = f"{layer.path}/tilejson.json?encoding="
        terrain += [
            {"rel": "terrain", "href": links.to(document + name), "type": "application/json"} for name in TERRAIN
        ]
    return terrain


def _links(layer: Layer, opened: LayerVersion, links: Links) -> list[Json]:
    own: list[Json] = [{"rel": "self", "href": links.to(layer.path), "type": "application/json"}]
    start = layer.versioned_path(opened)
    if any(opened.refusal(number, AUTO) is None for number in range(len(opened.cog.levels))):
        own.append({"rel": IMAGE, "href": links.to(f"{start}/{IMAGE}/{_PLACE}"), "templated": True})
    own += [
        {
            "rel": kind,
            "href": links.to(f"{start}/{kind}/{_PLACE}.{extension}"),
            "type": WRAPPERS[extension].media_type,
            "templated": True,
        }
        for kind in (IMAGE, MASK)
        for extension, reason in opened.refusals(kind).items()
        if reason is None
    ]
    return own
