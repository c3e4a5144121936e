"""Documents that were fetched signed: every URL of the layer that they name is signed too, and clients follow it."""

import os
import re
import subprocess
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Final

import numpy as np
import pytest
import rasterio
import requests
from flask.testing import FlaskClient

from server.access.signature import signed_query
from tests.support.app import ROOT, client, layer
from tests.support.gunicorn import Gunicorn
from tests.support.system_gdal import gdal_program

KEY: Final = "key-" + "k" * 40
ENVIRONMENT: Final = {"RAWCOG_SIGNING_KEYS": KEY}
FILES: Final = {"valley": "valley.tif", "elk": "elk-mountains.tif"}
SIGNED: Final = "access = 'signed'"
PLACE: Final = dict.fromkeys(("Z", "X", "Y", "TileMatrix", "TileRow", "TileCol"), "0")
"""Variables in URLs -> values: the tile exists in each layer's own grid."""

_TILE_SET: Final = re.compile(r"/tms/.*/[0-9]+\?")
_URL: Final = re.compile(r"""(?:http://localhost|(?<=["'= ]))(?:/[\w@.:{}$-]+)+(?:\?[^\s"'<>`,]*)?""")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    tables = "".join(layer(name, ROOT / "data" / file, SIGNED) for name, file in FILES.items())
    return client(tmp_path_factory.mktemp("signed"), tables, ENVIRONMENT)


def urls_in(text: str, name: str) -> Iterator[str]:
    """The URLs of a layer in a document, however often they are escaped."""
    for _ in range(4):
        text = unescape(text)
    for url in _URL.findall(text):
        if re.search(rf"/(?:native\.)?{name}(?:[@/?:]|$)", url):
            yield url.removeprefix("http://localhost")


def filled(url: str, name: str) -> str:
    """A URL with values for its variables."""
    values = {**PLACE, "Style": "default", "TileMatrixSet": f"native.{name}"}
    return re.sub(r"\$?\{(\w+)\}", lambda match: values[match[1][0].upper() + match[1][1:]], url)


@pytest.mark.parametrize("name", FILES)
def test_each_url_in_each_document_opens(app: FlaskClient, name: str) -> None:
    """Followed from the layer's own URLs, in JSON and on pages, but for TMS, whose clients complete the URLs."""
    signature = signed_query(KEY.encode(), name, 3600)
    waiting = {f"/layers/{name}{end}" for end in (f"?{signature}", f"?{signature}&f=html", f"/cog.tif?{signature}")}
    seen: set[str] = set()
    while waiting := waiting - seen:
        url = waiting.pop()
        seen.add(url)
        assert signature in url, url
        reply = app.get(url, headers={"Range": "bytes=0-99"} if "cog.tif" in url else {})
        # a grid of web maps has no tile at 0/0/0 where the layer is elsewhere
        assert reply.status_code in (200, 204, 206) or "WebMercatorQuad/0/" in url, (url, reply.text)
        if reply.mimetype in ("application/json", "application/xml", "text/html"):
            waiting |= {filled(each, name) for each in urls_in(reply.text, name) if not _TILE_SET.search(each)}
    kinds = ["gdal.vrt", "wmts.xml", "/wmts/1.0.0/", "/collections/", "/tileMatrixSets/native.", "/tiles/native/"]
    assert [kind for kind in kinds if not any(kind in url for url in seen)] == []


def test_each_url_in_the_documents_of_a_collection_is_signed(tmp_path: Path) -> None:
    """Those of its members, and of the rest of the list."""
    app = client(tmp_path, f"[collections.sheets]\nfolder = '{ROOT}/data'\n{SIGNED}\n", ENVIRONMENT)
    query = signed_query(KEY.encode(), "sheets", 3600)
    for path in ("/layers/sheets?", "/layers/sheets?limit=2&", "/layers/sheets/wmts.xml?", "/collections/sheets?"):
        for end in ("", "&f=html"):
            urls = list(urls_in(app.get(f"{path}{query}{end}").text, "sheets"))
            assert urls
            assert [url for url in urls if query not in url] == []
    page = app.get(f"/layers/sheets?f=html&{query}").text  # its search keeps the signature
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="(\w+)">', page))
    assert "&".join(f"{name}={value}" for name, value in fields.items()) == query


def test_a_document_of_a_public_layer_has_no_signature(tmp_path: Path) -> None:
    """Its copy in a cache would have it for all."""
    app = client(tmp_path, layer("valley", ROOT / "data" / "valley.tif"), ENVIRONMENT)
    query = signed_query(KEY.encode(), "valley", 3600)
    assert app.get(f"/layers/valley?{query}").data == app.get("/layers/valley").data


def test_a_redirection_keeps_the_query(app: FlaskClient) -> None:
    query = signed_query(KEY.encode(), "valley", 3600)
    for path in ("", "/gdal.vrt", "/tilejson.json", "/cog.tif", "/tiles/native/0/0/0.jpg"):
        reply = app.get(f"/layers/valley@gone{path}?{query}&a=b")
        assert (reply.status_code, reply.location) == (302, f"/layers/valley{path}?{query}&a=b")
        assert reply.headers["Cache-Control"] == "no-store"


def test_one_signature_opens_a_layer_in_gdal(tmp_path: Path) -> None:
    """By all of its documents, and by the lines to copy on its page, as they are."""
    file, query = ROOT / "data" / "elk-mountains.tif", signed_query(KEY.encode(), "elk", 3600)
    with (
        Gunicorn({**ENVIRONMENT, "WEB_CONCURRENCY": "1"}, layer("elk", file, SIGNED)) as server,
        rasterio.open(file) as wanted,
    ):
        base = f"{server.url}/layers/elk"
        for name in (f"{base}/gdal.vrt", f"/vsicurl/{base}/gdal.vrt", f"/vsicurl/{base}/cog.tif"):
            with rasterio.open(f"{name}?{query}") as opened:
                assert np.array_equal(opened.read(), wanted.read())
        page = unescape(requests.get(f"{base}?{query}&f=html", timeout=30).text)
        lines = [*re.findall(r"gdalinfo ([^<]*)", page), f"'WMTS:{base}/wmts.xml?{query}'"]
        assert len(lines) >= 2
        for line in lines:
            command = f"{gdal_program('gdalinfo')} {line}"
            done = subprocess.run(command, shell=True, cwd=tmp_path, check=False, capture_output=True, text=True)
            assert (done.returncode, done.stderr) == (0, ""), line


def test_gdal_opens_a_layer_by_a_token(tmp_path: Path) -> None:
    """It sends the header with the requests for the document and for all tiles."""
    file, secret = ROOT / "data" / "elk-mountains.tif", "token-" + "t" * 32
    config = "[tokens.a]\nenv = 'TOKEN'\nlayers = ['elk']\n" + layer("elk", file, "access = 'token'")
    with Gunicorn({"TOKEN": secret, "WEB_CONCURRENCY": "1"}, config) as server:
        environment = {**os.environ, "GDAL_HTTP_HEADERS": f"Authorization: Bearer {secret}"}
        for document in ("gdal.vrt", "wmts.xml"):
            url = f"{'WMTS:' if document == 'wmts.xml' else ''}{server.url}/layers/elk/{document}"
            command = [gdal_program("gdalinfo"), "-checksum", url]
            done = subprocess.run(command, env=environment, cwd=tmp_path, check=False, capture_output=True, text=True)
            assert (done.returncode, done.stderr) == (0, ""), url
            assert "Checksum=" in done.stdout
