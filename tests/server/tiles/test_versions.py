"""URLs that name a version: what they give never changes, and an old one leads to the layer as it is now."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from flask.testing import FlaskClient

from tests.support.app import client, layer, problem
from tests.support.gunicorn import Gunicorn
from tests.support.handmade import image, tiff
from tests.support.origin import Origin
from tests.support.tiffs import gdal_tiff

IMMUTABLE = "public, max-age=31536000, immutable"
REST = "/tiles/native/0/0/0.jpg"


@pytest.fixture
def app(tmp_path: Path) -> FlaskClient:
    (tmp_path / "a.tif").write_bytes(gdal_tiff("jpeg-ycbcr"))
    (tmp_path / "plain.tif").write_bytes(gdal_tiff("jpeg-ycbcr"))
    return client(tmp_path, layer("a", "a.tif") + layer("plain", "plain.tif", "versioned_urls = false"))


def version_of(app: FlaskClient) -> str:
    version: str = app.get("/layers/a").get_json()["version"]
    return version


def test_a_url_with_the_current_version_is_immutable(app: FlaskClient) -> None:
    root = f"/layers/a@{version_of(app)}"
    plain, versioned = app.get(f"/layers/a{REST}"), app.get(root + REST)
    assert (versioned.status_code, versioned.data) == (200, plain.data)
    assert versioned.headers["Cache-Control"] == IMMUTABLE
    assert plain.headers["Cache-Control"] == "public, max-age=3600"
    not_modified = app.get(root + REST, headers={"If-None-Match": versioned.headers["ETag"]})
    assert (not_modified.status_code, not_modified.headers["Cache-Control"]) == (304, IMMUTABLE)
    described = app.get(root)
    assert described.get_json() == app.get("/layers/a").get_json()
    assert described.headers["Cache-Control"] == IMMUTABLE


@pytest.mark.parametrize("version", ["0" * 16, "1", "old-one"])
@pytest.mark.parametrize("rest", [REST, "", f"{REST}?band=1&x=%0d%0aX:1"])
def test_an_unknown_version_leads_to_the_plain_url(app: FlaskClient, version: str, rest: str) -> None:
    reply = app.get(f"/layers/a@{version}{rest}")
    assert (reply.status_code, reply.headers["Cache-Control"]) == (302, "no-store")
    assert reply.headers["Location"] == f"/layers/a{rest if rest else ''}".partition("?")[0] + (
        f"?{rest.partition('?')[2]}" if "?" in rest else ""
    )
    assert app.get(reply.headers["Location"]).status_code == 200


def test_an_old_version_leads_to_the_plain_url_once_the_file_is_replaced(app: FlaskClient, tmp_path: Path) -> None:
    old = f"/layers/a@{version_of(app)}{REST}"
    assert app.get(old).status_code == 200
    (tmp_path / "new").write_bytes(gdal_tiff("jpeg-rgb"))
    os.replace(tmp_path / "new", tmp_path / "a.tif")
    assert app.get(old).headers["Location"] == f"/layers/a{REST}"
    assert app.get(f"/layers/a@{version_of(app)}{REST}").status_code == 200


def test_the_plain_url_is_below_the_public_one(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(gdal_tiff("jpeg-ycbcr"))
    app = client(tmp_path, "[server]\npublic_url = 'https://tiles.example/maps/'\n" + layer("a", "a.tif"))
    assert app.get(f"/layers/a@0{REST}").headers["Location"] == f"https://tiles.example/maps/layers/a{REST}"


def test_errors_of_a_version_are_not_kept(app: FlaskClient) -> None:
    problem(app.get(f"/layers/a@{version_of(app)}/tiles/native/99/0/0.jpg"), 404)
    problem(app.get(f"/layers/nothing@1{REST}"), 404)


def test_documents_point_to_versions_unless_configured_otherwise(app: FlaskClient) -> None:
    def tiles(name: str) -> str:
        links = app.get(f"/layers/{name}").get_json()["links"]
        return str(next(link["href"] for link in links if link["rel"] == "tiles"))

    assert tiles("a") == f"/layers/a@{version_of(app)}/tiles/native/{{z}}/{{x}}/{{y}}"
    assert tiles("plain") == "/layers/plain/tiles/native/{z}/{x}/{y}"


def numbered(number: int) -> bytes:
    """A file of one uncompressed tile that holds nothing but its number, and of a length of its own."""
    return tiff(image(16, 16, (16, 16), tiles=[bytes([number]) * 256])) + b"\0" * number


@pytest.mark.parametrize("kind", ["file", "http"])
def test_a_file_that_is_replaced_200_times_under_load_is_never_mixed(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    with Origin() as origin:

        def put(number: int) -> None:
            if kind == "http":
                origin.put("/a.tif", numbered(number))
            else:
                (tmp_path / "new").write_bytes(numbered(number))
                os.replace(tmp_path / "new", path)

        put(0)
        uri = path if kind == "file" else f"{origin.url}/a.tif"
        config = "[server]\nrevalidate_s = 0.02\n" + layer("a", uri)
        with Gunicorn({"WEB_CONCURRENCY": "3"}, config) as server:
            seen = read_while(200, put, f"{server.url}/layers/a/tiles/native/0/0/0.bin")
    faults = {
        (status, etag) for status, etag, body in seen if status == 200 and (len(body) != 256 or len(set(body)) > 1)
    }
    assert not faults
    by_etag: dict[str, set[bytes]] = {}
    for status, etag, body in seen:
        if status == 200:
            by_etag.setdefault(etag, set()).add(body)
    assert [etag for etag, bodies in by_etag.items() if len(bodies) > 1] == []
    assert {status for status, _, _ in seen} <= {200, 503}
    assert len(by_etag) > 20


def read_while(count: int, put: Callable[[int], None], url: str) -> list[tuple[int, str, bytes]]:
    """Replace the file `count` times, each after some replies, while 8 clients ask for its tile."""
    seen: list[tuple[int, str, bytes]] = []
    done = threading.Event()

    def ask() -> None:
        with requests.Session() as session:
            while not done.is_set():
                reply = session.get(url, timeout=30)
                seen.append((reply.status_code, reply.headers.get("ETag", ""), reply.content))

    clients = [threading.Thread(target=ask) for _ in range(8)]
    for thread in clients:
        thread.start()
    try:
        for number in range(1, count + 1):
            before = len(seen)
            put(number)
            while len(seen) < before + 2 and any(thread.is_alive() for thread in clients):
                done.wait(0.001)
    finally:
        done.set()
        for thread in clients:
            thread.join(60)
    return seen
