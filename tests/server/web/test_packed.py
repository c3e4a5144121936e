"""A cached document is the one that a server without a cache would write for the same request."""

from pathlib import Path
from typing import Final

import pytest
from flask.testing import FlaskClient

from server import MEMORY_SHARES, Assembly
from tests.support.app import client, layer, settings
from tests.support.webmercator import web_mercator_tiff

URLS: Final = (
    "/?f=json",
    "/layers",
    "/layers?q=other",
    "/layers?type=uint8",
    "/layers/a",
    "/layers/b",
    "/layers/a/tilejson.json",
    "/layers/b/tilejson.json",
    "/layers/a/gdal.vrt",
    "/layers/a/gdal.xml",
    "/tms",
    "/tms/1.0.0",
    "/tms/1.0.0/a",
    "/wmts/1.0.0/WMTSCapabilities.xml",
    "/api",
    "/conformance",
    "/collections",
    "/collections?limit=1",
    "/collections?limit=1&offset=1",
    "/collections/a",
    "/collections/b",
    "/collections/a/map/tiles",
    "/collections/a/map/tiles/native",
    "/collections/a/map/tiles/WebMercatorQuad",
    "/tileMatrixSets",
    "/tileMatrixSets?limit=1",
    "/tileMatrixSets/native.a",
    "/tileMatrixSets/WebMercatorQuad",
    "/tileMatrixSets/WebMercatorQuad512",
)
HOSTS: Final = ("one.example", "two.example")


def documents(app: FlaskClient) -> dict[tuple[str, str], tuple[bytes, str]]:
    """(Host, URL) -> content and entity tag."""
    replies = {(host, url): app.get(url, headers={"Host": host}) for host in HOSTS for url in URLS}
    assert {reply.status_code for reply in replies.values()} == {200}
    return {request: (reply.data, reply.headers["ETag"]) for request, reply in replies.items()}


def test_documents_follow_the_file_the_host_the_query_and_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "ab":
        (tmp_path / f"{name}.tif").write_bytes(web_mercator_tiff(width=400, height=300))
    config = layer("a", tmp_path / "a.tif", "title = 'Another'") + layer("b", tmp_path / "b.tif")
    assembly = Assembly(settings(tmp_path, config))
    app = assembly.app.test_client()
    monkeypatch.setitem(MEMORY_SHARES, "documents", 0)  # for the apps made from here on
    before = documents(app)
    assert documents(app) == before == documents(client(tmp_path, config))
    (tmp_path / "a.tif").write_bytes(web_mercator_tiff(width=800, height=300))
    after = documents(app)
    assert after == documents(client(tmp_path, config))
    changed = {url for (host, url), document in after.items() if document != before[host, url]}
    assert {"/layers", "/layers/a", "/layers/a/gdal.vrt", "/wmts/1.0.0/WMTSCapabilities.xml", "/collections"} <= changed
    config = "[server]\ntitle = 'Other'\n" + config.replace("'Another'", "'Again'\nterrain_nodata = 5")
    assembly.change(settings(tmp_path, config))
    assert documents(app) == documents(client(tmp_path, config))
