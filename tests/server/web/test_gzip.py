"""Documents go as gzip to clients that take it: a fraction of the bytes, and the same content."""

import gzip
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Final

import pytest
import requests
from flask.testing import FlaskClient

from server.web.packed import PackedDocuments
from tests.support.app import client, layer
from tests.support.gunicorn import Gunicorn
from tests.support.webmercator import web_mercator_tiff

NAMES: Final = tuple(f"layer{number}" for number in range(20))
LARGE: Final = (
    "/layers",
    "/layers/layer0",
    "/layers/layer0/tilejson.json",
    "/tms/1.0.0",
    "/tms/1.0.0/layer0",
    "/api",
    "/",
    "/conformance",
    "/collections",
    "/collections/layer0",
    "/collections/layer0/map/tiles/native",
    "/tileMatrixSets",
    "/tileMatrixSets/WebMercatorQuad",
)
SMALL: Final = ("/tms", "/layers/layer1/tilejson.json", "/layers/layer1/gdal.xml")
TAKES_GZIP: Final = {"Accept-Encoding": "gzip"}


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("layers") / "a.tif"
    path.write_bytes(web_mercator_tiff(width=400, height=300))
    long = f"attribution = '{'Somebody, and others; ' * 50}'"
    return "".join(layer(name, path, long if name == "layer0" else "") for name in NAMES)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, config: str) -> FlaskClient:
    return client(tmp_path_factory.mktemp("app"), config)


@pytest.fixture(scope="module")
def server(config: str) -> Iterator[Gunicorn]:
    with Gunicorn({"WEB_CONCURRENCY": "1"}, config) as running:
        yield running


@pytest.mark.parametrize("path", LARGE)
def test_a_document_is_packed_for_who_takes_gzip(path: str, app: FlaskClient) -> None:
    plain, packed = app.get(path), app.get(path, headers={"Accept-Encoding": "gzip, br"})
    assert gzip.decompress(packed.data) == plain.data
    assert len(packed.data) < len(plain.data) / 2
    assert (plain.headers.get("Content-Encoding"), packed.headers["Content-Encoding"]) == (None, "gzip")
    assert plain.headers["ETag"] != packed.headers["ETag"]
    for field in ("Content-Type", "Cache-Control", "Vary"):
        assert plain.headers[field] == packed.headers[field]
    assert "Accept-Encoding" in plain.vary
    assert app.head(path, headers=TAKES_GZIP).content_length == len(packed.data)


@pytest.mark.parametrize("path", LARGE)
def test_each_form_is_revalidated_as_what_it_is(path: str, app: FlaskClient) -> None:
    plain, packed = (
        {"If-None-Match": app.get(path, headers=accepted).headers["ETag"]} for accepted in ({}, TAKES_GZIP)
    )
    assert app.get(path, headers=plain).status_code == 304
    assert app.get(path, headers={**packed, **TAKES_GZIP}).status_code == 304
    assert app.get(path, headers=packed).status_code == 200
    assert app.get(path, headers={**plain, **TAKES_GZIP}).status_code == 200


@pytest.mark.parametrize("path", SMALL)
def test_what_is_small_already_is_left_as_it_is(path: str, app: FlaskClient) -> None:
    reply = app.get(path, headers=TAKES_GZIP)
    assert reply.status_code == 200
    assert "Content-Encoding" not in reply.headers


@pytest.mark.parametrize("path", ["/", "/layers", "/layers/layer0"])
def test_what_varies_by_the_media_type_still_does(path: str, app: FlaskClient) -> None:
    for headers in ({}, TAKES_GZIP, {"Accept": "application/json"}):
        assert {"Accept", "Accept-Encoding"} <= set(app.get(path, headers=headers).vary)


def test_clients_unpack_it_by_themselves(server: Gunicorn) -> None:
    reply = requests.get(f"{server.url}/layers", timeout=10)
    assert reply.headers["Content-Encoding"] == "gzip"
    assert [each["name"] for each in reply.json()["layers"]] == list(NAMES)


BOUND_BYTES = 1 << 20
BODY: Final = b"a document " * 1000


def test_a_document_is_written_once_for_each_key() -> None:
    packed, writes = PackedDocuments(BOUND_BYTES), Counter[str]()

    def written(name: str) -> bytes:
        writes[name] += 1
        return name.encode() * 1000

    for name in ("a", "b", "a", "b"):
        document = packed.of((name, 1), lambda name=name: written(name))  # type: ignore[misc]
        assert gzip.decompress(document.body) == name.encode() * 1000
    assert writes == {"a": 1, "b": 1}


@pytest.mark.parametrize("asks_again", [True, False])
def test_packed_documents_keep_within_their_bound(asks_again: bool) -> None:
    """The one asked for longest ago goes first."""
    packed, random = PackedDocuments(BOUND_BYTES), Random(1)
    first = packed.of(("first",), lambda: BODY)
    for number in range(6):
        packed.of((number,), lambda: random.randbytes(BOUND_BYTES // 4))
        if asks_again:
            assert packed.of(("first",), lambda: BODY) is first
    assert (packed.of(("first",), lambda: BODY) is first) is asks_again


def test_a_document_larger_than_the_bound_is_packed_and_costs_no_other() -> None:
    packed, large = PackedDocuments(BOUND_BYTES), Random(1).randbytes(BOUND_BYTES + 1)
    first = packed.of(("first",), lambda: BODY)
    assert gzip.decompress(packed.of(("large",), lambda: large).body) == large
    assert packed.of(("first",), lambda: BODY) is first


def test_a_long_document_is_written_once_for_all_clients_at_the_same_moment() -> None:
    packed, writes = PackedDocuments(BOUND_BYTES), Counter[str]()

    def pieces() -> Iterator[bytes]:
        writes["a"] += 1
        yield b"a long "
        yield b"document"

    with ThreadPoolExecutor(8) as threads:
        documents = list(threads.map(lambda _: packed.of_long(("a",), pieces), range(16)))
    assert {(gzip.decompress(document.body), document.size_bytes) for document in documents} == {
        (b"a long document", 15)
    }
    assert writes == {"a": 1}
