"""Files through which the processes of a server share their metrics, in the multiprocess format of prometheus-client.

Each worker writes its values as they are, into files of its own. A reader adds up those of all workers. When a worker
has ended, the master adds its counters to those of all that ended before and removes its files: no counter falls, and
the number of files stays. A lock keeps readers out meanwhile: they would count the worker twice or not at all.
"""

import fcntl
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from prometheus_client import Metric as Family
from prometheus_client.mmap_dict import MmapedDict, mmap_key
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.utils import floatToGoString

from server.metrics.counters import SUM, Series
from server.metrics.definitions import METRICS

ENDED: Final = "ended"
"""Stands for the process number in the names of the files of workers that have ended."""

LOCK_S: Final = 0.5
"""Longest wait of the master for readers; a file that it leaves is added when the next worker ends."""

_PREFIXES: Final = {"counter": "counter", "histogram": "histogram", "gauge": "gauge_livesum"}
"""Kind of a metric -> start of the file's name; gauges are the sum of the workers that live."""


class OwnFiles:
    """The files of this process. Not thread-safe."""

    def __init__(self, folder: Path) -> None:
        """Write nothing yet."""
        self._folder = folder
        self._files: dict[str, MmapedDict] = {}
        self._keys: dict[Series, str] = {}
        self._written: dict[Series, float] = {}

    def write(self, values: Mapping[Series, float]) -> None:
        """Write the values that have changed."""
        for series, value in values.items():
            if self._written.get(series) == value:
                continue
            if series not in self._keys:
                self._add(series)
            self._file(series[0].kind).write_value(self._keys[series], value, 0.0)
            self._written[series] = value

    def _add(self, series: Series) -> None:
        """Add a series; a histogram with all of its buckets, which Prometheus expects."""
        metric, labels, _ = series
        buckets = [(metric, labels, place) for place in range(len(metric.bounds) + 1)] if metric.bounds else []
        for each in (series, *buckets):
            if each not in self._keys:
                self._keys[each] = _key(each)
                self._file(metric.kind).write_value(self._keys[each], 0.0, 0.0)

    def _file(self, kind: str) -> MmapedDict:
        file = self._files.get(kind)
        if file is None:
            file = self._files[kind] = _create(self._folder / f"{_PREFIXES[kind]}_{os.getpid()}.db")
        return file


def read(folder: Path) -> list[Family]:
    """Add up the metrics of all processes; a metric without a value yet is in the list too."""
    with _locked(folder, fcntl.LOCK_SH):
        families = {family.name: family for family in MultiProcessCollector(None, str(folder)).collect()}
    return [families.get(metric.name) or Family(metric.name, metric.help, metric.kind) for metric in METRICS]


def end_process(folder: Path, pid: int) -> None:
    """Keep the counters of a process that has ended, and remove its files."""
    mark_process_dead(pid, str(folder))
    deadline_s = time.monotonic() + LOCK_S
    while time.monotonic() < deadline_s:
        with suppress(BlockingIOError), _locked(folder, fcntl.LOCK_EX | fcntl.LOCK_NB):
            for kind in ("counter", "histogram"):
                _add_to_ended(folder, kind, pid)
            return
        time.sleep(0.01)


def _add_to_ended(folder: Path, kind: str, pid: int) -> None:
    own, ended = folder / f"{kind}_{pid}.db", folder / f"{kind}_{ENDED}.db"
    if not own.exists():
        return
    total = MmapedDict(str(ended)) if ended.exists() else _create(ended)
    for key, value, _, _ in MmapedDict.read_all_values_from_file(str(own)):
        total.write_value(key, total.read_value(key)[0] + value, 0.0)
    total.close()
    own.unlink()


def _create(path: Path) -> MmapedDict:
    """Create a file, which appears under its name when its header is written."""
    draft = path.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    file = MmapedDict(str(draft))
    draft.rename(path)
    return file


def _key(series: Series) -> str:
    metric, values, place = series
    name, labels = metric.samples[0], metric.labels
    if metric.kind == "histogram":
        if place == SUM:
            name = f"{metric.name}_sum"
        else:
            bound = (*metric.bounds, float("inf"))[place]
            labels, values = (*labels, "le"), (*values, floatToGoString(bound))
    return mmap_key(metric.name, name, list(labels), list(values), metric.help)


@contextmanager
def _locked(folder: Path, mode: int) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, mode)
        yield
    finally:
        os.close(descriptor)
