"""A table of places in longitude and latitude, from which clients without PROJ interpolate all places of an image.

It holds unit vectors, so that poles and the antimeridian are places like all others, at equal steps of x and y. Clients
interpolate by cubics through the four nearest points of each axis. The table is as small as a tolerance allows; its
error is measured in the middle of each cell. Degrees and web mercator need no table but a formula.
"""

from collections.abc import Callable, Sequence
from itertools import product
from math import atan, atan2, cos, degrees, hypot, inf, isfinite, radians, sin, sinh, sqrt
from typing import Final

from pyproj.exceptions import CRSError, ProjError

from cogread.crs.crs import GeographicTable
from cogread.crs.georeference import Bounds
from cogread.crs.transform import EARTH_RADIUS_M, transformer

SIZES: Final = (5, 9, 17, 33)
"""Numbers of points along each axis."""
_MEAN_RADIUS_M: Final = 6371008.8
_DIGITS: Final = 11
"""Decimals of vectors: a tenth of a millimetre."""

Vector = tuple[float, float, float]
Place = tuple[float, float]

FORMULAS: Final[dict[str, Callable[[float, float], Place]]] = {
    "degrees": lambda x, y: (x, y),
    "mercator": lambda x, y: (degrees(x / EARTH_RADIUS_M), degrees(atan(sinh(y / EARTH_RADIUS_M)))),
}
"""Name -> longitude and latitude of coordinates."""
_SAME: Final = 1e-10
"""Largest angle between equal places, in radians: less than a millimetre."""


def geographic_table(definition: str, bounds: Bounds, tolerance_m: float) -> GeographicTable | None:
    """Make the smallest table whose error is within a tolerance, or the largest one.

    Args:
        definition: the CRS in PROJJSON.
        bounds: left, bottom, right, top in x, y order.
        tolerance_m: the wanted error.

    Returns:
        None where there is no transform to WGS 84, or no place within the bounds.
    """
    table = None
    try:
        for points in SIZES:
            table = _table(definition, bounds, points)
            if table is None or table.error_m <= tolerance_m:
                break
    except (CRSError, ProjError):
        return None
    return table


def _table(definition: str, bounds: Bounds, points: int) -> GeographicTable | None:
    parts = [at / (points - 1) for at in range(points)]
    vectors = _vectors(definition, bounds, parts)
    if not any(vectors):
        return None
    places = _places(bounds, parts)
    for name, formula in FORMULAS.items():
        if all(_is_same(vector, formula(*place)) for vector, place in zip(vectors, places, strict=True)):
            return GeographicTable(name, 0, bounds, (), 0.0)
    flat = tuple(None if vector is None else round(vector[axis], _DIGITS) for vector in vectors for axis in range(3))
    return GeographicTable(None, points, bounds, flat, _error_m(definition, bounds, points, vectors))


def _is_same(vector: Vector | None, place: Place) -> bool:
    other = _vector(*place)
    return vector is not None and other is not None and angle(vector, other) < _SAME


def _error_m(definition: str, bounds: Bounds, points: int, vectors: Sequence[Vector | None]) -> float:
    """Error in the middle of the cells; infinite where a place of the CRS lies beside points that it does not reach."""
    parts = [(at + 0.5) / (points - 1) for at in range(points - 1)]
    error = 0.0
    for exact, (row, col) in zip(_vectors(definition, bounds, parts), product(parts, parts), strict=True):
        estimate = interpolated(vectors, points, col * (points - 1), row * (points - 1))
        if exact is not None and estimate is not None:
            error = max(error, angle(exact, estimate) * _MEAN_RADIUS_M)
        elif exact is not None and points < SIZES[-1]:
            return inf
    return error


def _places(bounds: Bounds, parts: Sequence[float]) -> list[Place]:
    """Coordinates at these parts of the width and the height, row by row."""
    left, bottom, right, top = bounds
    return [(left + col * (right - left), bottom + row * (top - bottom)) for row, col in product(parts, parts)]


def _vectors(definition: str, bounds: Bounds, parts: Sequence[float]) -> list[Vector | None]:
    xs, ys = zip(*_places(bounds, parts), strict=True)
    lons, lats = transformer(definition).transform(xs, ys)
    return [_vector(*place) for place in zip(lons, lats, strict=True)]


def _vector(longitude: float, latitude: float) -> Vector | None:
    if not (isfinite(longitude) and isfinite(latitude)):
        return None
    lon, lat = radians(longitude), radians(latitude)
    return cos(lat) * cos(lon), cos(lat) * sin(lon), sin(lat)


def interpolated(vectors: Sequence[Vector | None], points: int, col: float, row: float) -> Vector | None:
    """Interpolate at a place of the table; None beside a point that the CRS does not reach."""
    sums = [0.0, 0.0, 0.0]
    for (r, down), (c, across) in product(_weights(row, points), _weights(col, points)):
        vector = vectors[r * points + c]
        if vector is None:
            return None
        for axis in range(3):
            sums[axis] += down * across * vector[axis]
    length = hypot(*sums) or inf
    return sums[0] / length, sums[1] / length, sums[2] / length


def _weights(place: float, count: int) -> list[tuple[int, float]]:
    """Indices of the four points around a place with their weights, by Lagrange's formula."""
    first = min(max(int(place) - 1, 0), count - 4)
    indices = range(first, first + 4)
    weights = []
    for own in indices:
        weight = 1.0
        for other in indices:
            if other != own:
                weight *= (place - other) / (own - other)
        weights.append((own, weight))
    return weights


def angle(one: Vector, other: Vector) -> float:
    """Angle between two unit vectors in radians, by their chord, which keeps small angles exact."""
    chord = sqrt(sum((a - b) ** 2 for a, b in zip(one, other, strict=True)))
    return 2 * atan2(chord / 2, sqrt(max(0.0, 1 - chord * chord / 4)))
