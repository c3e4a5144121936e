"""The scripts and styles of the pages: kept for a year under a URL that changes with them."""

import gzip
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from server.web.replies import LEAST_BYTES
from server.web.static import FOLDER, static_files
from tests.support.app import client, problem

NAMES = sorted(path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*") if path.is_file())


@pytest.fixture
def app(tmp_path: Path) -> FlaskClient:
    return client(tmp_path, "")


@pytest.mark.parametrize("name", NAMES)
def test_each_file_is_served_as_it_is_and_for_a_year(name: str, app: FlaskClient) -> None:
    url = f"/static/{static_files().digest}/{name}"
    plain, packed = app.get(url), app.get(url, headers={"Accept-Encoding": "gzip, br"})
    assert plain.data == (FOLDER / name).read_bytes()
    assert "Content-Encoding" not in plain.headers
    if len(plain.data) < LEAST_BYTES:
        assert (packed.data, packed.headers["ETag"]) == (plain.data, plain.headers["ETag"])
    else:
        assert gzip.decompress(packed.data) == plain.data
        assert packed.headers["Content-Encoding"] == "gzip"
        assert plain.headers["ETag"] != packed.headers["ETag"]
    for reply in (plain, packed):
        assert "immutable" in reply.headers["Cache-Control"]
        assert "Accept-Encoding" in reply.headers["Vary"]
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
    again = app.get(url, headers={"If-None-Match": plain.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_browsers_get_the_icon_for_documents_that_name_none(app: FlaskClient) -> None:
    reply = app.get("/favicon.ico")
    assert (reply.status_code, reply.content_type, reply.data) == (
        200,
        "image/svg+xml",
        (FOLDER / "icon.svg").read_bytes(),
    )
    assert reply.cache_control.max_age == 86400
    assert reply.cache_control.public


def test_under_the_url_of_another_release_it_is_not_kept(app: FlaskClient) -> None:
    reply = app.get("/static/0000/rawcog.css")
    assert (reply.status_code, reply.headers["Cache-Control"]) == (200, "no-cache")


@pytest.mark.parametrize("name", ["nothing.js", "../__init__.py", "%2e%2e/__init__.py", "openlayers/", "a" * 500])
def test_nothing_else_is_served(name: str, app: FlaskClient) -> None:
    problem(app.get(f"/static/{static_files().digest}/{name}"), 404)
