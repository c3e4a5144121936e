"""The image and compose's services, without an engine: their files and their commands."""

import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import requests
import yaml
from jsonschema import Draft7Validator

from cogread import __version__
from tests.support.gunicorn import ROOT, wait_for
from tests.support.image import Image
from tests.support.manifests import manifests, schema
from tests.support.nginx import Nginx
from tests.support.redis import RedisServer
from tests.support.tiffs import gdal_tiff

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
[CONTAINER] = manifests()["Deployment"]["spec"]["template"]["spec"]["containers"]
"""The same image on Kubernetes."""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def test_the_dockerfile_has_no_fault_that_hadolint_finds() -> None:
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    assert hadolint, "no hadolint found: pip install -r requirements-dev.txt"
    done = subprocess.run([hadolint, ROOT / "Dockerfile"], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_compose_file_is_valid_and_mounts_what_exists() -> None:
    assert [error.message for error in Draft7Validator(schema("compose-spec")).iter_errors(COMPOSE)] == []
    mounts = [mount for service in SERVICES.values() for mount in service.get("volumes", ())]
    assert {mount["source"] for mount in mounts if mount["type"] == "volume"} == set(COMPOSE["volumes"])
    assert not [mount for mount in mounts if mount["type"] == "bind" and not (ROOT / mount["source"]).exists()]


def test_the_image_and_the_services_around_it_run_on_a_read_only_file_system(tmp_path: Path) -> None:
    image = Image.build(tmp_path)
    image.make_read_only()
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", image.user), "runAsNonRoot wants a number"
    check_compose(image, tmp_path / "log")
    check_folder(image, tmp_path / "log")


def check_compose(image: Image, log: Path) -> None:
    """Run the services of compose.yaml with the environment of the Kubernetes example, and ask for what it probes."""
    arguments = SERVICES["rawcog"]["command"]
    for mount in SERVICES["rawcog"]["volumes"]:
        arguments = [word.replace(mount["target"], str(ROOT / mount["source"])) for word in arguments]
    program, *options = SERVICES["valkey"]["command"]
    assert program == "valkey-server"
    with RedisServer(arguments=tuple(options)) as redis:
        port, metrics_port = free_port(), free_port()
        variables = {each["name"]: each["value"] for each in CONTAINER["env"]}
        assert set(SERVICES["rawcog"]["environment"]) == {"REDIS_URL"}
        own = {"REDIS_URL": redis.url, "RAWCOG_METRICS_PORT": str(metrics_port), "RAWCOG_METRICS_HOST": "127.0.0.1"}
        environment = image.environment(0) | variables | own | {"PORT": str(port)}
        server = image.start(arguments, environment, log)
        try:
            wait_for(lambda: server.poll() is not None or image.is_healthy(environment), "the health check")
            assert server.poll() is None, log.read_text()
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                path = CONTAINER[probe]["httpGet"]["path"]
                assert requests.get(f"http://127.0.0.1:{port}{path}", timeout=30).status_code == 200
            assert requests.get(f"http://127.0.0.1:{port}/health/ready", timeout=30).json()["redis"] == "configured"
            assert "rawcog_workers" in requests.get(f"http://127.0.0.1:{metrics_port}/metrics", timeout=30).text
            check_nginx(port)
        finally:
            server.send_signal(signal.SIGTERM)
            assert server.wait(60) == 0, log.read_text()
        assert "Traceback" not in log.read_text()
        assert not image.is_healthy(environment)


def check_nginx(port: int) -> None:
    """Ask nginx for a tile, a page and its script."""
    edit, _, start = SERVICES["nginx"]["command"][2].partition("> /tmp/nginx.conf\n")
    assert "nginx -c /tmp/nginx.conf" in start
    line = edit.replace("/etc/nginx/rawcog.conf", str(ROOT / "config/nginx.conf"))
    text = subprocess.run(["sh", "-c", line], check=True, capture_output=True, text=True).stdout
    assert text.count("server rawcog:8000;") == 1
    assert text.replace("rawcog:8000", "127.0.0.1:8000") == (ROOT / "config/nginx.conf").read_text()
    assert re.search(r"listen (\d+);", text)[1] in SERVICES["nginx"]["ports"][0].split(":")  # type: ignore[index]
    with Nginx(port) as nginx:
        tile = f"{nginx.url}/layers/netherlands/tiles/native/1/0/0.jpg"
        replies = [requests.get(tile, timeout=30) for _ in range(2)]
        assert replies[1].headers["X-Cache"] == "HIT"
        assert replies[0].content == replies[1].content
        page = requests.get(nginx.url, headers={"Accept": "text/html"}, timeout=30).text
        assert f"rawcog {__version__}" in page
        script = re.search(r'src="(/static/[^"]+)"', page)
        assert script is not None
        assert requests.get(nginx.url + script[1], timeout=30).status_code == 200


def check_folder(image: Image, log: Path) -> None:
    """Serve a mounted folder without a config file, and the demo of the image itself."""
    (image.folder / "imagery").mkdir()
    (image.folder / "imagery" / "a.tif").write_bytes(gdal_tiff("jpeg-ycbcr"))
    check_tile(image, [str(image.folder / "imagery")], "a", log)
    check_tile(image, [], "world", log)


def check_tile(image: Image, arguments: list[str], layer: str, log: Path) -> None:
    environment = image.environment(free_port())
    server = image.start(arguments, environment, log)
    try:
        wait_for(lambda: server.poll() is not None or image.is_healthy(environment), "the health check")
        tile = f"http://127.0.0.1:{environment['PORT']}/layers/{layer}/tiles/native/0/0/0.jpg"
        assert requests.get(tile, timeout=30).content.startswith(b"\xff\xd8"), log.read_text()
    finally:
        server.send_signal(signal.SIGTERM)
        assert server.wait(60) == 0, log.read_text()
