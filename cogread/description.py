"""The description of a COG: its facts, from its header alone."""

from collections.abc import Mapping
from typing import Final

from cogread.crs.georeference import Georeference
from cogread.crs.lookup import PROJ, CrsResolver, crs_of, vertical_unit, why_no_crs
from cogread.facts import BandFacts, BandStatistics, Description, FileFacts, GeoFacts, ImageFacts, LevelFacts
from cogread.image import Cog
from cogread.metadata.bands import bands_of
from cogread.metadata.nodata import gdal_float, json_number, nodata_of
from cogread.tiff.tags import Planar, Tag
from cogread.wrap import refusals

_PREDICTORS: Final = {1: "none", 2: "horizontal", 3: "floating point"}
_STATISTICS: Final = ("minimum", "maximum", "mean", "stddev", "valid_percent")
_TRUE: Final = ("YES", "TRUE", "ON", "1")
"""Texts that GDAL takes for true."""


def describe(cog: Cog, name: str) -> Description:
    """Describe a COG that has this name.

    Raises:
        FormatError: a descriptive field is of a type that it cannot have.
    """
    refused = refusals(cog.levels)
    return Description(
        file=_file_facts(cog, name),
        image=image_facts(cog),
        bands=band_facts(cog),
        geo=geo_facts(cog.geo),
        levels=level_facts(cog),
        formats=tuple(extension for extension, refusal in refused.items() if refusal is None),
        not_offered={extension: str(refusal) for extension, refusal in refused.items() if refusal is not None},
    )


def image_facts(cog: Cog) -> ImageFacts:
    """Describe the image in full resolution."""
    image = cog.full
    predictor = image.directory.integer(Tag.PREDICTOR, 1)
    return ImageFacts(
        width=image.width,
        height=image.height,
        bands=image.samples,
        dtype=image.dtype,
        compression=image.compression_name,
        photometric=image.photometric_name,
        predictor=_PREDICTORS.get(predictor, str(predictor)),
        interleave="band" if image.planar == Planar.SEPARATE else "pixel",
        nodata=json_number(nodata_of(cog)),
    )


def band_facts(cog: Cog, max_bands: int | None = None, resolver: CrsResolver = PROJ) -> tuple[BandFacts, ...]:
    """Describe the bands in their order, of many the first `max_bands`."""
    of_heights = vertical_unit(cog.geo, resolver)
    return tuple(
        BandFacts(
            band.color_interpretation,
            json_number(band.scale),
            json_number(band.offset),
            band.unit or of_heights,
            band.description,
            _statistics(band.metadata),
        )
        for band in bands_of(cog, max_bands)
    )


def _statistics(metadata: Mapping[str, str]) -> BandStatistics | None:
    """Statistics as GDAL keeps them in a band's metadata."""
    texts = {name.upper().removeprefix("STATISTICS_"): text for name, text in metadata.items() if _is_statistic(name)}
    numbers = {name: json_number(gdal_float(texts[name.upper()])) for name in _STATISTICS if name.upper() in texts}
    if not numbers:
        return None
    is_approximate = texts.get("APPROXIMATE", "").upper() in _TRUE
    minimum, maximum, mean, stddev, valid = map(numbers.get, _STATISTICS)
    return BandStatistics(minimum, maximum, mean, stddev, valid, is_approximate)


def _is_statistic(name: str) -> bool:
    return name.upper().startswith("STATISTICS_")


def geo_facts(geo: Georeference, resolver: CrsResolver = PROJ) -> GeoFacts:
    """Describe the place of an image."""
    crs, no_crs = crs_of(geo, resolver), why_no_crs(geo, resolver)
    if crs is None:
        return GeoFacts(None, None, geo.name, None, no_crs, None, None, None, geo.transform, geo.bounds, None)
    return GeoFacts(
        epsg=int(crs.authority[1]) if crs.authority and crs.authority[0] == "EPSG" else None,
        code=crs.code,
        crs=crs.name,
        vertical=crs.vertical,
        no_crs=no_crs,
        projjson=crs.projjson(),
        wkt=crs.wkt,
        unit=crs.unit_name,
        transform=geo.transform,
        bounds=geo.bounds,
        wgs84_bounds=resolver.wgs84_bounds(crs, geo.bounds) if geo.bounds else None,
    )


def level_facts(cog: Cog) -> tuple[LevelFacts, ...]:
    """Describe the levels from the full resolution on."""
    return tuple(
        LevelFacts(
            level=number,
            width=image.width,
            height=image.height,
            tile_width=image.tile_width,
            tile_height=image.tile_height,
            tiles_across=image.tiles_across,
            tiles_down=image.tiles_down,
            compression=image.compression_name,
            mask=level.mask.compression_name if level.mask else None,
            factor=cog.full.width / image.width,
        )
        for number, level in enumerate(cog.levels)
        for image in (level.image,)
    )


def _file_facts(cog: Cog, name: str) -> FileFacts:
    directory, version = cog.full.directory, cog.version
    order = "big-endian" if directory.order == ">" else "little-endian"
    layout = directory.layout.name
    return FileFacts(name, version.size_bytes, layout, order, version.key, version.etag, version.modified)
