"""The CRS of a file, by its GeoKeys.

PROJ takes 0.1 s to load, so it is imported when the first keys are resolved.
"""

from functools import lru_cache

from cogread.crs.crs import Crs
from cogread.crs.geokeys import GeoKeys
from cogread.crs.georeference import Georeference
from cogread.refusal import Refusal


def crs_of(geo: Georeference) -> Crs | None:
    """The CRS of a file; None where it has none, or none that PROJ knows and that is beyond doubt."""
    crs = resolve(geo.keys)
    return crs if isinstance(crs, Crs) else None


def why_no_crs(geo: Georeference) -> str | None:
    """The reason why a file has no CRS, a clause about the file; None: it has one."""
    if geo.points:
        return "it lies by ground control points, and a CRS would be theirs"
    crs = resolve(geo.keys)
    return crs.reason if isinstance(crs, Refusal) else None


@lru_cache(maxsize=1024)
def resolve(keys: GeoKeys) -> Crs | Refusal:
    """Resolve GeoKeys with PROJ, a pure function of the keys and of PROJ's datasets."""
    from cogread.crs.resolver import resolved  # noqa: PLC0415 - PROJ takes 0.1 s to load

    return resolved(keys)
