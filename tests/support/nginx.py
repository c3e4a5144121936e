"""nginx with the repository's `config/nginx.conf`, on a free port of 127.0.0.1 before a given server.

with Gunicorn(…) as server, Nginx(server.port) as nginx:
    requests.get(f"{nginx.url}/layers")
"""

import os
import re
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.gunicorn import ROOT, wait_for


def nginx_program() -> str:
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    assert program, "no nginx found: sudo apt-get install nginx-light"
    return program


class Nginx:
    """A running nginx for the length of a `with`."""

    def __init__(self, upstream_port: int, locations: str = "", http: str = "") -> None:
        """Nothing is started yet.

        Args:
            upstream_port: of the server behind it.
            locations: what it is to serve besides, as its config file says it.
            http: directives for the level above, such as further servers.
        """
        self._locations, self._http = locations, http
        self._folder = tempfile.TemporaryDirectory(prefix="nginx-", ignore_cleanup_errors=True)
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port: int = probe.getsockname()[1]
        self._config = Path(self._folder.name, "nginx.conf")
        self._config.write_text(self._adapted(upstream_port))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The master's."""
        assert self._process is not None
        return self._process.pid

    @property
    def folder(self) -> str:
        """Folder of its files."""
        return self._folder.name

    def log(self) -> str:
        return Path(self._folder.name, "log").read_text()

    def _adapted(self, upstream_port: int) -> str:
        """The lines that its head tells to adapt, and what needs root."""
        text = (ROOT / "config/nginx.conf").read_text()
        folder = self._folder.name
        for pattern, value in (
            (r"/run/rawcog-nginx.pid", f"{folder}/pid"),
            (r"/var/cache/rawcog", f"{folder}/cache"),
            (r"127\.0\.0\.1:8000", f"127.0.0.1:{upstream_port}"),
            (r"listen 8080", f"listen 127.0.0.1:{self.port}"),
            (r"allow 127\.0\.0\.1;", "allow 127.0.0.1;"),
        ):
            text, count = re.subn(pattern, value, text)
            assert count == 1, pattern
        text = text.replace("location / {", f"{self._locations}\nlocation / {{", 1)
        own = [f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")]
        text = text.replace("http {", "\n".join(["http {", *own, self._http]), 1)
        return "daemon off;\n" + (f"user {os.environ.get('USER', 'root')};\n" if os.geteuid() == 0 else "") + text

    def __enter__(self) -> Self:
        with Path(self._folder.name, "log").open("wb") as log:
            self._process = subprocess.Popen(
                [nginx_program(), "-e", "stderr", "-p", self._folder.name, "-c", str(self._config)],
                stdout=log,
                stderr=log,
            )
        try:
            wait_for(self._answers, "nginx")
        except BaseException:
            self._close()
            raise
        return self

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
        self._folder.cleanup()
