"""CRSs and their bounds in degrees, computed by PROJ once for the fleet.

Identifying a CRS takes PROJ tens of milliseconds. The results are pure functions of a file's keys, cached in the tiers
as JSON text and validated when read. Cache keys name the version of PROJ, since results depend on its datasets.
"""

from collections.abc import Callable
from hashlib import blake2b
from threading import Lock
from typing import Any, Final, Generic, TypeVar

import msgspec

from cogread.crs.crs import Crs, GeographicTable
from cogread.crs.geokeys import GeoKeys
from cogread.crs.georeference import Bounds
from cogread.crs.lookup import ProjResolver
from cogread.deadline import Deadline
from cogread.refusal import Refusal
from server.cache.single_flight import SingleFlight

REVISION: Final = 2
"""Version of the values; changes with `Crs` and with the code that resolves it."""

TTL_S: Final = 7 * 24 * 3600.0

WAIT_S: Final = 12.0
"""Longest wait for another thread or process that computes the same value."""

T = TypeVar("T")


class _CrsValue(msgspec.Struct):
    """A cached `Crs` or `Refusal`; one is set."""

    crs: Crs | None
    refusal: str | None


class _BoundsValue(msgspec.Struct):
    """Cached bounds; None: there are none."""

    bounds: Bounds | None


class _TableValue(msgspec.Struct):
    """A cached table; None: there is none."""

    table: GeographicTable | None


class CrsStore:
    """A `CrsResolver` through the tiers. Thread-safe."""

    def __init__(self, flight: SingleFlight, proj: ProjResolver) -> None:
        self._proj = proj
        self._proj_turn: Final = Lock()
        """PROJ holds the GIL for 0.1 s a call: several threads in it would starve tiles and calls to Redis."""
        self._crss: Final = _Values(flight, "crs", _CrsValue, proj.revision)
        self._bounds: Final = _Values(flight, "crs-bounds", _BoundsValue, proj.revision)
        self._tables: Final = _Values(flight, "crs-table", _TableValue, proj.revision)

    def resolve(self, keys: GeoKeys) -> Crs | Refusal:
        """See `CrsResolver.resolve`."""
        value = self._crss.get((keys.items, keys.minor_revision), lambda: self._resolved(keys))
        return value.crs or Refusal(value.refusal or "it has no CRS")

    def wgs84_bounds(self, crs: Crs, bounds: Bounds) -> Bounds | None:
        """See `CrsResolver.wgs84_bounds`."""
        return self._bounds.get((crs.placed_definition, bounds), lambda: self._projected(crs, bounds)).bounds

    def geographic_table(self, crs: Crs, bounds: Bounds, tolerance_m: float) -> GeographicTable | None:
        """See `CrsResolver.geographic_table`."""
        arguments = (crs.placed_definition, bounds, tolerance_m)
        return self._tables.get(arguments, lambda: self._tabulated(crs, bounds, tolerance_m)).table

    def _resolved(self, keys: GeoKeys) -> _CrsValue:
        with self._proj_turn:
            crs = self._proj.resolve(keys)
        return _CrsValue(None, crs.reason) if isinstance(crs, Refusal) else _CrsValue(crs, None)

    def _projected(self, crs: Crs, bounds: Bounds) -> _BoundsValue:
        with self._proj_turn:
            return _BoundsValue(self._proj.wgs84_bounds(crs, bounds))

    def _tabulated(self, crs: Crs, bounds: Bounds, tolerance_m: float) -> _TableValue:
        with self._proj_turn:
            return _TableValue(self._proj.geographic_table(crs, bounds, tolerance_m))


class _Values(Generic[T]):
    """Values of one kind in the tiers."""

    def __init__(self, flight: SingleFlight, name: str, kind: type[T], revision: Callable[[], str]) -> None:
        self._flight, self._name, self._revision = flight, name, revision
        self._decoder: Final = msgspec.json.Decoder(kind)

    def get(self, arguments: tuple[Any, ...], work_out: Callable[[], T]) -> T:
        """The value for arguments; their `repr` identifies them."""
        digest = blake2b(repr(arguments).encode(), digest_size=16).hexdigest()
        key = f"rawcog:{self._name}:{REVISION}:{self._revision()}:{digest}"
        values = self._flight.fetch(
            [key],
            lambda _: {key: msgspec.json.encode(work_out())},
            TTL_S,
            Deadline.after(WAIT_S),
            usable=self._is_valid,
        )
        return self._decoder.decode(values[key])

    def _is_valid(self, value: bytes) -> bool:
        try:
            self._decoder.decode(value)
        except msgspec.MsgspecError:
            return False
        return True
