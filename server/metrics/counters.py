"""Counters of the process: plain numbers in memory, which cost some 0.4 µs and know nothing of Prometheus.

Events that are rarer than cached tiles are counted here directly, requests in the background; see `requests`.
"""

from bisect import bisect_left
from collections.abc import Mapping
from threading import Lock
from typing import Final

from server.metrics.definitions import Metric

SUM: Final = -1
"""Place of a histogram's sum."""

Series = tuple[Metric, tuple[str, ...], int]
"""Metric, values of its labels, and place: number of a bucket, SUM, or 0 for a counter or gauge."""


class Counters:
    """Values by series. Thread-safe."""

    def __init__(self) -> None:
        self._mutex = Lock()
        self._values: dict[Series, float] = {}

    def add(self, metric: Metric, *labels: str, amount: float = 1) -> None:
        """Add to a counter."""
        series = (metric, labels, 0)
        with self._mutex:
            self._values[series] = self._values.get(series, 0) + amount

    def observe(self, metric: Metric, *labels: str, value: float) -> None:
        """Add a value to a histogram."""
        bucket, total = (metric, labels, bisect_left(metric.bounds, value)), (metric, labels, SUM)
        with self._mutex:
            self._values[bucket] = self._values.get(bucket, 0) + 1
            self._values[total] = self._values.get(total, 0) + value

    def merge(self, amounts: Mapping[Series, float]) -> None:
        """Add to many series at a time."""
        with self._mutex:
            for series, amount in amounts.items():
                self._values[series] = self._values.get(series, 0) + amount

    def snapshot(self) -> dict[Series, float]:
        """Copy all values."""
        with self._mutex:
            return self._values.copy()


counters: Final = Counters()
