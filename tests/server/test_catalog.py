"""Layers side by side: lists of those whose origins are slow, and what those of the same file share."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cogread.sources import make_source
from server.cache.flight import Flight
from server.cache.memory import MemoryCache
from server.cached_source import CachedSource
from server.catalog import OPENERS, Catalog, Layer
from server.list_places import ListPlaces
from server.open_layer import OpenLayer
from server.open_layers import OpenLayers
from tests.support.app import ROOT, client, layer, problem, settings
from tests.support.faults import hang
from tests.support.origin import Connection, Origin, Reply, send

DATA = (ROOT / "data" / "world.tif").read_bytes()


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin() as origin:
        yield origin


def catalog(folder: Path, uris: list[str], revalidate_s: float = 60) -> Catalog:
    config = settings(folder, "".join(layer(f"l{number}", uri) for number, uri in enumerate(uris)))
    flight, kept = Flight(MemoryCache(1 << 24)), OpenLayers(1 << 24)
    return Catalog(
        {
            name: Layer(
                one,
                CachedSource(
                    make_source(one.uri, one.options), flight, key=name, revalidate_s=revalidate_s, cache_tiles=True
                ),
                kept,
            )
            for name, one in config.layers.items()
        },
        ListPlaces(config.threads),
    )


SIGNED = "access_key_id_env = 'K1'\nsecret_access_key_env = 'S1'\n"
IDENTITIES: dict[str, tuple[str, dict[str, str]]] = {
    "none": ("", {}),
    "keys": (SIGNED, {}),
    "other keys": (SIGNED.replace("1", "2"), {}),
    "keys and a token": (f"{SIGNED}session_token_env = 'T1'\n", {}),
    "unsigned": ("anonymous = true\n", {}),
    "a profile": ("profile = 'a'\n", {}),
    "a profile of the environment": ("", {"AWS_PROFILE": "b"}),
    "an endpoint": ("endpoint_url = 'http://a.example'\n", {}),
    "an endpoint of the environment": ("", {"AWS_ENDPOINT_URL": "http://b.example"}),
    "one of S3 alone": ("", {"AWS_ENDPOINT_URL": "http://b.example", "AWS_ENDPOINT_URL_S3": "http://c.example"}),
    "one as GDAL names it": ("", {"AWS_S3_ENDPOINT": "d.example"}),
}
"""[sources.a], and the environment."""


def test_who_asks_another_place_or_as_another_shares_nothing_that_is_cached(tmp_path: Path) -> None:
    secrets = {f"{kind}{number}": "the same" for kind in "KST" for number in (1, 2)}

    def keys(source: str, environment: dict[str, str]) -> set[str]:
        tables = f"[sources.a]\ntype = 's3'\n{source}" + layer("one", "s3://b/k", "source = 'a'")
        tables += layer("two", "s3://b/k", "source = 'a'")
        made = settings(tmp_path, tables, {**secrets, **environment})
        return {one.identity for one in made.layers.values()}

    found = [keys(*identity) for identity in IDENTITIES.values()]
    assert [len(pair) for pair in found] == [1] * len(IDENTITIES), "layers of the same origin and file share"
    assert len(set[str]().union(*found)) == len(IDENTITIES)


def test_a_layer_with_a_wrong_password_does_not_serve_what_another_has_read(origin: Origin, tmp_path: Path) -> None:
    def want_login(connection: Connection, reply: Reply) -> None:
        is_right = connection.headers["Authorization"] == "Bearer right"
        send(connection, reply if is_right else Reply(401, {"Content-Length": "0"}))

    origin.put("/a.tif", DATA)
    origin.fail("/a.tif", want_login, times=1000)
    tables = ""
    for name in ("right", "wrong"):
        tables += f"[sources.{name}]\ntype = 'http'\nbearer_token_env = '{name.upper()}'\n"
        tables += layer(name, f"{origin.url}/a.tif", f"source = '{name}'")
    app = client(tmp_path, tables, {"RIGHT": "right", "WRONG": "wrong"})
    for _ in range(2):
        assert app.get("/layers/right/tiles/native/0/0/0.jpg").status_code == 200
        problem(app.get("/layers/wrong/tiles/native/0/0/0.jpg"), 502)


def openers() -> int:
    return sum(thread.name.startswith("open_") for thread in threading.enumerate())


def test_lists_of_hanging_origins_take_no_more_threads_however_many_are_asked_for(
    origin: Origin, tmp_path: Path
) -> None:
    others = openers()
    uris = [f"{origin.url}/{number}.tif" for number in range(3 * OPENERS)]
    for number in range(len(uris)):
        origin.fail(f"/{number}.tif", hang, times=100)
    layers = catalog(tmp_path, uris)
    for _ in range(5):
        assert set(layers.open_all(0.01, 2).values()) == {None}
    assert openers() - others <= OPENERS


def test_a_layer_that_is_slow_to_answer_again_is_listed_as_it_was(origin: Origin, tmp_path: Path) -> None:
    origin.put("/a.tif", DATA)
    layers = catalog(tmp_path, [f"{origin.url}/a.tif"], revalidate_s=0)
    before = layers["l0"].open(time.monotonic() + 10)
    origin.fail("/a.tif", hang, times=10)
    assert layers.open_all(0.01, 2) == {"l0": before}
    assert isinstance(before, OpenLayer)


def test_lists_wait_once_for_an_origin_that_hangs(origin: Origin, tmp_path: Path) -> None:
    """Later ones go without its layer until it is open: had they waited, it would be open here, or known to fail."""
    released = threading.Event()

    def hold(connection: Connection, reply: Reply) -> None:
        released.wait(30)
        send(connection, reply)

    origin.put("/a.tif", DATA)
    origin.fail("/a.tif", hold, times=100)
    layers = catalog(tmp_path, [f"{origin.url}/a.tif"])
    assert layers.open_all(0.05, 12) == {"l0": None}
    assert layers.open_all(60, 12) == {"l0": None}
    released.set()
    while not isinstance(found := layers.open_all(60, 12)["l0"], OpenLayer):
        assert found is None
