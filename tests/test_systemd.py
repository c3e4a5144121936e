"""The systemd unit: valid, closed, and with lines that start, reload and stop the server."""

import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from configparser import RawConfigParser
from pathlib import Path

import requests

from tests.support.app import ROOT, layer
from tests.support.gunicorn import wait_for
from tests.support.tiffs import gdal_tiff

UNIT = ROOT / "config" / "rawcog.service"
COMMAND = "/opt/rawcog/bin/rawcog"
CONFIG = "/etc/rawcog/layers.toml"
MOST_EXPOSURE = 15
"""Tenths of the points of `systemd-analyze security`, of 100."""


def test_systemd_accepts_the_unit_where_it_is_installed(tmp_path: Path) -> None:
    unit = tmp_path / "rawcog.service"
    unit.write_text(UNIT.read_text().replace(COMMAND, "/bin/true"))
    analyze = shutil.which("systemd-analyze")
    checks = [["verify"], ["security", "--offline=true", f"--threshold={MOST_EXPOSURE}"]]
    for command in [[analyze, *check] for check in checks] if analyze else [["test", "-s"]]:
        done = subprocess.run([*command, str(unit)], check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-300:] + done.stderr


def test_the_lines_start_reload_and_stop_the_server(tmp_path: Path) -> None:
    parser = RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(UNIT.read_text())
    service = parser["Service"]
    assert (service["Type"], service["KillMode"]) == ("notify", "mixed")
    (tmp_path / "a.tif").write_bytes(gdal_tiff("jpeg-ycbcr"))
    config = tmp_path / "layers.toml"
    config.write_text(layer("a", tmp_path / "a.tif"))
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = str(probe.getsockname()[1])
    replaced = {COMMAND: "rawcog", CONFIG: str(config), "8000": port}
    words = [replaced.get(word, word) for word in shlex.split(service["ExecStart"])]
    assert {"rawcog", str(config), port} <= set(words)
    code = "import sys; from server.cli.main import main; sys.argv[:1] = ['rawcog']; main()"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(str(tmp_path / "notify"))
        notify.settimeout(60)
        environment = {"PATH": os.environ["PATH"], "NOTIFY_SOCKET": str(tmp_path / "notify"), "HOME": str(tmp_path)}
        with (tmp_path / "log").open("wb") as log:
            command = [sys.executable, "-c", code, *words[1:]]
            server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        try:
            assert notify.recv(1000).startswith(b"READY=1")
            reply = requests.get(f"http://127.0.0.1:{port}/layers/a/tiles/native/0/0/0.jpg", timeout=30)
            assert reply.content.startswith(b"\xff\xd8")
            assert service["ExecReload"] == "/bin/kill -HUP $MAINPID"
            server.send_signal(signal.SIGHUP)
            wait_for(lambda: "reloaded: nothing changed" in (tmp_path / "log").read_text(), "the reload")
        finally:
            server.terminate()
            status = server.wait(60)
    assert status == 0
