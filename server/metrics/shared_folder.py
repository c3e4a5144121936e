"""The folder in which the processes of a server share their metrics: gunicorn's master makes it before it forks.

prometheus-client takes 0.1 s to import, so its users are imported only where metrics are served.
"""

import shutil
import tempfile
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Final, Protocol

from server.metrics.counters import Series

FILES: Final = "server.metrics.files"
EXPORTER: Final = "server.metrics.exporter"

_folder: list[Path] = []


class Exporter(Protocol):
    """Metrics of all processes as a document."""

    def document(self, accept: str) -> tuple[bytes, str]:
        """Return the document and its media type, in the form that an Accept field prefers."""
        ...


def make(parent: str | None) -> None:
    """Make the folder, unless there is one, and load the code, which the workers then share.

    Args:
        parent: folder in memory; None: that of temporary files.
    """
    if not _folder:
        _folder.append(Path(tempfile.mkdtemp(prefix="rawcog-metrics-", dir=parent)))
        import_module(EXPORTER)


def end_process(pid: int) -> None:
    """Keep the counters of a process that has ended."""
    if _folder:
        import_module(FILES).end_process(_folder[0], pid)


def remove() -> None:
    """Remove the folder, at the end of the master."""
    while _folder:
        shutil.rmtree(_folder.pop(), ignore_errors=True)


def start_exporter(values: Callable[[], Mapping[Series, float]]) -> Exporter:
    """Begin to hand the metrics of this process to the others, if there are others.

    Args:
        values: returns all values of this process; called about twice a second, by one thread at a time.
    """
    exporter: Exporter = import_module(EXPORTER).start(values, _folder[0] if _folder else None)
    return exporter
