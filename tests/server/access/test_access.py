"""Callers with and without the right to layers, at every kind of URL."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from flask.testing import FlaskClient

from cogread.errors import CogError
from server.access.signature import signed_query
from server.layers.layer import Layer
from server.origin.cached_source import CachedSource
from tests.support.app import ROOT, client, layer

KEYS: Final = "k" * 32, "older-" + "k" * 32
TOKENS: Final = {"TEAM": "team-" + "t" * 32, "GUEST": "guest-" + "g" * 32}
ENVIRONMENT: Final = {**TOKENS, "RAWCOG_SIGNING_KEYS": ",".join(KEYS)}
CONFIG: Final = """
[tokens.team]
env = "TEAM"
layers = ["secret*", "hidden*"]
[tokens.guest]
env = "GUEST"
layers = ["open"]
"""
WORLD: Final = ROOT / "data" / "world.tif"
URLS: Final = (
    "/layers/{}",
    "/layers/{}?f=html",
    "/layers/{}/tilejson.json",
    "/layers/{}/gdal.vrt",
    "/layers/{}/cog.tif",
    "/layers/{}@1/cog.tif",
    "/layers/{}/gdal.xml",
    "/layers/{}/tiles/native/0/0/0.jpg",
    "/layers/{}/tiles/native/0/0/0",
    "/layers/{}/tiles/native/0/0/0.png?encoding=terrarium",
    "/layers/{}/tiles/native/0/0/0.bin?band=1",
    "/layers/{}/tiles/native/00/0/0.jpg",
    "/layers/{}/mask/native/0/0/0.png",
    "/layers/{}@1/tiles/native/0/0/0.jpg",
    "/layers/{}@1/gdal.vrt",
    "/layers/{}@1",
    "/collections/{}",
    "/collections/{}/map/tiles",
    "/collections/{}/map/tiles/native",
    "/collections/{}/map/tiles/native/0/0/0",
    "/tileMatrixSets/native.{}",
    "/tms/1.0.0/{}",
    "/tms/1.0.0/{}/0/0/0.jpg",
    "/wmts/1.0.0/{}/default/native.{}/0/0/0.jpg",
    "/wmts/1.0.0/{}/default/WebMercatorQuad/0/0/0.jpg",
    "/wmts/1.0.0/{}/default/2024/native.{}/0/0/0.jpg",
    "/wmts/1.0.0/{}/default/none/0/0/0.jpg",
    "/wmts?service=WMTS&request=GetTile&version=1.0.0&layer={}&style=default&format=image/jpeg"
    "&tilematrixset=native.{}&tilematrix=0&tilerow=0&tilecol=0",
    "/wmts?SERVICE=WMTS&REQUEST=GetTile&VERSION=1.0.0&LAYER={}&STYLE=default&FORMAT=image/jpeg"
    "&TILEMATRIXSET=native.{}&TILEMATRIX=0&TILEROW=0&TILECOL=0",
)
"""URLs of a layer."""
LISTS: Final = (
    "/",
    "/?f=html",
    "/layers",
    "/layers?f=html&q=hidden",
    "/collections",
    "/tileMatrixSets",
    "/tms/1.0.0",
    "/wmts/1.0.0/WMTSCapabilities.xml",
    "/wmts?service=WMTS&request=GetCapabilities",
    "/api",
    "/health/ready",
    "/layers/hiddem",
    "/layers/HIDDEN",
    "/wmts?service=WMTS&request=GetTile&version=1.0.0&layer=hiddenn&style=default&format=image/jpeg"
    "&tilematrixset=a&tilematrix=0&tilerow=0&tilecol=0",
)
"""URLs that name no layer, or one that does not exist."""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    access = {"open": "public", "hidden": "token", "secret": "signed", "secret2": "signed"}
    tables = "".join(layer(name, WORLD, f"access = '{kind}'") for name, kind in access.items())
    return client(tmp_path_factory.mktemp("access"), CONFIG + tables, ENVIRONMENT)


def bearer(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {TOKENS[name]}"}


def url_of(template: str, name: str, query: str = "") -> str:
    """The URL of a layer with a query behind its own, if any."""
    url = template.replace("{}", name)
    return url + ("&" if "?" in url else "?") + query if query else url


@contextmanager
def closed_layers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No layer can be opened meanwhile."""

    def refuse(*_: object) -> None:
        raise CogError("opened")

    with monkeypatch.context() as patch:
        patch.setattr(Layer, "open", refuse)
        patch.setattr(CachedSource, "version", refuse)
        yield


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("template", URLS)
def test_a_private_layer_is_refused_before_it_is_opened(
    app: FlaskClient, template: str, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    signature, other = (signed_query(KEYS[0].encode(), name, 3600) for name in ("hidden", "secret2"))
    warm = app.get(url_of(template, "hidden"), headers=bearer("TEAM"))
    assert warm.status_code not in (401, 403)
    conditional = {"If-None-Match": "*", "Range": "bytes=0-1"}
    with closed_layers(monkeypatch):
        for query, headers, statuses in (
            ("", {}, (401, 401)),
            ("", conditional, (401, 401)),
            (signature, {}, (401, 403)),
            (other, {}, (401, 403)),
            ("", bearer("GUEST"), (403, 403)),
            ("", {"Authorization": "Bearer wrong"}, (401, 401)),
            ("token=wrong", {}, (401, 401)),
        ):
            for name, status in zip(("hidden", "secret"), statuses, strict=True):
                reply = app.open(url_of(template, name, query), method=method, headers=headers)
                assert reply.status_code == status, (name, query, reply.data)
                assert reply.headers["Cache-Control"] == "no-store"
                assert ("WWW-Authenticate" in reply.headers) is (status == 401)
                assert "ETag" not in reply.headers


@pytest.mark.parametrize("template", URLS)
def test_the_right_credentials_open_every_url_of_a_layer(app: FlaskClient, template: str) -> None:
    wanted = app.get(url_of(template, "open"))
    for name, query, headers in (
        ("hidden", "", bearer("TEAM")),
        ("hidden", f"token={TOKENS['TEAM']}", {}),
        ("secret", "", bearer("TEAM")),
        *(("secret", signed_query(key.encode(), "secret", 60), {}) for key in KEYS),
    ):
        for _ in range(3):  # cold, planned, from the cache of replies
            reply = app.get(url_of(template, name, query), headers=headers)
            assert reply.status_code == wanted.status_code, reply.data
            if (wanted.mimetype or "").startswith("image/"):
                assert reply.data == wanted.data
            if reply.status_code == 302:  # keeps the query
                continue
            assert TOKENS["TEAM"].encode() not in str(reply.headers).encode() + reply.data
            if reply.status_code < 400 and headers:
                assert reply.headers["Cache-Control"].startswith("private")
                assert "Authorization" in ", ".join(reply.headers.getlist("Vary"))


def test_no_cache_keeps_a_reply_longer_than_its_signature_is_good(app: FlaskClient) -> None:
    version = app.get("/layers/open").get_json()["version"]
    for template in ("", "?f=html", "/tilejson.json", "/gdal.vrt", "/cog.tif", "/tiles/native/0/0/0.jpg"):
        url = url_of(f"/layers/{{}}@{version}{template}", "secret", signed_query(KEYS[0].encode(), "secret", 60))
        reply = app.get(url)
        assert reply.status_code in (200, 404)
        ages = re.findall(r"max-age=(\d+)", reply.headers["Cache-Control"])
        assert all(int(age) <= 120 for age in ages), (template, ages)


@pytest.mark.parametrize("url", LISTS)
def test_no_list_names_or_counts_a_layer_out_of_reach(app: FlaskClient, url: str, tmp_path: Path) -> None:
    alone = client(tmp_path, CONFIG + layer("open", WORLD), ENVIRONMENT)
    for query in ("", signed_query(KEYS[0].encode(), "secret", 60)):
        for headers in ({}, bearer("GUEST")):
            seen, wanted = (each.get(url_of(url, "", query), headers=headers) for each in (app, alone))
            assert (seen.status_code, seen.data) == (wanted.status_code, wanted.data)
