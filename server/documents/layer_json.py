"""What documents say of a layer: plain data, from the header alone."""

from collections.abc import Mapping
from math import hypot
from typing import Any, Final

from cogread.crs.crs import Crs
from cogread.crs.lookup import crs_of, why_no_crs
from cogread.image import Cog, Level
from cogread.metadata.bands import bands_of
from cogread.metadata.nodata import json_number, nodata_of
from cogread.refusal import Refusal
from cogread.tiff.tags import Planar
from cogread.wrap import WRAPPERS
from cogread.wrap.bin import describe as describe_samples
from server.documents.openapi.schemas import MOST_BANDS
from server.documents.web_maps import facts
from server.layers.catalog import Layer
from server.layers.grids import NATIVE, WEB_MERCATOR, Matrix
from server.layers.layer_version import IMAGE, MASK, OpenLayer

Json = dict[str, Any]

_UNITS: Final = {"degree": "degrees", "metre": "m", "foot": "ft", "US survey foot": "us-ft"}
"""What map libraries call the units that PROJ names; others keep their names."""


def summary(layer: Layer, root: str) -> Json:
    """What is known of a layer without its file; its links begin with `root`."""
    config = layer.config
    return {
        "name": config.name,
        "title": config.title,
        "attribution": config.attribution,
        "href": root + layer.path,
    }


def describe(layer: Layer, opened: OpenLayer, root: str) -> Json:
    """All that a client needs to ask for tiles and to place them.

    Args:
        layer: the layer.
        opened: the version that is described.
        root: what links begin with.
    """
    cog, image = opened.cog, opened.cog.full
    services = _service_refusals(layer, opened)
    return {
        **summary(layer, root),
        "version": opened.version_key,
        "width": image.width,
        "height": image.height,
        "bands": image.samples,
        "dtype": image.dtype,
        "nodata": json_number(nodata_of(cog)),
        "compression": image.compression_name,
        "photometric": image.photometric_name,
        "interleave": "band" if image.planar == Planar.SEPARATE else "pixel",
        "band_info": _bands(cog),
        **_georeference(cog),
        "origin": opened.grids.native.origin,
        "grids": [NATIVE] if opened.grids.web_mercator is None else [NATIVE, WEB_MERCATOR],
        "minzoom": 0,
        "maxzoom": len(cog.levels) - 1,
        "levels": [_level(cog, matrix, opened) for matrix in opened.grids.native.matrices],
        "web_mercator": facts(layer, opened, root),
        **_offers("formats", opened.refusals(IMAGE)),
        **_offers("mask_formats", opened.refusals(MASK)),
        **_offers("services", services),
        "samples": _samples(opened),
        "links": [*_links(layer, opened, root), *_client_links(layer, services, root)],
    }


def _bands(cog: Cog) -> list[Json]:
    """Each band as GDAL's driver describes it; null where the file says nothing."""
    return [
        {
            "band": number,
            "color_interpretation": band.color_interpretation,
            "scale": json_number(band.scale),
            "offset": json_number(band.offset),
            "unit": band.unit,
            "description": band.description,
        }
        for number, band in enumerate(bands_of(cog, MOST_BANDS), 1)
    ]


def _georeference(cog: Cog) -> Json:
    geo = cog.geo
    crs = crs_of(geo)
    return {
        "crs": _crs(crs) if crs else _named(geo.name),
        "crs_reason": why_no_crs(geo),
        "units": _UNITS.get(crs.unit_name, crs.unit_name) if crs else None,
        "geotransform": geo.transform,
        "bounds": geo.bounds,
        "bounds_wgs84": crs.wgs84_bounds(geo.bounds) if crs and geo.bounds else None,
    }


def _crs(crs: Crs) -> Json:
    return {"code": crs.code, "name": crs.name, "vertical": crs.vertical, "projjson": crs.projjson()}


def _named(name: str | None) -> Json | None:
    """A CRS that is not understood, by its name; None without one."""
    return None if name is None else {"code": None, "name": name, "vertical": None, "projjson": None}


def _level(cog: Cog, matrix: Matrix, opened: OpenLayer) -> Json:
    """One level; z counts from the coarsest, as in URLs, level from the full resolution, as in the file."""
    number = matrix.level
    level = cog.levels[number]
    image = level.image
    return {
        "z": matrix.z,
        "level": number,
        "width": image.width,
        "height": image.height,
        "tile_width": image.tile_width,
        "tile_height": image.tile_height,
        "tiles_across": image.tiles_across,
        "tiles_down": image.tiles_down,
        "resolution": matrix.cell_size,
        "pixel_size": _pixel_size(cog, level),
        "compression": image.compression_name,
        "mask": level.mask is not None,
        "formats": opened.offered(IMAGE, number),
        "mask_formats": opened.offered(MASK, number),
    }


def _pixel_size(cog: Cog, level: Level) -> list[float] | None:
    """Width and height of a pixel in units of the CRS: the extent over the level's own size."""
    transform, full = cog.geo.transform, cog.full
    if transform is None:
        return None
    _, dx, rx, _, ry, dy = transform
    across, down = hypot(dx, ry), hypot(rx, dy)
    return [across * full.width / level.image.width, down * full.height / level.image.height]


def _offers(key: str, refusals: Mapping[str, Refusal | str | None]) -> Json:
    """Names of formats or services that the layer has, and of the others with the reason why not."""
    return {
        key: [name for name, reason in refusals.items() if reason is None],
        f"{key}_not_offered": {name: str(reason) for name, reason in refusals.items() if reason is not None},
    }


def _samples(opened: OpenLayer) -> Json:
    """How the samples of a `bin` tile are laid out."""
    return {key.replace("-", "_"): value for key, value in describe_samples(opened.cog.full).items()}


def _links(layer: Layer, opened: OpenLayer, root: str) -> list[Json]:
    links: list[Json] = [{"rel": "self", "href": root + layer.path, "type": "application/json"}]
    links += [
        {
            "rel": kind,
            "href": f"{root}{layer.path_of(opened)}/{kind}/{NATIVE}/{{z}}/{{x}}/{{y}}.{extension}",
            "type": WRAPPERS[extension].media_type,
            "templated": True,
        }
        for kind in (IMAGE, MASK)
        for extension, reason in opened.refusals(kind).items()
        if reason is None
    ]
    return links


def _service_refusals(layer: Layer, opened: OpenLayer) -> dict[str, str | None]:
    from server.documents.client_links import service_refusals  # noqa: PLC0415 - PROJ takes 0.1 s to load

    return service_refusals(layer, opened)


def _client_links(layer: Layer, refusals: Mapping[str, str | None], root: str) -> list[Json]:
    from server.documents.client_links import client_links  # noqa: PLC0415

    return client_links(layer, refusals, root)
