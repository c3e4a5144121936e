"""What there is to say of a COG; `info --json` prints it as it is here."""

from dataclasses import dataclass
from typing import Any, Final

from cogread.crs.georeference import Bounds, Georeference, Geotransform
from cogread.crs.lookup import crs_of, why_no_crs
from cogread.image import Cog, Image, Level
from cogread.metadata.bands import bands_of
from cogread.metadata.nodata import json_number, nodata_of
from cogread.tiff.tags import Planar, Tag
from cogread.wrap import refusals

_PREDICTORS: Final = {1: "none", 2: "horizontal", 3: "floating point"}


@dataclass(frozen=True, slots=True)
class FileFacts:
    """The file as such."""

    name: str
    """Path or URI, without credentials and query."""
    size_bytes: int
    layout: str
    """TIFF or BigTIFF."""
    byte_order: str
    version: str
    """The version's key, as in cache keys and URLs."""
    etag: str | None
    modified: str | None
    """As in `Version`."""


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
    """A number, or `nan`, `inf` or `-inf`; for all bands."""


@dataclass(frozen=True, slots=True)
class BandFacts:
    """A band; None where the file says nothing."""

    color_interpretation: str
    """GDAL's name in lower case."""
    scale: float | str | None
    offset: float | str | None
    unit: str | None
    description: str | None


@dataclass(frozen=True, slots=True)
class GeoFacts:
    """Where it lies."""

    epsg: int | None
    code: str | None
    """`EPSG:2193`, `ESRI:102003`; None: no CRS, or one without a code."""
    crs: str | None
    """Name of the CRS."""
    vertical: str | None
    """Name of the CRS of heights; None: heights are not of the CRS."""
    no_crs: str | None
    """The reason why there is no CRS; None: there is one."""
    projjson: dict[str, Any] | None
    """Definition of the CRS; None: there is none, or none that is understood."""
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
class Facts:
    """All of it."""

    file: FileFacts
    image: ImageFacts
    bands: tuple[BandFacts, ...]
    geo: GeoFacts
    levels: tuple[LevelFacts, ...]
    formats: tuple[str, ...]
    """Extensions of the representations in which tiles are to be had."""
    not_offered: dict[str, str]
    """The other extensions, and why not."""


def facts(cog: Cog, name: str) -> Facts:
    """Gather the facts of a COG with this name.

    Raises:
        FormatError: a field that only tells something is of a type that it cannot have.
    """
    reasons = refusals(cog.levels)
    return Facts(
        file=_file(cog, name),
        image=_image(cog),
        bands=_bands(cog),
        geo=_geo(cog.geo),
        levels=tuple(_level(number, level, cog.full) for number, level in enumerate(cog.levels)),
        formats=tuple(extension for extension, reason in reasons.items() if reason is None),
        not_offered={extension: str(reason) for extension, reason in reasons.items() if reason is not None},
    )


def _file(cog: Cog, name: str) -> FileFacts:
    directory, version = cog.full.directory, cog.version
    order = "big-endian" if directory.order == ">" else "little-endian"
    return FileFacts(
        name, version.size_bytes, directory.layout.name, order, version.key, version.etag, version.modified
    )


def _image(cog: Cog) -> ImageFacts:
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


def _bands(cog: Cog) -> tuple[BandFacts, ...]:
    return tuple(
        BandFacts(
            band.color_interpretation,
            json_number(band.scale),
            json_number(band.offset),
            band.unit,
            band.description,
        )
        for band in bands_of(cog)
    )


def _geo(geo: Georeference) -> GeoFacts:
    crs = crs_of(geo)
    if crs is None:
        return GeoFacts(None, None, geo.name, None, why_no_crs(geo), None, geo.transform, geo.bounds, None)
    degrees = crs.wgs84_bounds(geo.bounds) if geo.bounds else None
    epsg = int(crs.authority[1]) if crs.authority and crs.authority[0] == "EPSG" else None
    return GeoFacts(
        epsg, crs.code, crs.name, crs.vertical, None, crs.projjson(), geo.transform, geo.bounds, degrees
    )  # fmt: skip


def _level(number: int, level: Level, full: Image) -> LevelFacts:
    image = level.image
    return LevelFacts(
        level=number,
        width=image.width,
        height=image.height,
        tile_width=image.tile_width,
        tile_height=image.tile_height,
        tiles_across=image.tiles_across,
        tiles_down=image.tiles_down,
        compression=image.compression_name,
        mask=level.mask.compression_name if level.mask else None,
        factor=full.width / image.width,
    )
