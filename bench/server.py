"""A contestant: one worker of eight threads on a CPU of its own, gunicorn's gthread or rawcog's own worker."""

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.cpus import SERVER_CPU, pinned
from bench.processes import children, cpu_s

ROOT: Final = Path(__file__).parent.parent
THREADS: Final = 8
PYTHON: Final = Path(sys.executable)
_PATIENCE_S: Final = 60.0


def _gunicorn(worker_class: str) -> tuple[str, ...]:
    options = ("--keep-alive=95", "--worker-tmp-dir=/dev/shm", "--no-control-socket", "--log-level=warning")
    worker = (f"--worker-class={worker_class}", "--workers=1", f"--threads={THREADS}")
    return "gunicorn", *worker, *options, "--bind=fd://{fd}"


GTHREAD: Final = _gunicorn("gthread")
OWN_WORKER: Final = _gunicorn("server.gunicorn_worker.worker.Worker")
"""The worker that rawcog's gunicorn.conf.py names."""


class BenchError(Exception):
    """The run is void; the message says why."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running contestant."""

    port: int
    pid: int
    """Id of the process that was started."""
    log: Path
    started_at: float
    """Instant of `time.perf_counter()`."""

    @property
    def worker(self) -> int:
        """The process that answers."""
        return next(iter(children(self.pid)), self.pid)

    def cpu_s(self) -> float:
        """CPU time that its processes have used so far."""
        return sum(cpu_s(pid) for pid in (self.pid, *children(self.pid)))

    def get(self, path: str) -> bytes:
        """The body of a reply, on a connection of its own.

        Raises:
            BenchError: its status is not 200.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_PATIENCE_S)
        try:
            connection.request("GET", path)
            reply = connection.getresponse()
            body = reply.read()
        except (OSError, http.client.HTTPException) as error:
            raise BenchError(f"{path}: {error!r}; the log ends {self.log.read_text()[-500:]!r}") from error
        finally:
            connection.close()
        if reply.status != 200:
            raise BenchError(f"{path}: status {reply.status}, {body[:200]!r}")
        return body


def environment_of_users() -> dict[str, str]:
    """The environment, but with compiled modules cached on disk as by default, for they change the time to start."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


@contextmanager
def serving(
    app: str,
    log: Path,
    python: Path = PYTHON,
    environment: Mapping[str, str] | None = None,
    command: tuple[str, ...] = GTHREAD,
    root: Path = ROOT,
) -> Iterator[Server]:
    """Run an app until the context ends. Requests may be sent at once: the socket listens already.

    Args:
        app: as gunicorn wants it: `module:name` or `module:factory(arguments)`.
        log: file of its output; a real one, since writing a log is a part of serving.
        python: the interpreter.
        environment: variables in addition to this process's.
        command: the module that serves, and its arguments; `{fd}` stands for the listening socket.
        root: folder of the code that runs.
    """
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listener, log.open("wb") as output:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as gunicorn does, for early clients
        fd = listener.fileno()
        words = [word.replace("{fd}", str(fd)) for word in command]
        with pinned(SERVER_CPU):
            started_at = time.perf_counter()
            process = subprocess.Popen(
                [str(python), "-m", *words, app],
                cwd=root,
                env={**environment_of_users(), **(environment or {})},
                pass_fds=[fd],
                stdout=output,
                stderr=output,
            )
        try:
            yield Server(listener.getsockname()[1], process.pid, log, started_at)
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(_PATIENCE_S)
            process.kill()
            process.wait()


@contextmanager
def rawcog(name: str, config: str, folder: Path, environment: Mapping[str, str] | None = None) -> Iterator[Server]:
    """Run rawcog with this config file and no other settings than these, with its request log."""
    path = folder / f"{name}.toml"
    path.write_text(config)
    settings = {"RAWCOG_CONFIG": str(path), "REDIS_URL": "", "LOG_LEVEL": "", **(environment or {})}
    with serving("wsgi:app", folder / f"{name}.log", environment=settings, command=OWN_WORKER) as server:
        yield server
