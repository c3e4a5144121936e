"""Georeferencing: GeoKeys and transform tags -> keys of the CRS, affine transform, bounds in the file's own CRS.

Sources: GeoTIFF 1.1 (OGC 19-008r4), and GDAL (frmts/gtiff/gtiffdataset_read.cpp) where it departs from it: GDAL's
transform is always that of pixel corners, so PixelIsPoint files are moved by half a pixel.
"""

from dataclasses import dataclass
from math import isfinite
from typing import Final, NamedTuple

from cogread.crs.citation import plain_name
from cogread.crs.geokeys import GEOCENTRIC, GEOGRAPHIC, NO_KEYS, PROJECTED, GeoKey, GeoKeys, geo_keys
from cogread.tiff.directory import Directory
from cogread.tiff.tags import Tag

Geotransform = tuple[float, float, float, float, float, float]
"""GDAL's six numbers: x = g0 + col * g1 + row * g2, y = g3 + col * g4 + row * g5, of pixel corners."""

Bounds = tuple[float, float, float, float]
"""left, bottom, right, top in x, y order, whatever the axis order of the CRS."""


class GroundControlPoint(NamedTuple):
    """A pixel position and its coordinates, as GDAL reads them; `col` and `row` count from the corner of the image."""

    col: float
    row: float
    x: float
    y: float
    z: float


PIXEL_IS_POINT: Final = 2
_ESRI: Final = "ESRI PE String"


@dataclass(frozen=True, slots=True)
class Georeference:
    """The place of an image on Earth."""

    epsg: int | None
    """Code of the CRS as the file states it; None: no CRS, or one without a code. See also `lookup.crs_of`."""
    name: str | None
    """Name of the CRS in the file."""
    transform: Geotransform | None
    """None: not georeferenced, or by ground control points, or by unusable numbers (NaN, a singular matrix)."""
    bounds: Bounds | None
    """Bounds of the image; None as `transform`."""
    is_point: bool = False
    """The file states coordinates of pixel centres (PixelIsPoint); `transform` is of corners all the same."""
    keys: GeoKeys = NO_KEYS
    """GeoKeys of the image's CRS; none where it has ground control points."""
    points: tuple[GroundControlPoint, ...] = ()
    """Ground control points, which place the image instead of a transform."""
    point_keys: GeoKeys = NO_KEYS
    """GeoKeys of the CRS of `points`; `keys` are then empty."""


def georeference(directory: Directory, width: int, height: int) -> Georeference:
    """Read the georeferencing of an image of (height, width) pixels.

    Raises:
        FormatError: a field is of a type that it cannot have.
    """
    keys = geo_keys(directory)
    is_point = keys.short(GeoKey.RASTER_TYPE) == PIXEL_IS_POINT
    transform = _transform(directory, is_point=is_point)
    points = _points(directory, is_point=is_point) if transform is None else ()
    if points:
        return Georeference(None, None, None, None, is_point, points=points, point_keys=keys)
    bounds = _bounds(transform, width, height) if transform else None
    if transform is None or bounds is None or not _is_sound(transform, bounds):
        return Georeference(_epsg(keys), _name(keys), None, None, keys=keys)
    return Georeference(_epsg(keys), _name(keys), transform, bounds, is_point, keys)


def _epsg(keys: GeoKeys) -> int | None:
    """The code of the CRS; as in GDAL, a file without a kind of CRS has a projected one, or none."""
    is_geodetic = keys.short(GeoKey.MODEL_TYPE) in (GEOGRAPHIC, GEOCENTRIC)
    return keys.epsg(GeoKey.GEODETIC_CRS if is_geodetic else GeoKey.PROJECTED_CRS)


def _name(keys: GeoKeys) -> str | None:
    is_projected = keys.short(GeoKey.MODEL_TYPE) == PROJECTED
    own = GeoKey.PROJECTED_CITATION if is_projected else GeoKey.GEODETIC_CITATION
    names = (keys.text(key) for key in (GeoKey.CITATION, own))
    return next((_name_in(name) for name in names if name), None)


def _name_in(citation: str) -> str:
    """Read the name from citations of GDAL and ArcGIS: `GCS Name = X|Datum = Y`, a whole definition."""
    if citation.startswith(_ESRI):
        return citation.partition('"')[2].partition('"')[0] or _ESRI
    return plain_name(citation)


def _transform(directory: Directory, *, is_point: bool) -> Geotransform | None:
    """Read one tie point and a scale, or a matrix (GeoTIFF 1.1 §7.4); tie points alone are ground control points."""
    scale = directory.floats(Tag.MODEL_PIXEL_SCALE)
    tie = directory.floats(Tag.MODEL_TIEPOINT)
    matrix = directory.floats(Tag.MODEL_TRANSFORMATION)
    if len(scale) >= 2 and scale[0] != 0 and scale[1] != 0:
        if len(tie) < 6:
            return None
        dx, dy = scale[0], -abs(scale[1])
        result = (tie[3] - tie[0] * dx, dx, 0.0, tie[4] - tie[1] * dy, 0.0, dy)
    elif len(matrix) == 16:
        result = (matrix[3], matrix[0], matrix[1], matrix[7], matrix[4], matrix[5])
    else:
        return None
    if is_point:
        x0, dx, rx, y0, ry, dy = result
        result = (x0 - (dx + rx) / 2, dx, rx, y0 - (ry + dy) / 2, ry, dy)
    return result


def _points(directory: Directory, *, is_point: bool) -> tuple[GroundControlPoint, ...]:
    """Read tie points that stand alone; a rest of fewer than six numbers is left out, as in GDAL."""
    numbers = directory.floats(Tag.MODEL_TIEPOINT)
    shift = 0.5 if is_point else 0.0
    rows = (numbers[at : at + 6] for at in range(0, len(numbers) - 5, 6))
    return tuple(GroundControlPoint(col + shift, row + shift, x, y, z) for col, row, _, x, y, z in rows)


def _is_sound(transform: Geotransform, bounds: Bounds) -> bool:
    _, dx, rx, _, ry, dy = transform
    return all(isfinite(number) for number in bounds) and dx * dy - rx * ry != 0


def _bounds(transform: Geotransform, width: int, height: int) -> Bounds:
    x0, dx, rx, y0, ry, dy = transform
    xs = [x0 + col * dx + row * rx for col in (0, width) for row in (0, height)]
    ys = [y0 + col * ry + row * dy for col in (0, width) for row in (0, height)]
    return min(xs), min(ys), max(xs), max(ys)
