"""CRSs and their bounds in degrees, computed by PROJ once for the fleet.

Identifying a CRS takes PROJ tens of milliseconds. The results are pure functions of a file's keys, cached in the tiers
as JSON text and validated when read. Cache keys name the version of PROJ, since results depend on its datasets.
"""

from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from threading import Lock
from typing import Any, Final, TypeVar

from msgspec import MsgspecError
from msgspec.json import Decoder, encode

from cogread.crs.crs import Crs, GeographicTable
from cogread.crs.geokeys import GeoKeys
from cogread.crs.georeference import Bounds
from cogread.crs.lookup import ProjResolver
from cogread.deadline import Deadline
from cogread.refusal import Refusal
from server.cache.single_flight import SingleFlight

REVISION: Final = 3
"""Version of the values; changes with `Crs` and with the code that resolves it."""

TTL_S: Final = 7 * 24 * 3600.0

WAIT_S: Final = 12.0
"""Longest wait for another thread or process that computes the same value."""

T = TypeVar("T")


_CRS: Final = Decoder(tuple[Crs | None, str])
"""A CRS, or None and the reason."""
_BOUNDS: Final = Decoder(tuple[Bounds | None])
_TABLE: Final = Decoder(tuple[GeographicTable | None])


class CrsStore:
    """A `CrsResolver` through the tiers. Thread-safe."""

    def __init__(self, flight: SingleFlight, proj: ProjResolver) -> None:
        self._flight, self._proj = flight, proj
        self._proj_turn: Final = Lock()
        """PROJ holds the GIL for 0.1 s a call: several threads in it would starve tiles and calls to Redis."""

    def resolve(self, keys: GeoKeys) -> Crs | Refusal:
        """See `CrsResolver.resolve`."""
        crs, reason = self._value("crs", (keys.items, keys.minor_revision), _CRS, lambda: self._resolved(keys))
        return crs or Refusal(reason)

    def wgs84_bounds(self, crs: Crs, bounds: Bounds) -> Bounds | None:
        """See `CrsResolver.wgs84_bounds`."""
        arguments = (crs.placed_definition, bounds)
        return self._value("crs-bounds", arguments, _BOUNDS, lambda: (self._proj.wgs84_bounds(crs, bounds),))[0]

    def geographic_table(self, crs: Crs, bounds: Bounds, tolerance_m: float) -> GeographicTable | None:
        """See `CrsResolver.geographic_table`."""
        arguments = (crs.placed_definition, bounds, tolerance_m)
        return self._value(
            "crs-table", arguments, _TABLE, lambda: (self._proj.geographic_table(crs, bounds, tolerance_m),)
        )[0]

    def _resolved(self, keys: GeoKeys) -> tuple[Crs | None, str]:
        crs = self._proj.resolve(keys)
        return (None, crs.reason) if isinstance(crs, Refusal) else (crs, "")

    def _value(self, kind: str, arguments: tuple[Any, ...], decoder: "Decoder[T]", work_out: Callable[[], T]) -> T:
        """The value of a kind for arguments; their `repr` identifies them."""
        digest = blake2b(repr(arguments).encode(), digest_size=16).hexdigest()
        key = f"rawcog:{kind}:{REVISION}:{self._proj.revision()}:{digest}"

        def load(_: Sequence[str]) -> Mapping[str, bytes]:
            """Work the value out, one at a time."""
            with self._proj_turn:
                return {key: encode(work_out())}

        def is_valid(value: bytes) -> bool:
            """Tell whether a cached value can be decoded."""
            try:
                decoder.decode(value)
            except MsgspecError:
                return False
            return True

        values = self._flight.fetch([key], load, TTL_S, Deadline.after(WAIT_S), usable=is_valid)
        return decoder.decode(values[key])
