"""A contestant: one gunicorn worker of eight threads on a CPU of its own, the same for all."""

import os
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
CPU: Final = 0
"""Where the servers run; the load runs on the next."""

THREADS: Final = 8
_GUNICORN: Final = [
    "--worker-class=gthread",
    "--workers=1",
    f"--threads={THREADS}",
    "--keep-alive=95",
    "--worker-tmp-dir=/dev/shm",
    "--no-control-socket",
    "--log-level=warning",
]
_TICKS_A_SECOND: Final = os.sysconf("SC_CLK_TCK")


class BenchError(Exception):
    """The run is void; the message says why."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running contestant."""

    port: int
    pid: int
    """Of gunicorn's master."""

    def cpu_s(self) -> float:
        """CPU time that the worker has used so far."""
        worker = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()[0]
        after_name = Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split()
        user, system = after_name[11:13]
        return (int(user) + int(system)) / _TICKS_A_SECOND


@contextmanager
def serving(app: str, log: Path, python: Path, environment: Mapping[str, str]) -> Iterator[Server]:
    """Run a WSGI app until the context ends.

    Args:
        app: as gunicorn wants it: `module:name` or `module:factory(arguments)`.
        log: where its output goes; a real file, since writing a log is a part of serving.
        python: the interpreter.
        environment: variables beside our own.
    """
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listener, log.open("wb") as output:
        fd = listener.fileno()
        command = ["taskset", "-c", str(CPU), str(python), "-m", "gunicorn", *_GUNICORN]
        process = subprocess.Popen(
            [*command, f"--bind=fd://{fd}", app],
            cwd=ROOT,
            env={**os.environ, **environment},
            pass_fds=[fd],
            stdout=output,
            stderr=output,
        )
        try:
            yield Server(listener.getsockname()[1], process.pid)
        finally:
            process.terminate()
            process.wait()
