"""The page for people: what is on it works."""

import subprocess
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
import requests

from tests.support.app import client, layer
from tests.support.gunicorn import Gunicorn
from tests.support.tiffs import gdal_tiff

INJECTION = """<script>alert("1")</script>&amp;'><img src=x onerror=y>"""


class Page(HTMLParser):
    """The links, pictures, texts and tags of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.pictures: list[dict[str, str]] = []
        self.tags: set[str] = set()
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        values = {name: value or "" for name, value in attrs}
        assert not [name for name in values if name.startswith("on")]
        if tag == "a":
            self.links.append(values["href"])
        if tag == "img":
            self.pictures.append(values)

    def handle_data(self, data: str) -> None:
        self.text += data

    @property
    def curl_lines(self) -> list[str]:
        return [line for line in self.text.splitlines() if line.startswith("curl ")]


def page_of(folder: Path, config: str) -> Page:
    reply = client(folder, config).get("/")
    assert (reply.status_code, reply.content_type) == (200, "text/html; charset=utf-8")
    return Page(reply.text)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for kind in ("jpeg-ycbcr", "webp-lossy", "deflate"):
        (tmp_path / f"{kind}.tif").write_bytes(gdal_tiff(kind))
    return tmp_path


def test_the_page_shows_each_layer_with_links_and_lines_that_work(folder: Path) -> None:
    config = "[server]\ntitle = 'My tiles'\n" + "".join(
        layer(kind, folder / f"{kind}.tif", f"title = 'About {kind}'\nattribution = 'by {kind}'")
        for kind in ("jpeg-ycbcr", "webp-lossy", "deflate")
    )
    with Gunicorn({"WEB_CONCURRENCY": "1"}, config) as server:
        page = Page(requests.get(f"{server.url}/", headers={"Host": "evil.example"}, timeout=30).text)
        assert "My tiles" in page.text
        assert "evil" not in page.text
        for kind in ("jpeg-ycbcr", "webp-lossy", "deflate"):
            assert f"About {kind}" in page.text
            assert f"by {kind}" in page.text
        for href in page.links:
            assert requests.get(urljoin(server.url, href), timeout=30).status_code == 200
        kinds = [requests.get(urljoin(server.url, p["src"]), timeout=30).headers["Content-Type"] for p in page.pictures]
        assert kinds == ["image/jpeg", "image/webp", "image/png"]
        assert all(picture["alt"] for picture in page.pictures)
        assert len(page.curl_lines) == 6
        for line in page.curl_lines:
            assert_fetches(line, folder)


def assert_fetches(line: str, folder: Path) -> None:
    """Type the line into a shell."""
    done = subprocess.run(
        f"{line} --fail --silent --show-error", shell=True, cwd=folder, capture_output=True, check=True
    )
    if " -O " in line:
        file = folder / Path(urlsplit(line.rsplit(maxsplit=1)[-1]).path).name
        assert file.read_bytes()[:4] in (
            b"\xff\xd8\xff\xdb",
            b"\xff\xd8\xff\xe0",
            b"\xff\xd8\xff\xee",
            b"RIFF",
            b"\x89PNG",
        )
        file.unlink()
    else:
        assert done.stdout.startswith(b"{")


def test_what_the_config_says_is_text_and_never_markup(folder: Path) -> None:
    quoted = INJECTION.replace("\\", "\\\\").replace('"', '\\"')
    more = f'title = "{quoted}"\nattribution = "{quoted}"'
    config = f'[server]\ntitle = "{quoted}"\n{layer("a", "jpeg-ycbcr.tif", more)}{layer("gone", "gone.tif", more)}'
    page = page_of(folder, config)
    assert "script" not in page.tags
    assert [picture["src"] for picture in page.pictures] == ["/layers/a/tiles/native/0/0/0.jpg"]
    assert page.text.count(INJECTION) == 6  # the page's title twice, two of each layer
    assert INJECTION in page.pictures[0]["alt"]


def test_links_begin_with_the_public_url(folder: Path) -> None:
    root = "https://tiles.example.com/deep"
    page = page_of(folder, f"[server]\npublic_url = '{root}/'\n{layer('a', 'jpeg-ycbcr.tif')}")
    urls = [
        *page.links,
        *(picture["src"] for picture in page.pictures),
        *(line.split()[-1] for line in page.curl_lines),
    ]
    assert len(urls) >= 6
    assert all(url.startswith(f"{root}/layers") for url in urls)


def test_without_layers_the_page_says_so(tmp_path: Path) -> None:
    assert "No layer is configured yet" in page_of(tmp_path, "").text


def test_a_layer_that_cannot_be_opened_says_why(tmp_path: Path) -> None:
    page = page_of(tmp_path, layer("a", "gone.tif", "title = 'Lost'"))
    assert "Lost" in page.text
    assert "the layer's file is not there" in page.text
    assert str(tmp_path) not in page.text
    assert page.pictures == []
