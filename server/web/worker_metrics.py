"""The metrics of one worker: what is counted, and what is looked up in its parts when the values are handed over."""

from collections.abc import Mapping, Sized
from dataclasses import dataclass
from typing import Final

from cogread import __version__
from server.documents.pictures import MEDIA_TYPES
from server.logs.log_writer import LogWriter
from server.logs.request_log import RequestFields
from server.metrics.counters import Series, counters
from server.metrics.definitions import BREAKERS, DROPPED_LINES, INFLIGHT, INFLIGHT_BUDGET, OPEN_LAYERS, WORKERS
from server.metrics.requests import RequestCounts
from server.metrics.shared_folder import start_exporter
from server.resilience.breaker import State, outages
from server.resilience.inflight import MemoryBudget
from server.settings.load import Settings
from server.settings.metric_labels import metric_groups, source_names

_STATES: Final = (State.OPEN, State.HALF_OPEN)


@dataclass(frozen=True, slots=True)
class WorkerParts:
    """Parts of a worker with values to look up."""

    writer: LogWriter
    memory: MemoryBudget
    open_versions: Sized


class WorkerMetrics:
    """Counts requests, and hands the worker's values to the other processes. Thread-safe."""

    def __init__(self, settings: Settings, parts: WorkerParts) -> None:
        """Begin to count."""
        self._parts = parts
        self._requests = RequestCounts(counters, metric_groups(settings), MEDIA_TYPES)
        self._sources = source_names(settings)
        self._exporter = start_exporter(self._values)

    def change(self, settings: Settings) -> None:
        """Count by the layers of other settings."""
        self._requests.groups, self._sources = metric_groups(settings), source_names(settings)

    def observe(self, fields: RequestFields) -> None:
        """Count a request later."""
        self._requests.put(fields)

    def document(self, accept: str) -> tuple[bytes, str]:
        """See `Exporter.document`."""
        return self._exporter.document(accept)

    def _values(self) -> Mapping[Series, float]:
        self._requests.count()
        parts, counts = self._parts, outages.counts()
        sources = self._sources | {group for group, _ in counts}
        breakers: dict[Series, float] = {
            (BREAKERS, (source, state.value), 0): counts[source, state] for source in sources for state in _STATES
        }
        return {
            **counters.snapshot(),
            **breakers,
            (INFLIGHT, (), 0): parts.memory.used_bytes,
            (INFLIGHT_BUDGET, (), 0): parts.memory.bound_bytes,
            (OPEN_LAYERS, (), 0): len(parts.open_versions),
            (DROPPED_LINES, (), 0): parts.writer.dropped_lines,
            (WORKERS, (__version__,), 0): 1,
        }
