"""The list of all metrics: names, labels and the text for readers.

Labels are bounded by the configuration, never by what clients ask for: an unknown layer or format has the empty label.
"""

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["counter", "histogram", "gauge"]


@dataclass(frozen=True, slots=True, eq=False)
class Metric:
    """A metric; compared by identity, which makes it a fast key."""

    name: str
    """Without the suffixes that Prometheus adds, such as `_total`."""
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()
    """Upper bounds of a histogram's buckets; the last bucket has none."""

    @property
    def samples(self) -> tuple[str, ...]:
        """Names of its samples."""
        if self.kind == "histogram":
            return tuple(f"{self.name}_{suffix}" for suffix in ("bucket", "count", "sum"))
        return (f"{self.name}_total" if self.kind == "counter" else self.name,)


SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 12.0)
"""Buckets of durations: from a tile in worker memory to the deadline of a request."""

REQUESTS: Final = Metric("rawcog_requests", "counter", "Requests answered.", ("group", "format", "status"))
REQUEST_SECONDS: Final = Metric(
    "rawcog_request_seconds",
    "histogram",
    "Time in the server, by the farthest tier that a request reached (none, reply, memory, redis, origin).",
    ("kind", "tier"),
    SECONDS,
)
HITS: Final = Metric(
    "rawcog_hits", "counter", "Stored tiles and blocks of headers, by the tier that had them.", ("kind", "tier")
)
ORIGIN_SECONDS: Final = Metric(
    "rawcog_origin_read_seconds", "histogram", "Reads and version probes of origins.", ("source",), SECONDS
)
ORIGIN_BYTES: Final = Metric("rawcog_origin_bytes", "counter", "Bytes read from origins.", ("source",))
ORIGIN_ERRORS: Final = Metric(
    "rawcog_origin_errors", "counter", "Failed reads and version probes of origins.", ("source", "error")
)
WAITS: Final = Metric(
    "rawcog_single_flight_waits",
    "counter",
    "Waits for a value that another thread (worker) or process (fleet) was loading.",
    ("scope",),
)
REDIS_BUSY: Final = Metric(
    "rawcog_redis_busy", "counter", "Calls to Redis that were given up, as no connection became free in time."
)
BREAKERS: Final = Metric(
    "rawcog_breakers", "gauge", "Circuit breakers that are not closed, of all workers.", ("source", "state")
)
INFLIGHT: Final = Metric("rawcog_inflight_bytes", "gauge", "Memory of large tiles in flight, of all workers.")
INFLIGHT_BUDGET: Final = Metric(
    "rawcog_inflight_budget_bytes", "gauge", "Bound of the memory of large tiles in flight, of all workers."
)
OPEN_LAYERS: Final = Metric("rawcog_open_layers", "gauge", "Layers with a parsed header in memory, of all workers.")
DROPPED_LINES: Final = Metric(
    "rawcog_dropped_log_lines", "counter", "Lines of the log that its reader was too slow for."
)
WORKERS: Final = Metric("rawcog_workers", "gauge", "Workers that run.", ("version",))

METRICS: Final = (
    REQUESTS,
    REQUEST_SECONDS,
    HITS,
    ORIGIN_SECONDS,
    ORIGIN_BYTES,
    ORIGIN_ERRORS,
    WAITS,
    REDIS_BUSY,
    BREAKERS,
    INFLIGHT,
    INFLIGHT_BUDGET,
    OPEN_LAYERS,
    DROPPED_LINES,
    WORKERS,
)
