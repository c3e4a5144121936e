"""The pages, without a browser: the clients that get them, their content, and what they may load."""

import gzip
import re
from html import escape
from html.parser import HTMLParser
from pathlib import Path
from typing import Final

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.support.app import client, layer, problem
from tests.support.copied import copied
from tests.support.rasters import noise, raster
from tests.support.tiffs import KINDS, gdal_tiff

BROWSER: Final = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"}
INJECTION: Final = """<script>alert("1")</script>&amp;'><img src=x onerror=y>{{ 7*7 }}"""
SHOWN: Final = ("jpeg-ycbcr", "webp-lossy", "deflate")


class Page(HTMLParser):
    """The links, pictures, scripts, texts and tags of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.pictures: list[str] = []
        self.loaded: list[str] = []
        """Scripts, styles and icons."""
        self.forms: list[str] = []
        self.tags: set[str] = set()
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        values = {name: value or "" for name, value in attrs}
        assert not [name for name in values if name.startswith("on") or name == "style"]
        if tag == "a" and not values.get("href", "#").startswith("#"):
            self.links.append(values["href"])
        if tag == "form":
            self.forms.append(values["action"])
        if tag == "img":
            assert "alt" in values
            self.pictures.append(values["src"])
        if tag == "script":
            assert values["src"], "an inline script"
            self.loaded.append(values["src"])
        if tag == "link":
            self.loaded.append(values["href"])

    def handle_data(self, data: str) -> None:
        self.text += data


def page_of(app: FlaskClient, path: str) -> Page:
    return Page(reply_of(app, path).text)


def reply_of(app: FlaskClient, path: str, **headers: str) -> TestResponse:
    reply = app.get(path, headers=BROWSER | headers)
    assert (reply.status_code, reply.content_type) == (200, "text/html; charset=utf-8")
    return reply


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for kind in (*SHOWN, "zstd-float", "lerc"):
        (tmp_path / f"{kind}.tif").write_bytes(gdal_tiff(kind))
    return tmp_path


@pytest.fixture
def app(folder: Path) -> FlaskClient:
    more = "title = 'About {0}'\nattribution = 'by {0}'"
    config = "".join(layer(kind, f"{kind}.tif", more.format(kind)) for kind in (*SHOWN, "zstd-float", "lerc"))
    return client(folder, "[server]\ntitle = 'My tiles'\n" + config)


@pytest.mark.parametrize(
    ("accept", "is_page"),
    [
        (BROWSER["Accept"], True),
        ("text/html", True),
        ("text/html;q=0.9, application/json;q=0.8", True),
        ("application/json, text/html;q=0.9", False),
        ("application/json, */*", False),
        ("*/*", False),
        ("", False),
        ("image/png", False),
    ],
)
@pytest.mark.parametrize("path", ["/", "/layers/jpeg-ycbcr"])
def test_browsers_get_a_page_and_all_others_json(path: str, accept: str, is_page: bool, app: FlaskClient) -> None:
    reply = app.get(path, headers={"Accept": accept})
    assert (reply.status_code, reply.mimetype) == (200, "text/html" if is_page else "application/json")
    assert "Accept" in reply.headers["Vary"]


def test_the_page_of_all_layers_names_and_shows_each(app: FlaskClient) -> None:
    page = page_of(app, "/")
    assert "My tiles" in page.text
    for kind in (*SHOWN, "zstd-float", "lerc"):
        assert f"About {kind}" in page.text
        assert f"by {kind}" in page.text
        assert f"/layers/{kind}" in page.links
        assert f"{KINDS[kind].width:,} × {KINDS[kind].height:,} ·" in page.text
    kinds = [app.get(url).content_type for url in page.pictures]
    assert set(kinds) == {"image/jpeg", "image/webp"}


@pytest.mark.parametrize("path", ["/", "/layers/jpeg-ycbcr", "/layers/lerc"])
def test_all_that_a_page_links_to_and_loads_is_there(path: str, app: FlaskClient) -> None:
    page = page_of(app, path)
    assert page.loaded
    assert page.links
    for url in (*page.links, *page.loaded):
        assert app.get(url).status_code == 200


@pytest.mark.parametrize("path", ["/", "/layers/jpeg-ycbcr"])
def test_a_page_may_load_what_this_server_sends_and_nothing_else(path: str, app: FlaskClient) -> None:
    headers = reply_of(app, path).headers
    policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
    assert policy.pop("default-src") == "'none'"
    assert set(policy.values()) == {"'self'", "'none'"}
    assert {"script-src", "style-src", "img-src", "connect-src"} < set(policy)
    assert {policy[name] for name in ("base-uri", "frame-ancestors")} == {"'none'"}
    assert policy["form-action"] == "'self'"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"


def test_what_the_config_says_is_text_and_never_markup(folder: Path) -> None:
    quoted = INJECTION.replace("\\", "\\\\").replace('"', '\\"')
    more = f'title = "{quoted}"\nattribution = "{escape(INJECTION)}"'
    config = f'[server]\ntitle = "{quoted}"\n{layer("a", "jpeg-ycbcr.tif", more)}{layer("gone", "gone.tif", more)}'
    app = client(folder, config)
    everything, one = page_of(app, "/"), page_of(app, "/layers/a")
    assert everything.text.count(INJECTION) == 6  # the site's title twice, two of each layer
    assert one.text.count(INJECTION) == 7
    assert all(url.startswith("/layers/a@") for url in everything.pictures)
    assert all(url.startswith("/static/") or url == "/layers/a" for url in everything.loaded + one.loaded)


def test_all_urls_begin_with_the_public_url(folder: Path) -> None:
    root = "https://tiles.example.com/deep"
    app = client(folder, f"[server]\npublic_url = '{root}/'\n{layer('a', 'jpeg-ycbcr.tif')}")
    for path in ("/", "/layers/a"):
        reply = reply_of(app, path, Host="evil.example")
        page = Page(reply.text)
        lines = re.findall(r"https?://[^\s\"]+", " ".join(copied(reply.text).values()))
        urls = [*page.links, *page.pictures, *page.loaded, *page.forms, *lines]
        assert path == "/" or lines
        assert all(url.startswith(f"{root}/") for url in urls)
        assert "evil" not in reply.text
        assert "script-src 'self' https://tiles.example.com;" in reply.headers["Content-Security-Policy"]
        assert reply.headers["Cache-Control"] == "no-cache"


def test_all_urls_stay_below_the_proxys_path(folder: Path) -> None:
    app = client(folder, f"[server]\ntrusted_proxies = 1\n{layer('a', 'jpeg-ycbcr.tif')}")
    for path in ("/", "/layers/a"):
        reply = reply_of(app, path, **{"X-Forwarded-Prefix": "/maps"})
        page = Page(reply.text)
        assert all(url.startswith("/maps/") for url in (*page.links, *page.pictures, *page.loaded, *page.forms))
        lines = re.findall(r"https?://[^\s\"]+", " ".join(copied(reply.text).values()))
        assert all(re.match(r"http://localhost/maps/(?!maps/)", line) for line in lines)


def test_the_lines_to_copy_begin_with_the_host_that_was_asked_and_only_for_who_asked(app: FlaskClient) -> None:
    reply = reply_of(app, "/layers/jpeg-ycbcr", Host="maps.example:8000")
    assert reply.headers["Cache-Control"] == "private, no-cache"
    roots = re.findall(r"https?://[^/]+/", " ".join(copied(reply.text).values()))
    assert roots
    assert set(roots) == {"http://maps.example:8000/"}


@pytest.mark.parametrize("path", ["/", "/layers/jpeg-ycbcr"])
def test_a_page_is_packed_for_who_takes_gzip(path: str, app: FlaskClient) -> None:
    plain = reply_of(app, path)
    assert "Content-Encoding" not in plain.headers
    packed = reply_of(app, path, **{"Accept-Encoding": "gzip, br"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data
    assert packed.content_length == len(packed.data) < len(plain.data)
    assert packed.headers["ETag"] != plain.headers["ETag"]
    assert {"Accept", "Accept-Encoding"} <= set(packed.vary) & set(plain.vary)
    again = {"Accept-Encoding": "gzip", "If-None-Match": packed.headers["ETag"]}
    assert app.get(path, headers=BROWSER | again).status_code == 304


@pytest.mark.parametrize(
    ("path", "status", "detail"),
    [
        ("/layers/no", "404 Not Found", "no layer 'no'"),
        ("/layers/lost", "404 Not Found", "the layer's file is not there"),
        ("/layers/down", "502 Bad Gateway", "the layer's origin cannot be reached"),
        ("/layers/text", "502 Bad Gateway", "not a TIFF"),
        ("/<b>no</b>", "404 Not Found", "nothing is served at this path"),
        ("/collections/no", "404 Not Found", "no layer 'no'"),
        ("/layers/no/tiles/native/0/0/0.jpg", "404 Not Found", "no layer 'no'"),
        ("/layers/down/tiles/native/0/0/0.jpg", "502 Bad Gateway", "the layer's origin cannot be reached"),
    ],
)
def test_browsers_are_told_of_an_error_by_a_page_and_all_others_in_json(
    path: str, status: str, detail: str, tmp_path: Path
) -> None:
    (tmp_path / "text.tif").write_text("This is no image.")
    places = {"lost": "lost.tif", "down": "http://127.0.0.1:9/secret.tif", "text": "text.tif"}
    app = client(tmp_path, "".join(layer(*place) for place in places.items()))
    reply, told = app.get(path, headers=BROWSER), app.get(path)
    page = Page(reply.text)
    assert (reply.status, reply.content_type) == (told.status, "text/html; charset=utf-8")
    for text in (status, detail, path):
        assert text in page.text
    assert "/" in page.links
    assert not {"b", "script"} & page.tags
    assert "secret" not in reply.text
    assert ("try again" in page.text) == ("Retry-After" in reply.headers) == path.startswith("/layers/down")
    assert reply.headers["Cache-Control"] == "no-store"
    assert "Accept" in reply.vary
    assert "default-src 'none'" in reply.headers["Content-Security-Policy"]
    assert reply.content_length == len(reply.data)
    assert detail in problem(told, told.status_code)
    assert problem(app.get(f"{path}?f=json", headers=BROWSER), told.status_code)
    assert app.get(f"{path}?f=html").data == reply.data


@pytest.mark.parametrize("path", ["/", "/layers", "/layers/jpeg-ycbcr", "/layers/jpeg-ycbcr/tiles/native/9/0/0.jpg"])
def test_f_overrules_accept(path: str, app: FlaskClient) -> None:
    assert app.get(f"{path}?f=json", headers=BROWSER).content_type in ("application/json", "application/problem+json")
    assert app.get(f"{path}?f=html", headers={"Accept": "application/json"}).mimetype == "text/html"


def test_an_old_version_of_a_layer_leads_browsers_to_the_layer(app: FlaskClient) -> None:
    reply = app.get("/layers/jpeg-ycbcr@0123456789abcdef", headers=BROWSER)
    assert (reply.status_code, reply.headers["Cache-Control"]) == (302, "no-store")
    assert "About jpeg-ycbcr" in page_of(app, reply.headers["Location"]).text


def test_a_layer_that_cannot_be_opened_says_why(tmp_path: Path) -> None:
    page = page_of(client(tmp_path, layer("a", "gone.tif", "title = 'Lost'")), "/")
    assert "Lost" in page.text
    assert "the layer's file is not there" in page.text
    assert str(tmp_path) not in page.text
    assert page.pictures == []


def test_a_layer_that_a_browser_cannot_show_says_why_and_has_no_map(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(raster(noise(4, "uint8"), options={"compress": "JPEG"}))
    app = client(tmp_path, layer("a", "a.tif"))
    reply = reply_of(app, "/layers/a")
    page = Page(reply.text)
    assert "browsers cannot show these tiles" in page.text
    reasons = app.get("/layers/a").get_json()["formats_not_offered"]
    for extension in ("jpg", "webp", "png", "bin"):
        assert reasons[extension] in page.text
    assert not any("layer/page" in url for url in page.loaded)
    assert {"GDAL", "Tiles", "JSON"} <= copied(reply.text).keys()


def test_a_picture_of_16_bits_says_why_it_may_be_dark(app: FlaskClient) -> None:
    said = "Browsers show only the upper 8 of 16 bits"
    assert said in page_of(app, "/layers/deflate").text
    assert said not in page_of(app, "/layers/jpeg-ycbcr").text


def test_the_page_of_a_layer_tells_what_its_json_says(app: FlaskClient) -> None:
    about = app.get("/layers/jpeg-ycbcr").get_json()
    text = page_of(app, "/layers/jpeg-ycbcr").text
    for fact in (about["crs"]["name"], about["crs"]["code"], about["dtype"], about["compression"], about["version"]):
        assert str(fact) in text
    for level in about["levels"]:
        assert f"{level['width']:,} × {level['height']:,}" in text
    for bound in about["bounds"]:
        assert str(bound) in text
