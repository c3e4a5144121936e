"""The `Exporter` of a process: a thread that hands the values over twice a second, and the document of all processes.

A worker that is killed loses the counts of its last half second.
"""

import atexit
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from threading import Lock, Thread
from typing import Final

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from server.metrics.counters import Series
from server.metrics.files import OwnFiles, read

log = logging.getLogger(__name__)

PAUSE_S: Final = 0.5
"""Time between two writes."""

Values = Callable[[], Mapping[Series, float]]


class FolderExporter(Collector):
    """The metrics of all processes that share a folder. Thread-safe."""

    def __init__(self, values: Values, folder: Path) -> None:
        """Write nothing yet.

        Args:
            values: of this process.
            folder: the shared one.
        """
        self._values, self._folder = values, folder
        self._files = OwnFiles(folder)
        self._mutex = Lock()
        self._parent = os.getppid()
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def document(self, accept: str) -> tuple[bytes, str]:
        """See `Exporter.document`."""
        self.write()
        encode, media_type = choose_encoder(accept)
        return encode(self._registry), media_type

    def collect(self) -> Iterable[Metric]:
        """See `Collector.collect`."""
        return read(self._folder)

    def write(self) -> None:
        """Write this process's values."""
        with self._mutex:
            self._files.write(self._values())

    def run(self) -> None:
        """Write twice a second, until the process ends."""
        while True:
            try:
                self.write()
            except Exception:  # such as a full disk: serving goes on
                log.exception("metrics are not written")
            time.sleep(PAUSE_S)

    def write_last(self) -> None:
        """Write the values that have changed; if the master was killed, remove its folder instead."""
        if os.getppid() != self._parent:
            shutil.rmtree(self._folder, ignore_errors=True)
            return
        with suppress(OSError):
            self.write()


def start(values: Values, folder: Path | None) -> FolderExporter:
    """Make the exporter and start its thread; see `shared_folder.start_exporter`."""
    if folder is None:
        folder = Path(tempfile.mkdtemp(prefix="rawcog-metrics-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    exporter = FolderExporter(values, folder)
    atexit.register(exporter.write_last)
    Thread(target=exporter.run, name="metrics", daemon=True).start()
    return exporter
