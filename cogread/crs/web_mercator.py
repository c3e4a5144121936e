"""The test for the CRS of web maps under any of its names, for grids and documents.

PROJ takes 0.1 s to load, so it is asked only where the keys leave the answer open.
"""

from typing import Final

from cogread.crs.citation import fields
from cogread.crs.geokeys import GEOGRAPHIC, USER_DEFINED, GeoKey, GeoKeys
from cogread.crs.georeference import Georeference
from cogread.crs.lookup import PROJ, CrsResolver, crs_of

WEB_MERCATOR_EPSG: Final = 3857

_CODES: Final = (WEB_MERCATOR_EPSG, 3785)
_PROJECTIONS: Final = (3856, 19847)
_MERCATOR: Final = 7
_METRE: Final = 9001
_MERCATOR_NAME: Final = "mercator"


def is_web_mercator(geo: Georeference, resolver: CrsResolver = PROJ) -> bool:
    """True if coordinates in an image's CRS mean the same places as in EPSG:3857."""
    if _is_epsg_3857(geo.keys):
        return True
    if not _may_be_web_mercator(geo.keys):
        return False
    crs = crs_of(geo, resolver)
    return crs is not None and crs.is_web_mercator


def _is_epsg_3857(keys: GeoKeys) -> bool:
    return (
        keys.short(GeoKey.MODEL_TYPE) in (1, None, USER_DEFINED)
        and keys.short(GeoKey.PROJECTED_CRS) == WEB_MERCATOR_EPSG
        and keys.short(GeoKey.LINEAR_UNITS) in (None, _METRE)
        and keys.short(GeoKey.GEOG_LINEAR_UNITS) in (None, _METRE)
        and keys.is_finite
        and "LUnits" not in fields(keys.text(GeoKey.CITATION))
    )


def _may_be_web_mercator(keys: GeoKeys) -> bool:
    code = keys.epsg(GeoKey.PROJECTED_CRS)
    if keys.short(GeoKey.MODEL_TYPE) == GEOGRAPHIC or code is not None:
        return code in _CODES and keys.short(GeoKey.MODEL_TYPE) != GEOGRAPHIC
    citations = (keys.text(key) or "" for key in (GeoKey.CITATION, GeoKey.PROJECTED_CITATION))
    return (
        keys.short(GeoKey.PROJECTION_METHOD) == _MERCATOR
        or keys.short(GeoKey.PROJECTION) in _PROJECTIONS
        or any(_MERCATOR_NAME in text.lower() for text in citations)
    )
