"""Signed tiles behind `config/nginx.conf`: cached once for all signatures, and for none else."""

import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
import requests

from server.access.signature import signature_of, signed_query
from tests.support.app import ROOT, layer
from tests.support.gunicorn import Gunicorn, wait_for
from tests.support.nginx import Nginx

KEYS: Final = "a" * 32, "b" * 32
SECRET: Final = "token-" + "t" * 32
ENVIRONMENT: Final = {"RAWCOG_SIGNING_KEYS": ",".join(KEYS), "TOKEN": SECRET, "WEB_CONCURRENCY": "1"}
CONFIG: Final = "[tokens.team]\nenv = 'TOKEN'\nlayers = ['*']\n" + "".join(
    layer(name, ROOT / "data" / "valley.tif", f"access = '{access}'")
    for name, access in {"open": "public", "one": "signed", "two": "signed"}.items()
)
PLACES: Final = [f"{z}/{x}/{y}" for z, side in ((0, 1), (1, 1), (2, 2)) for x in range(side) for y in range(side)]

KVP: Final = "/wmts?service=WMTS&request=GetTile&version=1.0.0&layer=one&style=default&format=image/webp"


@pytest.fixture(scope="module")
def server() -> Iterator[Gunicorn]:
    with Gunicorn(ENVIRONMENT, CONFIG) as running:
        yield running


@pytest.fixture
def nginx(server: Gunicorn) -> Iterator[Nginx]:
    with Nginx(server.port) as running:
        yield running


def query(name: str, key: str = KEYS[0], lifetime_s: int = 3600) -> str:
    return signed_query(key.encode(), name, lifetime_s)


def paths(name: str) -> list[str]:
    return [f"/layers/{name}/tiles/native/{place}.webp" for place in PLACES]


def seen(nginx: Nginx, url: str, **headers: str) -> tuple[int, str | None]:
    """Status, and whether the cache had the reply."""
    reply = requests.get(nginx.url + url, headers=headers, timeout=30)
    return reply.status_code, reply.headers.get("X-Cache")


def test_signed_tiles_are_hit_as_often_as_public_ones(nginx: Nginx, server: Gunicorn) -> None:
    """By callers with different signatures, whose URLs differ in nothing else."""
    queries = [query("one", key, lifetime_s) for key in KEYS for lifetime_s in (600, 3600, 86_400)]
    replies = {
        "open": [seen(nginx, path) for _ in queries for path in paths("open")],
        "one": [seen(nginx, f"{path}?{each}") for each in queries for path in paths("one")],
    }
    hits = {name: [cache for _, cache in each].count("HIT") for name, each in replies.items()}
    assert {status for each in replies.values() for status, _ in each} == {200}
    assert hits["one"] == hits["open"] == len(PLACES) * (len(queries) - 1)
    wait_for(lambda: "layer=one tile=2/1/1" in server.log() or "layer=one" in server.log(), "the log")
    assert server.log().count("path=/access/layers/one") <= len(queries)


def test_no_caller_gets_a_cached_tile_without_the_right_to_it(nginx: Nginx) -> None:
    [path, *_], [other, *_], right = paths("one"), paths("two"), query("one")
    for url in (f"{path}?{right}", f"{path}?{right}", f"{other}?{query('two')}"):
        assert seen(nginx, url)[0] == 200
    expires, signature = (pair.split("=")[1] for pair in right.split("&"))
    past = f"expires=1700000000&signature={signature_of(KEYS[0].encode(), 'one', '1700000000')}"
    wrong = [
        *(f"{path}?{each}" for each in (past, right[:-1], right.upper(), f"{right}&signature={signature}")),
        *(f"{path}?expires={expires}9&signature={signature}", f"{path}?a=b&signature=&expires="),
        f"{path}?signature={signature}",
        f"{path}?token={SECRET}x&{past}",
        f"{other}?{right}",
        f"/layers/two/../one/tiles/native/0/0/0.webp?{query('two')}",
        f"/layers/two/tiles/../../one/tiles/native/0/0/0.webp?{query('two')}",
        f"/layers/two/tiles/%2e%2e/%2e%2e/one/tiles/native/0/0/0.webp?{query('two')}",
        f"/layers/two%2f..%2fone/tiles/native/0/0/0.webp?{query('two')}",
        f"//layers/one/tiles/native/0/0/0.webp?{query('two')}",
        f"/layers/one/tiles/native/0/0/0.webp%3F?{query('two')}",
    ]
    session = requests.Session()
    for url in [path, f"{path}?", f"{path}?expires={expires}", f"{path}?Signature={signature}", *wrong, *wrong]:
        request = requests.Request("GET", nginx.url).prepare()
        request.url = nginx.url + url  # as it is, with its dots
        reply = session.send(request, timeout=30)
        assert reply.status_code in (400, 401, 403, 404), url
        assert reply.headers.get("X-Cache") != "HIT", url
        assert not reply.content.startswith(b"RIFF"), url
    assert seen(nginx, f"{path}?{right}") == (200, "HIT")


@pytest.mark.parametrize("size", [4074, 4075, 4081, 4082, 5000, 9000])
def test_a_url_that_is_too_long_is_refused_as_such(size: int, nginx: Nginx) -> None:
    """The one that nginx makes of it, to ask for the right, is longer."""
    url = f"{paths('one')[0]}?{query('one')}&a="
    assert seen(nginx, url.ljust(size, "a"))[0] == (200 if size == 4074 else 414)


def test_a_reply_by_token_is_not_cached(nginx: Nginx) -> None:
    [path, *_], bearer = paths("one"), {"Authorization": f"Bearer {SECRET}"}
    for _ in range(2):
        assert seen(nginx, path, **bearer) == (200, "MISS")
        assert seen(nginx, f"{path}?token={SECRET}") == (200, "MISS")
        assert seen(nginx, path)[0] == 401
    assert seen(nginx, paths("open")[0], **bearer) == (200, "MISS")
    assert seen(nginx, f"{paths('open')[0]}?token={SECRET}") == (200, "HIT")


def test_documents_with_a_signature_are_not_cached(nginx: Nginx) -> None:
    for each in (query("one"), query("one", KEYS[1])):
        reply = requests.get(f"{nginx.url}/layers/one/gdal.vrt?{each}", timeout=30)
        assert reply.status_code == 200
        assert each.replace("&", "&amp;amp;") in reply.text or each.replace("&", "&amp;") in reply.text
        assert reply.headers["X-Cache"] == "MISS"


def test_no_secret_is_in_the_files_and_the_log(nginx: Nginx, server: Gunicorn) -> None:
    """Signatures are in the cache's answers of /access for a minute; tokens are nowhere."""
    for url in (paths("open")[0], paths("one")[0]):
        _ = seen(nginx, f"{url}?token={SECRET}")
        _ = seen(nginx, url, Authorization=f"Bearer {SECRET}")
        _ = seen(nginx, f"{url}?{query('one')}&token={SECRET}", Authorization=f"Bearer {SECRET}")
    for site in (server, nginx):
        _ = requests.get(f"{site.url}{KVP}&{query('one')}&token={SECRET}", timeout=30)
    malformed = (f"GET /layers?token={SECRET}", f"GET / HTTP/1.1\r\nHost: a\r\nAuthorization Bearer {SECRET}")
    for head in malformed:
        with socket.create_connection(("127.0.0.1", server.port), 30) as sender:
            sender.sendall(f"{head}\r\n\r\n".encode())
            assert sender.recv(100).startswith(b"HTTP/1.1 400 ")
    wait_for(lambda: "path=/wmts" in server.log() and "'Authorization'" in server.log(), "the log")
    assert SECRET not in server.log() + nginx.log()
    assert "signature=" not in server.log() + nginx.log()
    files = [path for path in Path(nginx.folder).rglob("*") if path.is_file()]
    assert not [path for path in files if SECRET.encode() in path.read_bytes()]


def test_a_url_of_no_layer_gets_its_own_error(nginx: Nginx, server: Gunicorn) -> None:
    """The right to it is asked for too, and is no error of nginx."""
    many = "&".join(f"{number}=" for number in range(101))
    for url, status in (
        ("/layers/one%0A/cog.tif?signature=a", 404),
        (f"/layers/one/cog.tif%0A?{query('one')}", 404),
        (f"/wmts?{many}&signature=a", 400),
    ):
        assert seen(nginx, url)[0] == status, url
    assert requests.get(f"{server.url}/access/layers/one/%0A?signature=a", timeout=30).status_code == 403


@pytest.mark.parametrize(
    "head",
    [
        f"GET /layers/one/cog.tif%3Ftoken={SECRET} HTTP/1.1",
        f"GET /layers/one/tiles/native/0/0/0.webp&token={SECRET} HTTP/1.1",
        f"GET /layers/open/tiles/native/0/0/0.webp&Token={SECRET} HTTP/1.1",
        f"GET {KVP}&%74oken={SECRET} HTTP/1.1",
        f"GET {KVP};token={SECRET} HTTP/1.1",
        f"GET {KVP}&x=?signature%3D{SECRET} HTTP/1.1",
        f"GET /layers/a layer?token={SECRET} HTTP/1.1",
        f"GET layers/one?token={SECRET} HTTP/1.1",
    ],
)
def test_no_secret_is_in_the_log_wherever_a_client_has_put_it(head: str, server: Gunicorn) -> None:
    before = len(server.log())
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(f"{head}\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        assert connection.recv(4096).startswith(b"HTTP/1.1 4")
    wait_for(lambda: re.search("request.*\n", server.log()[before:]), "the line in the log")
    assert SECRET not in server.log()
