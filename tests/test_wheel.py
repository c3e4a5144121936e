"""The wheel: all that `rawcog serve` needs, outside the checkout."""

import re
import signal
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest
import requests

from tests.support.gunicorn import ROOT, wait_for


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel; the packages that it depends on are those of this one."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    files = subprocess.run(
        ["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True
    ).stdout.split(b"\0")
    for name in (name.decode() for name in files if name):
        if (ROOT / name).is_file() and not name.startswith(("tests/", "bench/")):
            target = source / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((ROOT / name).read_bytes())
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "-q"]
    wheel = [*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", str(folder), str(source)]
    subprocess.run(wheel, check=True, capture_output=True, timeout=300)
    home = folder / "environment"
    venv.create(home)
    python = home / "bin" / "python"
    install = [*pip, "--python", str(python), "install", "--no-deps", "--no-index", *map(str, folder.glob("*.whl"))]
    subprocess.run(install, check=True, capture_output=True, timeout=300)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(home), "platbase": str(home)}))
    (packages / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    return home


def test_an_installed_rawcog_serves_a_tile_and_the_page_of_the_demo(environment: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as stream:
        command = [str(environment / "bin" / "rawcog"), "serve", "--port", "0", "--workers", "1"]
        server = subprocess.Popen(command, cwd=tmp_path, env={"HOME": str(tmp_path)}, stdout=stream, stderr=stream)
    try:
        wait_for(lambda: server.poll() is not None or "Try:  curl" in log.read_text(), "the server's first lines")
        line = re.search(r"curl -o \S+ (http://[^/]+)(\S+)", log.read_text())
        assert line is not None, log.read_text()
        assert requests.get(line[1] + line[2], timeout=30).headers["Content-Type"].startswith("image/")
        page = requests.get(line[1], headers={"Accept": "text/html"}, timeout=30).text
        script = re.search(r'src="(/static/[^"]+)"', page)
        assert script is not None
        assert requests.get(line[1] + script[1], timeout=30).status_code == 200
    finally:
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) == 0, log.read_text()


def test_the_command_states_its_version(environment: Path, tmp_path: Path) -> None:
    command = [str(environment / "bin" / "rawcog"), "--version"]
    done = subprocess.run(command, check=True, cwd=tmp_path, env={}, capture_output=True, text=True)
    packages = environment / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    [metadata] = packages.glob("rawcog-*.dist-info")
    assert metadata.name == f"rawcog-{done.stdout.strip()}.dist-info"
