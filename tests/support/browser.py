"""A real Chromium without a window, which runs the scripts of tests in a page of an origin of its own.

    with Browser() as browser:
        assert browser.run("return 6 * number", number=7) == 42

The page asks for one script after the other and sends back what each returns.
"""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Empty, Queue
from types import TracebackType
from typing import Any, Final, Self

NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
PATIENCE_S: Final = 60.0

ARGUMENTS: Final = (
    "--headless",
    "--no-sandbox",  # which root may not have; it is our own pages that run here
    "--no-first-run",
    "--disable-gpu",
    "--enable-unsafe-swiftshader",  # draws WebGL by itself, and says so in the console unless asked to
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--disable-sync",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--force-color-profile=srgb",
    "--enable-features=JXLImageFormat",  # newer releases show it by themselves
)

_PAGE: Final = b"""<!DOCTYPE html><meta charset="utf-8"><title>tests</title><script type="module">
const AsyncFunction = (async () => {}).constructor
for (;;) {
  const { script, values } = await (await fetch("/job")).json()
  const result = await new AsyncFunction(...Object.keys(values), script)(...Object.values(values)).then(
    (value) => ({ value }),
    (error) => ({ error: String(error) }),
  )
  await fetch("/result", { method: "POST", body: JSON.stringify(result) })
}
</script>"""


class Browser:
    """A running browser for the length of a `with`."""

    def __init__(self) -> None:
        self._jobs: Queue[bytes] = Queue()
        self._results: Queue[bytes] = Queue()
        self._folder = tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True)
        self._server = _Server(self._jobs, self._results)
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, script: str, **values: Any) -> Any:
        """Return the result of the body of an asynchronous JavaScript function, whose parameters have these values."""
        self._jobs.put(json.dumps({"script": script, "values": values}).encode())
        try:
            result = json.loads(self._results.get(timeout=PATIENCE_S))
        except Empty:
            raise AssertionError(f"no result of the browser:\n{self._log.read_text(errors='replace')}") from None
        assert "error" not in result, result["error"]
        return result.get("value")

    @property
    def _log(self) -> Path:
        return Path(self._folder.name, "log")

    def __enter__(self) -> Self:
        command = next(filter(None, map(shutil.which, NAMES)), None)
        assert command, f"no browser found, wanted one of {', '.join(NAMES)}: sudo apt-get install chromium"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        arguments = [command, *ARGUMENTS, f"--user-data-dir={self._folder.name}/profile", self._server.url]
        environment = {"PATH": os.environ["PATH"], "HOME": self._folder.name}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(arguments, env=environment, stdout=log, stderr=log, start_new_session=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._server.shutdown()
        self._server.server_close()
        self._folder.cleanup()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, jobs: Queue[bytes], results: Queue[bytes]) -> None:
        self.jobs, self.results = jobs, results
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that is ended hangs up."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        self._send(self.server.jobs.get() if self.path == "/job" else _PAGE)

    def do_POST(self) -> None:
        self.server.results.put(self.rfile.read(int(self.headers["Content-Length"])))
        self._send(b"")

    def _send(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html" if body is _PAGE else "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Drop the line."""
