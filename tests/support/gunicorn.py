"""The server as a platform runs it: the Procfile's own line in a process of its own, on a free port of 127.0.0.1.

Use:
    with Gunicorn({"WEB_CONCURRENCY": "3"}, config_text="[layers.a] …") as server:
        requests.get(f"{server.url}/layers")
        server.configure("[layers.b] …")
        server.signal(signal.SIGHUP)
    assert server.status == 0
"""

import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from http.client import HTTPConnection, HTTPException
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 60.0
PARSERS = ("python", "fast") if find_spec("gunicorn_h1c") else ("python",)
"""gunicorn's parsers of HTTP; the fast one is built where `.ci/setup` finds a C compiler."""


class StartError(Exception):
    """The server ended before it answered.

    Attributes:
        status: its exit status.
        log: all that it wrote.
    """

    def __init__(self, status: int, log: str) -> None:
        super().__init__(f"the server ended with status {status}:\n{log}")
        self.status = status
        self.log = log


def wait_for(condition: Callable[[], object], subject: str) -> None:
    """Ask until it is so."""
    limit_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < limit_s, f"waited in vain for {subject}"
        time.sleep(0.02)


def procfile_line(process: str = "web") -> list[str]:
    """The command that the Procfile names."""
    lines = dict(line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines())
    return shlex.split(lines[process])


class Gunicorn:
    """A running server for the length of a `with`."""

    def __init__(
        self,
        env: Mapping[str, str] | None = None,
        config_text: str | None = None,
        preamble: str = "",
        parser: str = PARSERS[0],
    ) -> None:
        """Nothing is started yet.

        Args:
            env: what the platform sets; nothing of the tests' own environment reaches the server.
            config_text: the config file's; None: the one of the repository.
            preamble: commands of the shell that becomes the server, such as `ulimit -n 256`.
            parser: one of PARSERS.
        """
        self._preamble = preamble
        self._folder = tempfile.TemporaryDirectory(prefix="gunicorn-")
        self._config = Path(self._folder.name, "layers.toml")
        self._log = Path(self._folder.name, "log")
        self._env = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": self._folder.name}
        if config_text is not None:
            self.configure(config_text)
            self._env["RAWCOG_CONFIG"] = str(self._config)
        self._env |= env or {}
        self._env["GUNICORN_CMD_ARGS"] = f"--http-parser={parser} {self._env.get('GUNICORN_CMD_ARGS', '')}"
        self._reserved = socket.socket()
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0
        self.status: int | None = None
        """The exit status, once it has ended."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The master's."""
        assert self._process is not None
        return self._process.pid

    def configure(self, text: str) -> None:
        """Write the config file; the server reads it when it is told to."""
        self._config.write_text(text)

    def pids(self) -> set[int]:
        """The workers that are running now."""
        return {int(pid) for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()}

    def log(self) -> str:
        """All that it wrote so far."""
        return self._log.read_text(errors="replace")

    def signal(self, number: signal.Signals) -> None:
        """Send the master a signal."""
        os.kill(self.pid, number)

    def is_live(self) -> bool:
        """Tell whether it answers."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            connection.request("GET", "/health/live")
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    def start(self) -> None:
        """Start, and wait until it answers.

        Raises:
            StartError: it ends instead.
        """
        # Bound but not listening, the port is ours alone: other programs are not given it, and the server, which sets
        # SO_REUSEADDR too, may listen on it.
        self._reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._reserved.bind(("127.0.0.1", 0))
        self.port = self._reserved.getsockname()[1]
        env = {"HOST": "127.0.0.1", "PORT": str(self.port)} | self._env
        shell = ["sh", "-c", f'{self._preamble}; exec "$@"', "sh"] if self._preamble else []
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*shell, *procfile_line()], cwd=ROOT, env=env, stdout=log, stderr=log, start_new_session=True
            )
        process = self._process
        wait_for(lambda: process.poll() is not None or self.is_live(), "the server to answer")
        if process.returncode is not None:
            raise StartError(process.returncode, self.log())

    def stop(self) -> int:
        """End it as a platform does, if it still runs; its exit status."""
        assert self._process is not None
        self._process.terminate()
        return self.wait()

    def wait(self) -> int:
        """Wait for its end; its exit status."""
        assert self._process is not None
        try:
            self.status = self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            os.killpg(self.pid, signal.SIGKILL)
            self._process.wait()
            raise
        return self.status

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        try:
            if self._process is not None and self.status is None:
                self.stop()
        finally:
            self._reserved.close()
            self._folder.cleanup()
