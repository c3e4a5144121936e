"""The documentation: its links lead somewhere, its paths and keys exist, its commands run."""

import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests

from server.settings.file import Defaults, LayerFields, ServerConfig, SourceConfig
from server.settings.load import load
from tests.support.app import layer
from tests.support.commands import Checkout
from tests.support.gunicorn import ROOT, Gunicorn
from tests.support.rasters import noise, raster
from tests.support.system_gdal import gdal_program
from tests.support.tiles import places

PAGES = sorted(path for folder in (".", "docs", "bench", "data", "tests/**") for path in ROOT.glob(f"{folder}/*.md"))
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
GUIDES = [page for page in PAGES if page.parent in (ROOT, ROOT / "docs")]
CONFIGURATION = ROOT / "docs" / "configuration.md"

each_page = pytest.mark.parametrize("page", PAGES, ids=NAMES)

_CODE_PATH = re.compile(r"(?<![\w/.-])(?:server|cogread|config|tests|docs|bench)/(?:[\w./-]*\w)?")
_LINK = re.compile(r"\]\((?!https?://)([^)#\s]*)(?:#([^)\s]+))?\)")


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """The anchors of headings as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@each_page
def test_each_relative_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    for target, anchor in _LINK.findall(page.read_text()):
        linked = page.parent / target if target else page
        assert linked.exists(), f"{page.name}: {target}"
        assert not anchor or anchor in anchors(linked), f"{page.name}: {target}#{anchor}"


@pytest.mark.parametrize("page", GUIDES, ids=[page.stem for page in GUIDES])
def test_each_path_of_the_code_exists(page: Path) -> None:
    assert not [path for path in _CODE_PATH.findall(page.read_text()) if not (ROOT / path).exists()]


@pytest.mark.parametrize(
    ("heading", "keys"),
    [
        ("## `[server]`", ServerConfig.__struct_fields__),
        ("## `[defaults]` and `[layers.NAME]`", {*Defaults.__struct_fields__, *LayerFields.__struct_fields__}),
        ("## `[sources.NAME]`", SourceConfig.__struct_fields__),
    ],
)
def test_each_key_of_the_config_file_has_a_description(heading: str, keys: tuple[str, ...]) -> None:
    section = CONFIGURATION.read_text().partition(f"{heading}\n")[2].partition("\n## ")[0]
    assert not [key for key in keys if f"`{key}`" not in section]


CONFIGS = {f"{page.stem}-{at}": text for page in GUIDES for at, text in enumerate(blocks(page, "toml"))}


@pytest.mark.parametrize("name", CONFIGS)
def test_the_example_of_a_config_file_loads(name: str, tmp_path: Path) -> None:
    config = tmp_path / "layers.toml"
    config.write_text(CONFIGS[name])
    variables = re.findall(r'env = "(\w+)"|\$\{(\w+)\}', CONFIGS[name])
    secrets = {variable: f"a-secret-of-the-tests-{variable}" for names in variables for variable in names if variable}
    settings = load({"RAWCOG_CONFIG": str(config), "HOME": str(tmp_path), "RAWCOG_SIGNING_KEYS": "k" * 32, **secrets})
    assert len(settings.layers) + len(settings.collections) >= 1


def commands(*names: str) -> Iterator[list[str]]:
    """The commands with these first words in the shell blocks of all pages."""
    for page in PAGES:
        for line in "\n".join(blocks(page, "sh")).splitlines():
            words = shlex.split(line, comments=True)
            if " ".join(words).startswith(names):
                yield words


PARTS = {
    "/mask/{grid}/{z}/{x}/{y}.{format}": "/mask/native/1/0/0.png",
    "{layer}": "netherlands",
    "@{version}/…": "/cog.tif",
    "{grid}/{z}/{x}/{y}": "native/1/0/0",
    "{grid}/{z}/{row}/{col}": "native/1/0/0",
    "…/{z}/{x}/{y}": "/layers/elk-mountains/tiles/native/0/0/0",
    "0.{format}": "0.jpg",
    "/collections/…": "/collections/netherlands",
    "/tileMatrixSets/…": "/tileMatrixSets",
    "/access/…": "/access/layers/netherlands",
}
"""Parts of the URLs of README.md -> values of the demo."""
OTHER_LAYERS = {"/tilejson.json": "valley", "gdal.xml": "valley"}
"""Part of a URL -> layer that has it."""


def endpoints() -> Iterator[str]:
    """The URLs of the table in README.md, but for those of collections and of metrics, which the demo has not."""
    table = (ROOT / "README.md").read_text().partition("## Endpoints")[2].partition("\n\nLayers are")[0]
    for row in re.findall(r"^\| (`.*?) \| ", table, re.MULTILINE):
        for template in re.findall(r"`([/…].*?)`", row):
            names = [name for part, name in OTHER_LAYERS.items() if part in template]
            url = template.replace("{layer}", names[0]) if names else template
            for part, value in PARTS.items():
                url = url.replace(part, value)
            if "{collection}" not in url and url != "/metrics":
                yield f"{url}?service=WMTS&request=GetCapabilities" if url == "/wmts" else url


def test_the_requests_to_the_demo_server_are_answered() -> None:
    fetched, opened = list(commands("curl ")), list(commands("gdalinfo ", "rio info "))
    assert (len(fetched), len(opened)) >= (2, 3)
    urls = [*endpoints(), *(words[-1].removeprefix("http://127.0.0.1:8000") for words in fetched)]
    assert len(urls) > 20
    assert not [url for url in urls if "{" in url or "…" in url]
    with Gunicorn() as server:
        answers = {url: requests.get(server.url + url, timeout=30) for url in urls}
        assert {url: reply.text for url, reply in answers.items() if not reply.ok} == {}
        for program, *words in opened:
            local = [word.replace("http://127.0.0.1:8000", server.url) for word in words]
            command = ["rio" if program == "rio" else gdal_program(program), *local]
            path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
            done = subprocess.run(command, check=False, capture_output=True, text=True, env={"PATH": path})
            assert done.returncode == 0, done.stderr


def test_the_example_of_a_client_in_python_reads_what_gdal_reads(tmp_path: Path) -> None:
    (example,) = blocks(ROOT / "docs" / "clients.md", "python")
    functions: dict[str, Callable[..., Any]] = {}
    exec(example, functions)
    data = raster(noise(2, "int16"), options={"compress": "LZW", "predictor": "2", "endianness": "BIG"})
    (tmp_path / "dem.tif").write_bytes(data)
    with Gunicorn({"WEB_CONCURRENCY": "1"}, layer("dem", tmp_path / "dem.tif")) as server:
        for place in places(data):
            samples = functions["read_tile"](f"{server.url}/layers/dem", 0, place.tile.col, place.tile.row)
            assert np.array_equal(samples, place.pixels.transpose(1, 2, 0))


def test_the_commands_for_local_files_run(tmp_path: Path) -> None:
    checkout = Checkout.make(tmp_path)
    lines = list(commands(".venv/bin/python -m cogread", "python cogread/filedumper.py"))
    assert len(lines) >= 3
    for _, *arguments in lines:
        done = checkout.run(shlex.join([sys.executable, *arguments]))
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert "tile.jpg" in checkout.files()


def test_the_commands_of_the_quick_start_run(tmp_path: Path) -> None:
    (tmp_path / "data").symlink_to(ROOT / "data")
    code = "from server.cli.main import main; main(prog_name='rawcog')"
    page = "\n".join(blocks(ROOT / "docs" / "quick-start.md", "sh")).splitlines()
    lines = [words[1:] for words in (shlex.split(line, comments=True) for line in page) if words[:1] == ["rawcog"]]
    assert {words[0] for words in lines} == {"check", "info", "serve", "crop", "export", "verify"}
    for words in lines:
        if words[0] != "serve":
            command, environment = [sys.executable, "-c", code, *words], {"PYTHONPATH": str(ROOT)}
            done = subprocess.run(
                command, check=False, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
            )
            assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "part.tif").stat().st_size
