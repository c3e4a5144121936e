"""The CRS of a file, by its GeoKeys.

PROJ takes 0.1 s to load, so it is imported when the first keys are resolved.
"""

from functools import lru_cache
from typing import Final, Protocol

from cogread.crs.crs import Crs, GeographicTable
from cogread.crs.geokeys import GeoKeys
from cogread.crs.georeference import Bounds, Georeference
from cogread.refusal import Refusal


class CrsResolver(Protocol):
    """Resolves CRSs and their bounds: pure functions, which may be cached, of the arguments and of PROJ's datasets."""

    def resolve(self, keys: GeoKeys) -> Crs | Refusal:
        """The CRS that GeoKeys define."""

    def wgs84_bounds(self, crs: Crs, bounds: Bounds) -> Bounds | None:
        """Bounds in longitude and latitude, edges densified; None where there is no transform or no finite result.

        Args:
            crs: CRS of the bounds.
            bounds: left, bottom, right, top in x, y order.

        Returns:
            west, south, east, north in degrees; west > east where the area crosses the antimeridian.
        """

    def geographic_table(self, crs: Crs, bounds: Bounds, tolerance_m: float) -> GeographicTable | None:
        """The smallest table whose error is within a tolerance, or the largest one; None: the CRS reaches no place.

        Args:
            crs: CRS of the bounds.
            bounds: left, bottom, right, top in x, y order.
            tolerance_m: the wanted error.
        """


class ProjResolver:
    """Resolves by PROJ. Thread-safe."""

    def resolve(self, keys: GeoKeys) -> Crs | Refusal:
        """See `CrsResolver.resolve`."""
        from cogread.crs.resolver import resolved  # noqa: PLC0415 - PROJ takes 0.1 s to load

        return resolved(keys)

    def wgs84_bounds(self, crs: Crs, bounds: Bounds) -> Bounds | None:
        """See `CrsResolver.wgs84_bounds`."""
        from cogread.crs.transform import wgs84_bounds  # noqa: PLC0415 - PROJ takes 0.1 s to load

        return wgs84_bounds(crs.placed_definition, bounds)

    def geographic_table(self, crs: Crs, bounds: Bounds, tolerance_m: float) -> GeographicTable | None:
        """See `CrsResolver.geographic_table`."""
        from cogread.crs.geographic_table import geographic_table  # noqa: PLC0415 - PROJ takes 0.1 s to load

        return geographic_table(crs.placed_definition, bounds, tolerance_m)

    def revision(self) -> str:
        """The version of PROJ and its datasets, which tells cached results apart."""
        from cogread.crs.resolver import PROJ_REVISION  # noqa: PLC0415 - PROJ takes 0.1 s to load

        return PROJ_REVISION


class _Cached(ProjResolver):
    """The same with the last results in memory."""

    @lru_cache(maxsize=128)  # noqa: B019 - there is one instance
    def resolve(self, keys: GeoKeys) -> Crs | Refusal:
        """See `CrsResolver.resolve`."""
        return super().resolve(keys)


PROJ: Final[CrsResolver] = _Cached()


def crs_of(geo: Georeference, resolver: CrsResolver = PROJ) -> Crs | None:
    """The CRS of a file; None where it has none, or none that PROJ knows and that is beyond doubt."""
    crs = resolver.resolve(geo.keys)
    return crs if isinstance(crs, Crs) else None


def vertical_unit(geo: Georeference, resolver: CrsResolver = PROJ) -> str | None:
    """The unit of heights, which GDAL states for bands that state no unit (GTiffRasterBand::GetUnitType)."""
    crs = crs_of(geo, resolver)
    return None if crs is None else crs.vertical_unit


def why_no_crs(geo: Georeference, resolver: CrsResolver = PROJ) -> str | None:
    """The reason why a file has no CRS, a clause about the file; None: it has one."""
    if geo.points:
        return "it lies by ground control points, and a CRS would be theirs"
    crs = resolver.resolve(geo.keys)
    return crs.reason if isinstance(crs, Refusal) else None
