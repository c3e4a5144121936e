"""A worker whose settings change while it serves: what stays in memory, what goes, and requests in between."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest
from flask.testing import FlaskClient

from server import Assembly
from tests.support.app import layer, problem, settings
from tests.support.origin import Connection, Origin, Reply, send
from tests.support.tiffs import gdal_tiff
from tests.support.wait import wait_until
from tests.support.webmercator import web_mercator_tiff

TILE = "/layers/{}/tiles/native/0/0/0.{}"
SECRET = "a-secret-of-the-tests"
OTHER_TILE = "/layers/{}/tiles/native/1/0/0.{}"


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin() as origin:
        origin.put("/a.tif", gdal_tiff("jpeg-ycbcr"))
        origin.put("/b.tif", gdal_tiff("jpeg-rgb"))
        yield origin


def tiles_and_lists(client: FlaskClient) -> list[bytes]:
    paths = [
        TILE.format("a", "jpg"),
        OTHER_TILE.format("a", "png"),
        "/layers",
        "/layers/a",
        "/wmts/1.0.0/WMTSCapabilities.xml",
    ]
    replies = [client.get(path) for path in paths for _ in range(3)]
    assert {reply.status_code for reply in replies} <= {200, 404}
    return [reply.data for reply in replies]


def test_a_layer_that_stays_the_same_is_not_read_again(origin: Origin, tmp_path: Path) -> None:
    same = layer("a", f"{origin.url}/a.tif")
    assembly = Assembly(settings(tmp_path, same + layer("b", f"{origin.url}/b.tif")))
    client = assembly.app.test_client()
    tile = client.get(TILE.format("a", "jpg"))
    tiles_and_lists(client)
    before = len(origin.requests)
    for title in "B", "C":
        changed = f"[server]\ntitle = 'new {title}'\n{same}" + layer("b", f"{origin.url}/b.tif", f"title = '{title}'")
        assembly.change(settings(tmp_path, changed))
        tiles_and_lists(client)
        again = client.get(TILE.format("a", "jpg"), headers={"If-None-Match": tile.headers["ETag"]})
        assert again.status_code == 304
        assert client.get("/layers/b").get_json()["title"] == title
        for path in ("/", "/layers/a", "/collections/a", "/conformance", "/api"):
            assert f"new {title}" in client.get(path, headers={"Accept": "text/html"}).text
    assert origin.ranges("/a.tif") == [request.range for request in origin.requests[:before] if "a.tif" in request.path]


def test_layers_come_go_and_change(origin: Origin, tmp_path: Path) -> None:
    """Not even hot tiles and open headers of a layer that goes or changes are served."""
    assembly = Assembly(settings(tmp_path, layer("a", f"{origin.url}/a.tif") + layer("b", f"{origin.url}/b.tif")))
    client = assembly.app.test_client()
    old = [client.get(TILE.format("a", "jpg")).data for _ in range(3)][-1]
    expected = client.get(TILE.format("b", "jpg")).data
    assert expected != old
    assembly.change(settings(tmp_path, layer("a", f"{origin.url}/b.tif") + layer("c", f"{origin.url}/a.tif")))
    assert client.get(TILE.format("a", "jpg")).data == expected
    assert client.get(TILE.format("c", "jpg")).data == old
    assert "no layer 'b'" in problem(client.get(TILE.format("b", "jpg")), 404)
    assert [row["name"] for row in client.get("/layers").get_json()["layers"]] == ["a", "c"]


def test_formats_follow_a_switch_of_the_same_file(origin: Origin, tmp_path: Path) -> None:
    """The file's version stays the same, so nothing but the layer itself tells its open header from the new one."""
    assembly = Assembly(settings(tmp_path, layer("a", f"{origin.url}/a.tif")))
    client = assembly.app.test_client()
    assert client.get(TILE.format("a", "jxl")).status_code == 404
    assembly.change(settings(tmp_path, layer("a", f"{origin.url}/a.tif", "jxl = true")))
    assert client.get(TILE.format("a", "jxl")).status_code == 200


def test_a_request_in_flight_ends_with_the_settings_that_it_began_with(origin: Origin, tmp_path: Path) -> None:
    asked, may_answer = Event(), Event()

    def hold(connection: Connection, reply: Reply) -> None:
        asked.set()
        may_answer.wait(60)
        send(connection, reply)

    old, new = layer("a", f"{origin.url}/a.tif"), layer("a", f"{origin.url}/b.tif")
    expected = {
        uri: Assembly(settings(tmp_path, uri)).app.test_client().get(TILE.format("a", "jpg")).data for uri in (old, new)
    }
    assembly = Assembly(settings(tmp_path, old))
    origin.fail("/a.tif", hold)
    with ThreadPoolExecutor(1) as clients:
        reply = clients.submit(lambda: assembly.app.test_client().get(TILE.format("a", "jpg")))
        wait_until(asked.is_set)
        assembly.change(settings(tmp_path, new))
        assert assembly.app.test_client().get(TILE.format("a", "jpg")).data == expected[new]
        may_answer.set()
        assert reply.result().data == expected[old]
    replies = [assembly.app.test_client().get(TILE.format("a", "jpg")).data for _ in range(3)]
    assert set(replies) == {expected[new]}


DOCUMENTS = (
    *("/", "/layers", "/layers/{name}", "/layers/{name}/gdal.vrt", "/layers/{name}/gdal.xml"),
    *("/layers/{name}/tilejson.json", "/wmts/1.0.0/WMTSCapabilities.xml", "/tms/1.0.0", "/tms/1.0.0/{name}"),
    *("/collections", "/collections/{name}", "/collections/{name}/map/tiles", "/collections/{name}/map/tiles/native"),
    *("/tileMatrixSets", "/tileMatrixSets/native.{name}", "/api", "/health/ready", "/layers/c", "/layers/c:a"),
)


def documents(client: FlaskClient) -> dict[tuple[str, str], object]:
    """All documents and pages, without what differs between two servers of the same settings."""
    replies = {
        (path, accept): client.get(path, headers={"Accept": accept, "Authorization": f"Bearer {SECRET}"})
        for template in DOCUMENTS
        for path in {template.format(name=name) for name in ("a", "b", "web")}
        for accept in ("application/json", "text/html")
    }
    time = re.compile(r'updateSequence="[^"]*"')
    return {key: (reply.status_code, time.sub("", reply.text)) for key, reply in replies.items()}


def test_every_document_is_that_of_a_server_that_was_started_with_the_settings(origin: Origin, tmp_path: Path) -> None:
    """Documents are cached by what they depend on, titles and the public URL of the server included."""
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.tif").write_bytes(gdal_tiff("jpeg-ycbcr"))
    (tmp_path / "web.tif").write_bytes(web_mercator_tiff())
    same = layer("a", f"{origin.url}/a.tif") + layer("web", tmp_path / "web.tif")
    files = f"[collections.c]\nfolder = '{folder}'\n"
    texts = [
        same + layer("b", f"{origin.url}/b.tif"),
        "[server]\ntitle = 'new'\n" + same + layer("b", f"{origin.url}/b.tif", "title = 'B'\nattribution = 'C'"),
        "[server]\npublic_url = 'https://example.com/x/'\n"
        + "[tokens.t]\nenv = 'TOKEN'\nlayers = ['*']\n"
        + (same + layer("b", f"{origin.url}/b.tif", "access = 'token'") + files),
        "[defaults]\nversioned_urls = false\nmax_age_s = 5\n" + same + files + "title = 'D'",
        layer("web", tmp_path / "web.tif"),
    ]
    every = [settings(tmp_path, text, {"TOKEN": SECRET}) for text in texts]
    fresh = [documents(Assembly(each).app.test_client()) for each in every]
    assembly = Assembly(every[0])
    for number in (1, 2, 3, 4, 0):
        assembly.change(every[number])
        assert documents(assembly.app.test_client()) == fresh[number]
