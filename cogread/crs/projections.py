"""Map projections as GeoKeys state them -> conversions as PROJ states them.

The methods are those of ProjMethodGeoKey (GeoTIFF 1.1 Annex C.2). Writers differ in the key of a parameter; those that
libgeotiff (geo_normalize.c) accepts are read. A method that GDAL does not read, or does not read back from its own
files, is refused.
"""

from typing import Final

from pyproj import CRS

from cogread.crs.crs import ProjJson
from cogread.crs.geokeys import GeoKey, GeoKeys

MERCATOR: Final = 7
_LCC_2SP: Final = 8
_ALBERS: Final = 11
_EQUIDISTANT_CONIC: Final = 13
_POLAR_STEREOGRAPHIC: Final = 15
_TWO_PARALLELS: Final = {_LCC_2SP, _ALBERS, _EQUIDISTANT_CONIC}

_EQUATOR: Final = {
    "name": "Latitude of natural origin",
    "value": 0,
    "unit": "degree",
    "id": {"authority": "EPSG", "code": 8801},
}
_ORIGIN: Final = "+lat_0={lat!r} +lon_0={lon!r}"
_HOTINE: Final = "+lat_0={lat!r} +lonc={lon!r} +alpha={azimuth!r} +gamma={grid_angle!r} +k={scale!r}"
_CONIC: Final = f"{_ORIGIN} +lat_1={{parallel_1!r}} +lat_2={{parallel_2!r}}"
_METHODS: Final = {
    1: f"+proj=tmerc {_ORIGIN} +k={{scale!r}}",
    3: f"+proj=omerc +no_uoff {_HOTINE}",
    4: f"+proj=labrd {_ORIGIN} +azi={{azimuth!r}} +k={{scale!r}}",
    _LCC_2SP: f"+proj=lcc {_CONIC}",
    9: f"+proj=lcc {_ORIGIN} +lat_1={{lat!r}} +k_0={{scale!r}}",
    10: f"+proj=laea {_ORIGIN}",
    _ALBERS: f"+proj=aea {_CONIC}",
    12: f"+proj=aeqd {_ORIGIN}",
    _EQUIDISTANT_CONIC: f"+proj=eqdc {_CONIC}",
    14: f"+proj=stere {_ORIGIN} +k={{scale!r}}",
    16: f"+proj=sterea {_ORIGIN} +k={{scale!r}}",
    17: f"+proj=eqc {_ORIGIN} +lat_ts={{parallel_1!r}}",
    18: f"+proj=cass {_ORIGIN}",
    19: f"+proj=gnom {_ORIGIN}",
    20: "+proj=mill +lon_0={lon!r}",
    21: f"+proj=ortho {_ORIGIN}",
    22: f"+proj=poly {_ORIGIN}",
    23: "+proj=robin +lon_0={lon!r}",
    24: "+proj=sinu +lon_0={lon!r}",
    25: "+proj=vandg +lon_0={lon!r}",
    26: f"+proj=nzmg {_ORIGIN}",
    27: f"+proj=tmerc +axis=wsu {_ORIGIN} +k={{scale!r}}",
    28: "+proj=cea +lat_ts={parallel_1!r} +lon_0={lon!r}",
    9815: f"+proj=omerc {_HOTINE}",
}
"""Method -> its PROJ string, a template for the parameters. 2, 5 and 6 are not read by GDAL either."""


def method_of(keys: GeoKeys) -> int | None:
    """The code of the method; None: there is none, or none that is supported."""
    method = keys.short(GeoKey.PROJECTION_METHOD)
    return method if method in _METHODS or method in (MERCATOR, _POLAR_STEREOGRAPHIC) else None


def projected(keys: GeoKeys, *, degrees: float, metres: float) -> ProjJson | None:
    """Read a projected CRS as PROJJSON, of which conversion and axes count; None where the keys do not define one.

    Args:
        keys: of the file.
        degrees: the unit of angles.
        metres: the unit of lengths.

    Raises:
        CRSError: PROJ refuses the parameters.
    """
    method = method_of(keys)
    if method is None:
        return None
    values = _parameters(keys, degrees, metres)
    template = _template(method, keys, values)
    if template is None:
        return None
    text = f"{template} +x_0={{easting!r}} +y_0={{northing!r}} +datum=WGS84 +type=crs".format(**values)
    projjson = CRS.from_string(text).to_json_dict()
    conversion = projjson["conversion"]
    if conversion["method"]["name"] == "Equidistant Cylindrical":  # by EPSG it has no latitude of origin, and that is 0
        without = [parameter for parameter in conversion["parameters"] if parameter != _EQUATOR]
        return {**projjson, "conversion": {**conversion, "parameters": without}}
    return projjson


def _template(method: int, keys: GeoKeys, values: dict[str, float]) -> str | None:
    parallels = keys.double(GeoKey.STANDARD_PARALLEL_1), keys.double(GeoKey.STANDARD_PARALLEL_2)
    if method in _TWO_PARALLELS and None in parallels:
        return None
    if method == MERCATOR:
        return _mercator(values, has_parallel=parallels[0] is not None)
    if method == _POLAR_STEREOGRAPHIC:
        return _polar_stereographic(values)
    return _METHODS[method]


def _mercator(values: dict[str, float], *, has_parallel: bool) -> str | None:
    """Choose variant B with a standard parallel, else variant A; the origin is on the equator in both."""
    if values["lat"] != 0:
        return None
    return "+proj=merc +lon_0={lon!r} " + ("+lat_ts={parallel_1!r}" if has_parallel else "+k={scale!r}")


def _polar_stereographic(values: dict[str, float]) -> str | None:
    """Choose variant A at the pole; elsewhere variant B, whose latitude is that of true scale."""
    if abs(values["lat"]) == 90:
        return "+proj=stere +lat_0={lat!r} +lon_0={pole_lon!r} +k={scale!r}"
    if values["lat"] == 0 or values["scale"] != 1:
        return None
    return f"+proj=stere +lat_0={'-90' if values['lat'] < 0 else '90'} +lat_ts={{lat!r}} +lon_0={{pole_lon!r}}"


def _parameters(keys: GeoKeys, degrees: float, metres: float) -> dict[str, float]:
    """Read the parameters in degrees and metres."""
    key = GeoKey
    longitudes = (key.NATURAL_ORIGIN_LONGITUDE, key.FALSE_ORIGIN_LONGITUDE, key.CENTER_LONGITUDE)
    latitudes = (key.NATURAL_ORIGIN_LATITUDE, key.FALSE_ORIGIN_LATITUDE, key.CENTER_LATITUDE)

    def number(*names: GeoKey, default: float = 0.0) -> float:
        value = keys.double(*names)
        return default if value is None else value

    return {
        "lat": number(*latitudes) * degrees,
        "lon": number(*longitudes) * degrees,
        "pole_lon": number(key.STRAIGHT_VERTICAL_POLE_LONGITUDE, *longitudes) * degrees,
        "parallel_1": number(key.STANDARD_PARALLEL_1) * degrees,
        "parallel_2": number(key.STANDARD_PARALLEL_2) * degrees,
        "azimuth": number(key.AZIMUTH) * degrees,
        "grid_angle": number(key.RECTIFIED_GRID_ANGLE, default=90 / degrees) * degrees,
        "scale": number(key.SCALE_AT_NATURAL_ORIGIN, key.SCALE_AT_CENTER, default=1.0),
        "easting": number(key.FALSE_EASTING, key.CENTER_EASTING, key.FALSE_ORIGIN_EASTING) * metres,
        "northing": number(key.FALSE_NORTHING, key.CENTER_NORTHING, key.FALSE_ORIGIN_NORTHING) * metres,
    }
