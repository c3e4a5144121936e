"""`rawcog serve`, run as a user does: files, folders and configs become layers, and mistakes are one line."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests.support.certificate import make_certificate
from tests.support.gunicorn import ROOT, wait_for
from tests.support.origin import Origin
from tests.support.tiffs import gdal_tiff

RAWCOG = [sys.executable, "-c", "from server.cli.main import main; main(prog_name='rawcog')"]


@contextmanager
def serving(log: Path, *arguments: str, gunicorn: str = "") -> Iterator[str]:
    """The place of `rawcog serve …` on a free port; the server ends with the `with`, and well.

    Args:
        log: file of all that it writes.
        arguments: of the command.
        gunicorn: arguments of gunicorn's own.
    """
    with log.open("wb") as stream:
        command = [*RAWCOG, "serve", "--port", "0", "--workers", "1", *arguments]
        environment = {**os.environ, "GUNICORN_CMD_ARGS": gunicorn}
        server = subprocess.Popen(command, cwd=ROOT, stdout=stream, stderr=stream, env=environment)
    try:
        wait_for(lambda: server.poll() is not None or "Try:" in log.read_text(), "the server's first lines")
        url = re.search(r"rawcog \S+ serves .* on (.+)", log.read_text())
        assert url is not None, log.read_text()
        yield url[1]
    finally:
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) == 0, log.read_text()


def layers(url: str) -> dict[str, str]:
    layers = requests.get(f"{url}/layers", timeout=30).json()["layers"]
    return {layer["name"]: layer["status"] for layer in layers}


def test_a_folder_becomes_layers_of_all_tiled_files_in_it(tmp_path: Path) -> None:
    folder = tmp_path / "my imagery"
    (folder / "north").mkdir(parents=True)
    (folder / "scene one.tif").write_bytes(gdal_tiff("jpeg-ycbcr"))
    (folder / "north" / "scene.TIFF").write_bytes(gdal_tiff("jpeg-grey"))
    (folder / "north.scene.tif").write_bytes(gdal_tiff("jpeg-grey"))
    (folder / "striped.tif").write_bytes(b"II*\0 no TIFF")
    (folder / "notes.txt").write_text("no picture")
    with serving(tmp_path / "log", str(folder)) as url:
        assert layers(url) == {"north-scene": "ok", "north.scene": "ok", "scene-one": "ok"}
        tile = requests.get(f"{url}/layers/scene-one/tiles/native/0/0/0.jpg", timeout=30)
        assert (tile.status_code, tile.content[:2]) == (200, b"\xff\xd8")
        log = (tmp_path / "log").read_text()
        assert f"left out: {folder}/striped.tif: " in log
        assert "notes" not in log
        assert " config=-\n" in log


def test_files_of_one_name_are_layers_of_their_own(tmp_path: Path) -> None:
    paths = [tmp_path / folder / "a.tif" for folder in "xyz"]
    for path in paths:
        path.parent.mkdir()
        path.write_bytes(gdal_tiff("jpeg-grey"))
    with serving(tmp_path / "log", *map(str, paths)) as url:
        assert list(layers(url)) == ["a", "a-2", "a-3"]


def test_a_config_is_served_and_read_anew_by_a_signal(tmp_path: Path) -> None:
    config = tmp_path / "layers.toml"
    config.write_text(f'[layers.one]\nuri = "{ROOT}/data/world.tif"\n')
    with serving(tmp_path / "log", str(config)) as url:
        assert layers(url) == {"one": "ok"}


def test_a_config_on_a_web_server_is_served(tmp_path: Path) -> None:
    with Origin() as origin:
        origin.put("/layers.toml", f"[layers.one]\nuri = '{ROOT}/data/world.tif'\n".encode())
        with serving(tmp_path / "log", f"{origin.url}/layers.toml?token=x") as url:
            assert layers(url) == {"one": "ok"}


def test_without_a_path_the_demo_is_served(tmp_path: Path) -> None:
    with serving(tmp_path / "log") as url:
        assert "valley" in layers(url)


@pytest.mark.parametrize(
    ("variable", "message"),
    [
        ("WEB_CONCURRENCY", "WEB_CONCURRENCY: found 'abc', wanted a number from 1 to 1024"),
        ("RAWCOG_CONFIG", "config file abc: No such file or directory"),
    ],
)
def test_a_mistake_in_the_environment_is_told_in_a_line(variable: str, message: str) -> None:
    command = [*RAWCOG, "serve", "--port", "0"]
    environment = {"PYTHONPATH": str(ROOT), "HOME": "/", variable: "abc"}
    done = subprocess.run(command, check=False, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert (done.returncode, message in done.stderr, "Traceback" in done.stderr) == (1, True, False), done.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "wanted"),
    [
        (["empty"], 1, "no tiled TIFF in empty"),
        (["empty", "imagrey"], 1, "Error: imagrey: no such file or folder"),
        (["a.toml", "b.tif"], 2, "A config file is served alone"),
        (["missing.toml"], 1, "missing.toml"),
        (["--port", "0", "--open"], 2, "--open needs to know the port"),
        (["--host", "a:1"], 1, "HOST: found 'a:1', wanted a name or an IP address"),
    ],
)
def test_mistakes_are_told_in_a_line(arguments: list[str], status: int, wanted: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    environment = {"PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}
    command = [*RAWCOG, "serve", *arguments]
    done = subprocess.run(command, check=False, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (done.returncode, wanted in done.stderr) == (status, True), done.stderr
    assert "Traceback" not in done.stderr


def test_the_first_line_names_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "my socket"
    with serving(tmp_path / "log", gunicorn=f"--bind='unix:{path}'") as place, socket.socket(socket.AF_UNIX) as client:
        assert place == f"unix:{path}"
        assert f"Try:  curl --unix-socket '{path}' http://localhost/layers\n" in (tmp_path / "log").read_text()
        client.settimeout(30)
        client.connect(str(path))
        client.sendall(b"GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 200 OK")


def test_the_first_line_names_https(tmp_path: Path) -> None:
    trusted, _ = make_certificate(tmp_path)
    with serving(tmp_path / "log", gunicorn=f"--certfile={trusted} --keyfile={tmp_path / 'origin.key'}") as url:
        assert url.startswith("https://127.0.0.1:")
        assert requests.get(f"{url}/health/live", verify=str(trusted), timeout=30).status_code == 200


def test_gunicorn_counts_requests_for_statsd(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as statsd:
        statsd.bind(("127.0.0.1", 0))
        statsd.settimeout(30)
        address = f"127.0.0.1:{statsd.getsockname()[1]}"
        with serving(tmp_path / "log", gunicorn=f"--statsd-host={address} --statsd-prefix=test") as url:
            assert requests.get(f"{url}/health/live", timeout=30).status_code == 200
            while statsd.recv(1000) != b"test.gunicorn.requests:1|c|@1.0":
                pass
