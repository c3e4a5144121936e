"""The documentation: its links lead somewhere, its paths and keys exist, its URLs are answered."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
import requests

from server.settings.file import Defaults, LayerFields, ServerConfig, SourceConfig
from server.settings.load import load
from tests.support.app import layer
from tests.support.gunicorn import ROOT, Gunicorn, wait_for
from tests.support.origin import Origin
from tests.support.rasters import noise, raster
from tests.support.redis import RedisServer
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


_OWN_URL = re.compile(r"http://127\.0\.0\.1:8000(/[^\s`\"',]*)")
_URL = re.compile(r"https?://[^\s`\"'<>)\]|]+")
_OWN_HOST = re.compile(r"(127\.0\.0\.1|localhost)(:\d+)?|([\w-]+\.)*example\.com|\$\{.*\}|…")
OTHER_SITES = {"github.com", "redis.readthedocs.io", "www.conventionalcommits.org"}
"""Hosts of other sites that pages link to."""
NAMES_OF_CRS = "http://www.opengis.net/def/crs/"


def test_the_urls_of_all_pages_are_answered_by_the_demo() -> None:
    """The commands with these URLs run in test_docs_commands.py."""
    written = {url for page in PAGES for url in _OWN_URL.findall(page.read_text())}
    tile = {"{z}/{x}/{y}": "17/112378/50710"}
    assert len(written) > 8
    urls = [*endpoints(), *(url.replace(*part) for url in written for part in tile.items())]
    assert not [url for url in urls if "{" in url or "…" in url]
    with Gunicorn() as server:
        answers = {url: requests.get(server.url + url, timeout=30) for url in urls}
    assert {url: reply.text for url, reply in answers.items() if not reply.ok} == {}


def test_the_examples_of_the_log_and_of_the_health_page_are_those_of_a_server() -> None:
    page = ROOT / "docs" / "operating.md"
    [health], [line] = blocks(page, "json"), re.findall(r"^\S+ INFO \d+ request: (.*)$", page.read_text(), re.MULTILINE)
    words = dict(word.partition("=")[::2] for word in line.split())
    with Gunicorn({"WEB_CONCURRENCY": "1"}) as server:
        url = f"{server.url}/layers/{words['layer']}/tiles/{words['tile']}"
        assert len(requests.get(url, timeout=30).content) == int(words["bytes"])
        ready = requests.get(f"{server.url}/health/ready", timeout=30).json()
        assert list(json.loads(health)) == list(ready)
        wait_for(lambda: f"tile={words['tile']}" in server.log(), "the log")
        [logged] = re.findall(rf"request: (GET layer=.* tile={words['tile']} .*)", server.log())
    assert [word.partition("=")[0] for word in logged.split()] == list(words)
    assert logged.split()[:3] == line.split()[:3]


def test_the_rights_in_redis_that_the_page_names_are_enough() -> None:
    [line] = re.findall(r"^(ACL SETUSER .*)$", CONFIGURATION.read_text(), re.MULTILINE)
    data = (ROOT / "data" / "netherlands.tif").read_bytes()
    with RedisServer() as redis, Origin() as origin:
        redis.command(*line.split())
        origin.put("/a.tif", data)
        environment = {"REDIS_URL": redis.url.replace("//", "//rawcog:password@"), "LOG_LEVEL": "warning"}
        reads = []
        for _ in range(2):
            with Gunicorn({"WEB_CONCURRENCY": "1", **environment}, layer("a", f"{origin.url}/a.tif")) as server:
                assert requests.get(f"{server.url}/layers/a/tiles/native/0/0/0.jpg", timeout=30).status_code == 200
                assert "redis" not in server.log()
            reads.append(len(origin.ranges("/a.tif")))
    assert reads == [reads[0]] * 2, "the second server reads what the first has stored"


def test_links_to_other_sites_are_encrypted_and_few() -> None:
    urls = {url for page in PAGES for url in _URL.findall(page.read_text()) if not url.startswith(NAMES_OF_CRS)}
    others = {url for url in urls if not _OWN_HOST.fullmatch(urlsplit(url).netloc)}
    assert {urlsplit(url).netloc for url in others} == OTHER_SITES
    assert not [url for url in others if not url.startswith("https://")]


def test_the_example_of_a_client_in_python_reads_what_gdal_reads(tmp_path: Path) -> None:
    [example, _] = blocks(ROOT / "docs" / "clients.md", "python")
    functions: dict[str, Callable[..., Any]] = {}
    exec(example, functions)
    data = raster(noise(2, "int16"), options={"compress": "LZW", "predictor": "2", "endianness": "BIG"})
    (tmp_path / "dem.tif").write_bytes(data)
    with Gunicorn({"WEB_CONCURRENCY": "1"}, layer("dem", tmp_path / "dem.tif")) as server:
        for place in places(data):
            samples = functions["read_tile"](f"{server.url}/layers/dem", 0, place.tile.col, place.tile.row)
            assert np.array_equal(samples, place.pixels.transpose(1, 2, 0))
