"""GeoKeys: the CRS of a GeoTIFF as numbers and texts (GeoTIFF 1.1, OGC 19-008r4 §7.1 and Annex B).

This module only reads them, with every place and count bounded; `from_geokeys` interprets them. A damaged directory
holds the keys that can be read, which may be none.
"""

from dataclasses import dataclass
from enum import IntEnum
from math import isfinite
from typing import Final

from cogread.tiff.directory import Directory
from cogread.tiff.tags import Tag


class GeoKey(IntEnum):
    """Keys that are read, by the names of GeoTIFF 1.1; units of doubles are in its §7.5.

    TO_WGS84 is libgeotiff's own: three or seven parameters of a shift to WGS 84.
    """

    MODEL_TYPE = 1024
    RASTER_TYPE = 1025
    CITATION = 1026
    GEODETIC_CRS = 2048
    GEODETIC_CITATION = 2049
    GEODETIC_DATUM = 2050
    PRIME_MERIDIAN = 2051
    GEOG_LINEAR_UNITS = 2052
    GEOG_ANGULAR_UNITS = 2054
    GEOG_ANGULAR_UNIT_SIZE = 2055
    ELLIPSOID = 2056
    SEMI_MAJOR_AXIS = 2057
    SEMI_MINOR_AXIS = 2058
    INVERSE_FLATTENING = 2059
    PRIME_MERIDIAN_LONGITUDE = 2061
    TO_WGS84 = 2062
    PROJECTED_CRS = 3072
    PROJECTED_CITATION = 3073
    PROJECTION = 3074
    PROJECTION_METHOD = 3075
    LINEAR_UNITS = 3076
    LINEAR_UNIT_SIZE = 3077
    STANDARD_PARALLEL_1 = 3078
    STANDARD_PARALLEL_2 = 3079
    NATURAL_ORIGIN_LONGITUDE = 3080
    NATURAL_ORIGIN_LATITUDE = 3081
    FALSE_EASTING = 3082
    FALSE_NORTHING = 3083
    FALSE_ORIGIN_LONGITUDE = 3084
    FALSE_ORIGIN_LATITUDE = 3085
    FALSE_ORIGIN_EASTING = 3086
    FALSE_ORIGIN_NORTHING = 3087
    CENTER_LONGITUDE = 3088
    CENTER_LATITUDE = 3089
    CENTER_EASTING = 3090
    CENTER_NORTHING = 3091
    SCALE_AT_NATURAL_ORIGIN = 3092
    SCALE_AT_CENTER = 3093
    AZIMUTH = 3094
    STRAIGHT_VERTICAL_POLE_LONGITUDE = 3095
    RECTIFIED_GRID_ANGLE = 3096
    VERTICAL_CRS = 4096
    VERTICAL_CITATION = 4097
    VERTICAL_DATUM = 4098
    VERTICAL_UNITS = 4099


PROJECTED: Final = 1
GEOGRAPHIC: Final = 2
GEOCENTRIC: Final = 3
"""Values of MODEL_TYPE."""
USER_DEFINED: Final = 32767

_KEYS: Final = frozenset(GeoKey)
_CITATIONS: Final = (GeoKey.CITATION, GeoKey.GEODETIC_CITATION, GeoKey.PROJECTED_CITATION, GeoKey.VERTICAL_CITATION)
_MAX_SHIFTS: Final = 7
_EPSG: Final = range(1024, USER_DEFINED)
"""GeoTIFF 1.1 §7.3: codes outside are private, reserved or user-defined."""

Value = int | float | str | tuple[float, ...]


@dataclass(frozen=True, slots=True)
class GeoKeys:
    """The keys of a file; hashable, equal if keys and values are."""

    items: tuple[tuple[int, Value], ...] = ()
    minor_revision: int = 0
    """The x of GeoTIFF 1.x: 0 or 1."""

    def short(self, key: GeoKey) -> int | None:
        """The code or unit under a key; None: absent."""
        value = self._value(key)
        return value if isinstance(value, int) else None

    def epsg(self, key: GeoKey) -> int | None:
        """The code of the EPSG dataset under a key; None: user-defined, private or absent."""
        value = self.short(key)
        return value if value in _EPSG else None

    def text(self, key: GeoKey) -> str | None:
        """The citation under a key; None: absent or empty."""
        value = self._value(key)
        return value if isinstance(value, str) and value else None

    def double(self, *keys: GeoKey) -> float | None:
        """The number under the first of these keys that is present; it may be NaN, see `is_finite`."""
        values = (self._value(key) for key in keys)
        return next((value for value in values if isinstance(value, float)), None)

    def doubles(self, key: GeoKey) -> tuple[float, ...]:
        """The numbers under a key that holds many; () if it is absent."""
        value = self._value(key)
        return value if isinstance(value, tuple) else ()

    @property
    def is_finite(self) -> bool:
        """True if no number is NaN or infinite."""
        numbers = (value if isinstance(value, tuple) else (value,) for _, value in self.items)
        return all(isfinite(value) for row in numbers for value in row if isinstance(value, float))

    def _value(self, key: GeoKey) -> Value | None:
        return next((value for number, value in self.items if number == key), None)


NO_KEYS: Final = GeoKeys()


def geo_keys(directory: Directory) -> GeoKeys:
    """Read the keys of a directory; the last one of a number counts.

    Raises:
        FormatError: a field is of a type that it cannot have.
    """
    numbers = directory.integers(Tag.GEO_KEY_DIRECTORY)
    if len(numbers) < 4:
        return NO_KEYS
    doubles = directory.floats(Tag.GEO_DOUBLE_PARAMS)
    texts = directory.raw(Tag.GEO_ASCII_PARAMS) or b""
    count = min(numbers[3], len(numbers) // 4 - 1)
    rows = (numbers[at : at + 4] for at in range(4, 4 + 4 * count, 4))
    keys: dict[int, Value] = {}
    for key, place, length, value in {row[0]: row for row in rows if row[0] in _KEYS}.values():
        if place == 0:
            keys[key] = value
        elif place == Tag.GEO_ASCII_PARAMS and key in _CITATIONS:
            keys[key] = _citation(texts[value : value + length])
        elif place == Tag.GEO_DOUBLE_PARAMS and key == GeoKey.TO_WGS84:
            keys[key] = doubles[value : value + min(length, _MAX_SHIFTS)]
        elif place == Tag.GEO_DOUBLE_PARAMS and value < len(doubles):
            keys[key] = doubles[value]
    return GeoKeys(tuple(sorted(keys.items(), key=lambda item: item[0])), numbers[2])


def _citation(text: bytes) -> str:
    """A text without its end mark, a single `|`; others separate parts of it."""
    return text.decode("utf-8", "replace").strip("\0 \n").removesuffix("|")
