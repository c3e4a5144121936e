"""The facts of a COG as plain data, from its header alone.

`cogread info --json` prints a `Description` as it is here; a layer's JSON is made of its parts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from cogread.crs.georeference import Bounds, Georeference, Geotransform
from cogread.crs.lookup import PROJ, CrsResolver, crs_of, vertical_unit, why_no_crs
from cogread.image import Cog
from cogread.metadata.bands import bands_of
from cogread.metadata.nodata import gdal_float, json_number, nodata_of
from cogread.tiff.tags import Planar, Tag
from cogread.wrap import refusals

_PREDICTORS: Final = {1: "none", 2: "horizontal", 3: "floating point"}
_STATISTICS: Final = ("minimum", "maximum", "mean", "stddev", "valid_percent")
_TRUE: Final = ("YES", "TRUE", "ON", "1")
"""Texts that GDAL takes for true."""


@dataclass(frozen=True, slots=True)
class FileFacts:
    """The file as a whole."""

    name: str
    """Path or URI, without credentials and query."""
    size_bytes: int
    layout: str
    """TIFF or BigTIFF."""
    byte_order: str
    version: str
    """Key of the version, as in cache keys and URLs."""
    etag: str | None
    modified: str | None
    """Both as in `Version`."""


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """The image in full resolution."""

    width: int
    height: int
    bands: int
    dtype: str
    compression: str
    photometric: str
    predictor: str
    interleave: str
    """`pixel` or `band`."""
    nodata: float | str | None
    """A number, or `nan`, `inf` or `-inf`; the same for all bands."""


@dataclass(frozen=True, slots=True)
class BandStatistics:
    """Statistics of a band that the file states; None where it states nothing."""

    minimum: float | str | None
    maximum: float | str | None
    mean: float | str | None
    stddev: float | str | None
    valid_percent: float | str | None
    is_approximate: bool
    """They are of a part of the pixels."""


@dataclass(frozen=True, slots=True)
class BandFacts:
    """A band; None where the file states nothing."""

    color_interpretation: str
    """GDAL's name in lower case."""
    scale: float | str | None
    offset: float | str | None
    unit: str | None
    description: str | None
    statistics: BandStatistics | None


@dataclass(frozen=True, slots=True)
class GeoFacts:
    """The place of the image on Earth."""

    epsg: int | None
    code: str | None
    """`EPSG:2193`, `ESRI:102003`; None: no CRS, or one without a code."""
    crs: str | None
    """Name of the CRS, or of one that is not understood."""
    vertical: str | None
    """Name of the CRS of heights; None: heights are not of the CRS."""
    no_crs: str | None
    """The reason why there is no CRS; None: there is one."""
    projjson: dict[str, Any] | None
    """Definition of the CRS; None: there is none, or none that is understood."""
    wkt: str | None
    """The same as WKT; see `Crs.wkt`."""
    unit: str | None
    """PROJ's name of the unit of the CRS: `metre`, `degree` …"""
    transform: Geotransform | None
    bounds: Bounds | None
    """left, bottom, right, top in the CRS."""
    wgs84_bounds: Bounds | None
    """west, south, east, north in degrees."""


@dataclass(frozen=True, slots=True)
class LevelFacts:
    """One resolution."""

    level: int
    width: int
    height: int
    tile_width: int
    tile_height: int
    tiles_across: int
    tiles_down: int
    compression: str
    mask: str | None
    """The mask's codec; None: there is no mask."""
    factor: float
    """Width of the full resolution divided by this one's."""


@dataclass(frozen=True, slots=True)
class Description:
    """All facts of a COG."""

    file: FileFacts
    image: ImageFacts
    bands: tuple[BandFacts, ...]
    geo: GeoFacts
    levels: tuple[LevelFacts, ...]
    formats: tuple[str, ...]
    """Extensions of the representations of its tiles."""
    not_offered: dict[str, str]
    """The other extensions with the reason of each."""


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
