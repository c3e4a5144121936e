"""Georeferencing: GeoKeys and transform tags -> EPSG code, affine transform, bounds in the file's own CRS.

Sources: GeoTIFF 1.1 (OGC 19-008r4), and GDAL (frmts/gtiff/gtiffdataset_read.cpp) where it departs from it: GDAL's
transform always speaks of the corner of a pixel, so PixelIsPoint files are moved by half a pixel.
"""

from dataclasses import dataclass
from enum import IntEnum
from math import isfinite
from typing import Final

from cogread.directory import Directory
from cogread.tags import Tag

Geotransform = tuple[float, float, float, float, float, float]
"""GDAL's six numbers: x = g0 + col * g1 + row * g2, y = g3 + col * g4 + row * g5, of pixel corners."""

Bounds = tuple[float, float, float, float]
"""left, bottom, right, top in x, y order, whatever the axis order of the CRS."""


class GeoKey(IntEnum):
    """Keys that are read."""

    MODEL_TYPE = 1024
    RASTER_TYPE = 1025
    CITATION = 1026
    GEODETIC_CRS = 2048
    GEODETIC_CITATION = 2049
    PROJECTED_CRS = 3072
    PROJECTED_CITATION = 3073


PROJECTED: Final = 1
PIXEL_IS_POINT: Final = 2
_KEYS: Final = frozenset(GeoKey)
_EPSG: Final = range(1024, 32767)
"""GeoTIFF 1.1 §7.3: 32767 is user-defined, what lies outside is private or reserved."""


@dataclass(frozen=True, slots=True)
class Georeference:
    """Where an image lies."""

    epsg: int | None
    """Code of the CRS; None: no CRS, or one without a code."""
    name: str | None
    """What the file calls its CRS."""
    transform: Geotransform | None
    """None: not georeferenced, or by ground control points, or by numbers that lead nowhere (NaN, a flat matrix)."""
    bounds: Bounds | None
    """The image's; None as `transform`."""
    is_point: bool = False
    """Whether the file's own coordinates are those of pixel centres (PixelIsPoint); `transform` is of corners."""


def georeference(directory: Directory, width: int, height: int) -> Georeference:
    """Read the georeferencing of an image of (height, width) pixels.

    Raises:
        FormatError: a field is of a type that it cannot have.
    """
    keys = _geo_keys(directory)
    is_point = keys.get(GeoKey.RASTER_TYPE) == PIXEL_IS_POINT
    transform = _transform(directory, is_point=is_point)
    if transform is None:
        if directory.floats(Tag.MODEL_TIEPOINT):
            return Georeference(None, None, None, None)  # the keys are those of the ground control points
        return Georeference(_epsg(keys), _name(keys), None, None)
    bounds = _bounds(transform, width, height)
    is_sound = all(isfinite(number) for number in bounds) and _is_invertible(transform)
    if not is_sound:
        return Georeference(_epsg(keys), _name(keys), None, None)
    return Georeference(_epsg(keys), _name(keys), transform, bounds, is_point)


def _geo_keys(directory: Directory) -> dict[int, int | str]:
    """The keys with a number in the directory itself, and those with a text (GeoTIFF 1.1 §7.1.2)."""
    directory_values = directory.integers(Tag.GEO_KEY_DIRECTORY)
    if len(directory_values) < 4:
        return {}
    ascii_params = directory.raw(Tag.GEO_ASCII_PARAMS) or b""
    number = min(directory_values[3], len(directory_values) // 4 - 1)
    rows = (directory_values[at : at + 4] for at in range(4, 4 + 4 * number, 4))
    keys: dict[int, int | str] = {}
    for key, place, count, value in {row[0]: row for row in rows if row[0] in _KEYS}.values():
        if place == 0:
            keys[key] = value
        elif place == Tag.GEO_ASCII_PARAMS:
            keys[key] = ascii_params[value : value + count].decode("utf-8", "replace").strip("|\0 \n")
    return keys


def _epsg(keys: dict[int, int | str]) -> int | None:
    crs_key = GeoKey.PROJECTED_CRS if keys.get(GeoKey.MODEL_TYPE) == PROJECTED else GeoKey.GEODETIC_CRS
    code = keys.get(crs_key)
    return code if isinstance(code, int) and code in _EPSG else None


def _name(keys: dict[int, int | str]) -> str | None:
    projected = keys.get(GeoKey.MODEL_TYPE) == PROJECTED
    own = GeoKey.PROJECTED_CITATION if projected else GeoKey.GEODETIC_CITATION
    for key in (GeoKey.CITATION, own):
        name = keys.get(key)
        if isinstance(name, str) and name:
            return name
    return None


def _transform(directory: Directory, *, is_point: bool) -> Geotransform | None:
    """GeoTIFF 1.1 §7.4: one tie point and a scale, or a matrix; many tie points alone are ground control points."""
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


def _is_invertible(transform: Geotransform) -> bool:
    _, dx, rx, _, ry, dy = transform
    return dx * dy - rx * ry != 0


def _bounds(transform: Geotransform, width: int, height: int) -> Bounds:
    x0, dx, rx, y0, ry, dy = transform
    xs = [x0 + col * dx + row * rx for col in (0, width) for row in (0, height)]
    ys = [y0 + col * ry + row * dy for col in (0, width) for row in (0, height)]
    return min(xs), min(ys), max(xs), max(ys)
