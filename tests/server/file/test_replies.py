"""`cog.tif` is the file, byte for byte, whatever part a client asks for and wherever the file is."""

import random
from collections.abc import Iterator
from email import message_from_bytes
from hashlib import sha256
from pathlib import Path
from typing import Final

import pytest
from flask.testing import FlaskClient

from tests.support.app import client, layer, problem
from tests.support.origin import Origin
from tests.support.s3 import KEYS, running_store, source_table
from tests.support.tiffs import gdal_tiff

URL: Final = "/layers/a/cog.tif"
FILE: Final = gdal_tiff("jpeg-ycbcr") + random.Random(1).randbytes(3_000_000)
"""A COG with more behind it than a reply holds in one piece."""


@pytest.fixture(scope="module", params=["local", "http", "s3"])
def app(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    folder = tmp_path_factory.mktemp("app")
    with Origin() as origin, running_store() as store:
        (folder / "a.tif").write_bytes(FILE)
        origin.put("/a.tif", FILE)
        uris = {"local": "a.tif", "http": f"{origin.url}/a.tif", "s3": store.put("a.tif", FILE)}
        source = "source = 'store'" if request.param == "s3" else ""
        config = source_table(store.endpoint_url) + layer("a", uris[request.param], source)
        yield client(folder, config, KEYS)


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    folder = tmp_path_factory.mktemp("local")
    (folder / "a.tif").write_bytes(FILE)
    return client(folder, layer("a", "a.tif"))


def test_the_whole_is_the_file(app: FlaskClient) -> None:
    reply = app.get(URL)
    assert (reply.status_code, sha256(reply.data).hexdigest()) == (200, sha256(FILE).hexdigest())
    assert reply.content_type == "image/tiff; application=geotiff; profile=cloud-optimized"
    assert (reply.content_length, reply.headers["Accept-Ranges"]) == (len(FILE), "bytes")
    head = app.head(URL)
    assert (head.status_code, head.data, dict(head.headers)) == (200, b"", dict(reply.headers))


def test_random_ranges_are_those_of_the_file(app: FlaskClient) -> None:
    source = random.Random(7)
    for _ in range(1000):
        start = source.randrange(len(FILE))
        stop = min(len(FILE), start + source.choice([1, 300, 16_384, 65_536, 200_000, 1_500_000]))
        reply = app.get(URL, headers={"Range": f"bytes={start}-{stop - 1}"})
        assert (reply.status_code, sha256(reply.data).digest()) == (206, sha256(FILE[start:stop]).digest())
        assert reply.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{len(FILE)}"
        assert reply.content_length == stop - start


@pytest.mark.parametrize("ranges", ["0-9,50000-50099,-7", "100-1900000, 5-9 ,2000000-"])
def test_several_ranges_are_one_multipart_reply(ranges: str, app: FlaskClient) -> None:
    reply = app.get(URL, headers={"Range": f"bytes={ranges}"})
    assert reply.status_code == 206
    assert reply.content_length == len(reply.data)
    message = message_from_bytes(b"Content-Type: " + reply.content_type.encode() + b"\r\n\r\n" + reply.data)
    parts = [part for part in message.walk() if not part.is_multipart()]
    assert len(parts) == 3
    for part in parts:
        assert part.get_content_type() == "image/tiff"
        first, _, last = part["Content-Range"].removeprefix("bytes ").removesuffix(f"/{len(FILE)}").partition("-")
        assert part.get_payload(decode=True) == FILE[int(first) : int(last) + 1]


def test_what_cannot_be_satisfied_is_refused_or_left_out(local: FlaskClient) -> None:
    behind = f"bytes={len(FILE)}-"
    for wanted in (
        behind,
        "bytes=18446744073709551615-",
        "bytes=-0",
        f"{behind},{len(FILE) + 1}-",
        "bytes=" + ",".join(["0-0"] * 33),
    ):
        reply = local.get(URL, headers={"Range": wanted})
        _ = problem(reply, 416)
        assert reply.headers["Content-Range"] == f"bytes */{len(FILE)}"
    one = local.get(URL, headers={"Range": f"bytes=2-3,{len(FILE)}-"})
    assert (one.status_code, one.data, one.headers["Content-Range"]) == (206, FILE[2:4], f"bytes 2-3/{len(FILE)}")
    for wanted in ("bytes=0-,0-", "bytes=9-0", "bytes=0-9,x", "rows=0-9", ""):
        assert local.get(URL, headers={"Range": wanted}).data == FILE


def test_conditions(local: FlaskClient) -> None:
    fields = local.head(URL).headers
    etag, date, later = fields["ETag"], fields["Last-Modified"], "Fri, 01 Jan 2100 00:00:00 GMT"
    earlier = "Sat, 01 Jan 2000 00:00:00 GMT"
    rows: list[tuple[dict[str, str], int]] = [
        ({"If-None-Match": etag}, 304),
        ({"If-None-Match": f'"x", W/{etag}'}, 304),
        ({"If-None-Match": '"x"', "If-Modified-Since": date}, 206),
        ({"If-Modified-Since": date}, 304),
        ({"If-Modified-Since": later}, 206),
        ({"If-Modified-Since": "yesterday"}, 206),
        ({"If-Modified-Since": f"Sun, 06 Nov {'9' * 30} 08:49:37 GMT"}, 206),
        ({"If-Match": etag}, 206),
        ({"If-Match": f'"x", {etag}'}, 206),
        ({"If-Match": "*"}, 206),
        ({"If-Match": f"W/{etag}"}, 412),
        ({"If-Match": '"x"', "If-None-Match": etag}, 412),
        ({"If-Match": etag, "If-Unmodified-Since": earlier}, 206),
        ({"If-Unmodified-Since": earlier}, 412),
        ({"If-Unmodified-Since": later}, 206),
        ({"If-Range": etag}, 206),
        ({"If-Range": f"W/{etag}"}, 200),
        ({"If-Range": '"x"'}, 200),
        ({"If-Range": date}, 200),
    ]
    for conditions, status in rows:
        reply = local.get(URL, headers={"Range": "bytes=5-9", **conditions})
        assert reply.status_code == status, conditions
        if status == 412:
            _ = problem(reply, 412)
        else:
            assert reply.headers["ETag"] == etag
            assert reply.data == {200: FILE, 206: FILE[5:10], 304: b""}[status]


def test_a_version_in_the_url_is_immutable_and_an_old_one_leads_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(FILE)
    app = client(tmp_path, layer("a", "a.tif"))
    version = app.get("/layers/a").get_json()["version"]
    url = f"/layers/a@{version}/cog.tif"
    reply = app.get(url, headers={"Range": "bytes=0-9"})
    assert (reply.status_code, reply.data, reply.headers["ETag"]) == (206, FILE[:10], f'"{version}"')
    assert reply.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    (tmp_path / "a.tif").write_bytes(FILE[:-1])
    old = app.get(url, headers={"Range": "bytes=0-9"})
    assert (old.status_code, old.headers["Location"]) == (302, URL)
    assert old.headers["Cache-Control"] == "no-store"


def test_browsers_of_other_origins_may_ask_for_ranges_and_read_their_headers(local: FlaskClient) -> None:
    reply = local.get(URL, headers={"Range": "bytes=0-9", "Origin": "https://example.com"})
    assert reply.headers["Access-Control-Allow-Origin"] == "*"
    exposed = reply.headers["Access-Control-Expose-Headers"].split(", ")
    assert {"ETag", "Content-Length", "Content-Range", "Accept-Ranges"} <= set(exposed)
    asked = {"Origin": "https://example.com", "Access-Control-Request-Method": "GET"}
    allowed = local.options(URL, headers=asked).headers["Access-Control-Allow-Headers"]
    assert {"Range", "If-Range"} <= set(allowed.split(", "))


def test_what_lies_beside_the_file_is_not_there_and_costs_no_read(tmp_path: Path) -> None:
    with Origin() as origin:
        origin.put("/a.tif", FILE)
        app = client(tmp_path, layer("a", f"{origin.url}/a.tif"))
        for name in ("cog.tif.ovr", "cog.tif.msk", "cog.tif.aux.xml", "cog.tfw", "cog.tif/", "cog.TIF"):
            _ = problem(app.get(f"/layers/a/{name}"), 404)
        assert origin.requests == []


def test_a_layer_may_keep_its_file_to_itself(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(FILE)
    app = client(tmp_path, "[defaults]\nfile = false\n" + layer("a", "a.tif") + layer("b", "a.tif", "file = true"))
    assert "does not serve the file itself" in problem(app.get(URL), 404)
    assert app.get("/layers/b/cog.tif").data == FILE
