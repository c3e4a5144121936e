"""Signed layers in a browser: the page of a layer, maps by the code to copy, and the signing code of the docs."""

import time
from collections.abc import Iterator
from typing import Any, Final

import pytest
import requests

from server.access.signature import signed_query
from tests.support.app import ROOT, layer
from tests.support.chromium import Chromium, Page
from tests.support.copied import copied
from tests.support.gunicorn import Gunicorn
from tests.support.layer_page import open_layer
from tests.support.mapsite import MapSite
from tests.test_docs import blocks

KEY: Final = "key-" + "k" * 40
FILES: Final = {"valley": "valley.tif", "elk": "elk-mountains.tif", "itaipu": "itaipu.tif"}
"""Pictures on the grid of web maps, values, and bands that the map draws."""
TILES: Final = "performance.getEntriesByType('resource').filter(({ name }) => /\\/(tiles|mask)\\//.test(name))"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    with Chromium() as running:
        yield running


@pytest.fixture(scope="module")
def server() -> Iterator[Gunicorn]:
    config = "".join(layer(name, ROOT / "data" / file, "access = 'signed'") for name, file in FILES.items())
    with Gunicorn({"RAWCOG_SIGNING_KEYS": KEY, "WEB_CONCURRENCY": "1"}, config) as running:
        yield running


@pytest.fixture(scope="module")
def code_page(chromium: Chromium) -> Iterator[tuple[Page, str]]:
    """A page of another origin that runs code, and its URL."""
    with MapSite() as site:
        yield chromium.page(400, 300), f"{site.url}code"


def query_of(name: str) -> str:
    return signed_query(KEY.encode(), name, 3600)


def statuses(page: Page) -> list[Any]:
    """Statuses of the requests for tiles."""
    codes: list[Any] = page.run(f"return {TILES}.map(({{ responseStatus }}) => responseStatus)")
    return codes


@pytest.mark.parametrize("name", FILES)
def test_the_page_of_a_signed_layer_shows_its_map(name: str, chromium: Chromium, server: Gunicorn) -> None:
    page, query = chromium.page(), query_of(name)
    open_layer(page, f"{server.url}/layers/{name}?{query}")
    page.wait(f"{TILES}.length > 0")
    assert set(statuses(page)) <= {200, 204}
    assert [url for url in page.urls if f"/layers/{name}" in url and query not in url] == []
    assert page.complaints == []


@pytest.mark.parametrize("client", ["MapLibre", "Leaflet", "OpenLayers", "deck.gl"])
def test_the_code_to_copy_opens_a_signed_layer(client: str, code_page: tuple[Page, str], server: Gunicorn) -> None:
    page, url = code_page
    text = requests.get(f"{server.url}/layers/valley?{query_of('valley')}&f=html", timeout=30).text
    page.open(url)
    page.run(
        "await import(URL.createObjectURL(new Blob([code], { type: 'text/javascript' })))", code=copied(text)[client]
    )
    page.wait(f"{TILES}.length > 0")
    assert page.complaints == []


def test_the_code_of_the_docs_signs(chromium: Chromium, server: Gunicorn) -> None:
    guide = ROOT / "docs" / "access.md"
    [script], [program] = blocks(guide, "js"), blocks(guide, "python")
    functions: dict[str, Any] = {}
    exec(program, functions)
    page = chromium.page()
    page.open(f"{server.url}/health/live")
    for lifetime_s in (60, 3600, 7 * 86_400):
        code = f"{script}\nreturn signedQuery(key, name, lifetimeS)"
        queries = [
            functions["signed_query"](KEY, "valley", lifetime_s),
            page.run(code, key=KEY, name="valley", lifetimeS=lifetime_s),
        ]
        for query in queries:
            expires_s = int(query.partition("&")[0].removeprefix("expires="))
            assert lifetime_s - 60 <= expires_s - time.time() <= lifetime_s + min(lifetime_s, 86_400) + 1
            reply = requests.get(f"{server.url}/layers/valley/tiles/native/0/0/0.webp?{query}", timeout=30)
            assert reply.status_code == 200
