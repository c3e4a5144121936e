"""The shift of a datum to WGS 84 that a file itself states (GeogTOWGS84GeoKey) -> a bound CRS.

GDAL goes by it only where neither the CRS nor its datum is one of the EPSG dataset.
"""

from typing import Any, Final

from pyproj import CRS

from cogread.crs.geokeys import GeoKey, GeoKeys
from cogread.crs.identify import has_known_datum

Json = dict[str, Any]

_ARC_SECOND: Final = {"type": "AngularUnit", "name": "arc-second", "conversion_factor": 4.84813681109536e-06}
_PER_MILLION: Final = {"type": "ScaleUnit", "name": "parts per million", "conversion_factor": 1e-06}
_PARAMETERS: Final[tuple[tuple[str, int, str | Json], ...]] = (
    ("X-axis translation", 8605, "metre"),
    ("Y-axis translation", 8606, "metre"),
    ("Z-axis translation", 8607, "metre"),
    ("X-axis rotation", 8608, _ARC_SECOND),
    ("Y-axis rotation", 8609, _ARC_SECOND),
    ("Z-axis rotation", 8610, _ARC_SECOND),
    ("Scale difference", 8611, _PER_MILLION),
)


def shifted(crs: CRS, keys: GeoKeys) -> CRS:
    """The CRS bound to WGS 84 by the keys' shift; itself where they state none, or where its datum has a code."""
    shift = keys.doubles(GeoKey.TO_WGS84)
    if not shift or has_known_datum(crs):
        return crs
    values = (*shift, *[0.0] * (len(_PARAMETERS) - len(shift)))
    parameters = [
        {"name": name, "value": value, "unit": unit, "id": {"authority": "EPSG", "code": code}}
        for (name, code, unit), value in zip(_PARAMETERS, values, strict=True)
    ]
    return CRS.from_json_dict(
        {
            "type": "BoundCRS",
            "source_crs": crs.to_json_dict(),
            "target_crs": CRS.from_epsg(4326).to_json_dict(),
            "transformation": {
                "name": f"{crs.name} to WGS 84",
                "method": {
                    "name": "Position Vector transformation (geog2D domain)",
                    "id": {"authority": "EPSG", "code": 9606},
                },
                "parameters": parameters,
            },
        }
    )
