"""The facts of a COG as plain data, as `cogread info --json` prints them; a layer's JSON is made of the same."""

from dataclasses import dataclass
from typing import Any

from cogread.crs.georeference import Bounds, Geotransform


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
