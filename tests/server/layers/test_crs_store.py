"""CRSs that PROJ works out once for the fleet: workers of their own over one Redis, and PROJ's work counted."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Barrier, BrokenBarrierError
from typing import Any, Final

import pytest
from flask.testing import FlaskClient

from cogread.crs.crs import Crs
from cogread.crs.geokeys import GeoKey as Key
from cogread.crs.geokeys import GeoKeys
from cogread.crs.lookup import ProjResolver, crs_of
from cogread.refusal import Refusal
from server.cache.memory import MemoryCache
from server.cache.protocol import NO_LOCKS
from server.cache.single_flight import SingleFlight
from server.layers import openers
from server.layers.crs_store import CrsStore
from server.layers.tile_matrix_sets import web_mercator_set
from tests.support.app import client, layer
from tests.support.cogs import cog_of
from tests.support.geotiffs import with_keys
from tests.support.redis import RedisServer

COUNT: Final = 5
LISTS: Final = ("/layers", "/wmts/1.0.0/WMTSCapabilities.xml", "/collections", "/tileMatrixSets")
DOCUMENTS: Final = ("/layers/{}", "/layers/{}/gdal.vrt", "/collections/{}", "/tileMatrixSets/native.{}")


def grid(number: int) -> bytes:
    """A file in a transverse Mercator of its own, which no code names."""
    return with_keys(
        {
            Key.MODEL_TYPE: 1,
            Key.CITATION: f"Grid {number}",
            Key.GEODETIC_CRS: 4326,
            Key.PROJECTED_CRS: 32767,
            Key.PROJECTION: 32767,
            Key.PROJECTION_METHOD: 1,
            Key.LINEAR_UNITS: 9001,
            Key.NATURAL_ORIGIN_LONGITUDE: 9.0,
            Key.NATURAL_ORIGIN_LATITUDE: 0.0,
            Key.FALSE_EASTING: 500000.0 + number,
            Key.FALSE_NORTHING: 0.0,
            Key.SCALE_AT_NATURAL_ORIGIN: 0.9996,
        }
    )


@pytest.fixture(scope="module")
def running_redis() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Calls of PROJ by kind, without the one for web mercator, which each process asks for once."""
    web_mercator_set(0)
    counts: Counter[str] = Counter()

    def counted(name: str) -> None:
        original: Callable[..., Any] = getattr(ProjResolver, name)

        def call(self: ProjResolver, *args: Any) -> Any:
            counts[name] += 1
            return original(self, *args)

        monkeypatch.setattr(ProjResolver, name, call)

    for name in ("resolve", "wgs84_bounds"):
        counted(name)
    return counts


def worker(folder: Path, redis: RedisServer) -> FlaskClient:
    tables = "".join(layer(f"l{number}", f"{number}.tif") for number in range(COUNT)) + layer("none", "none.tif")
    return client(folder, tables, {"REDIS_URL": f"{redis.url}?socket_timeout=10"})


def documents(app: FlaskClient) -> dict[str, bytes]:
    paths = [*LISTS, *(path.format(f"l{number}") for number in range(COUNT) for path in DOCUMENTS), "/layers/none"]
    replies = {path: app.get(path) for path in paths}
    assert {reply.status_code for reply in replies.values()} == {200}
    return {path: reply.data for path, reply in replies.items()}


def test_a_new_worker_has_the_crss_of_the_fleet_without_proj(
    running_redis: RedisServer, tmp_path: Path, calls: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openers, "PATIENCE_S", 60.0)  # a busy machine would list layers as not opened yet
    running_redis.flushall()
    for number in range(COUNT):
        (tmp_path / f"{number}.tif").write_bytes(grid(number))
    (tmp_path / "none.tif").write_bytes(with_keys({Key.MODEL_TYPE: 1, Key.PROJECTED_CRS: 1100}))
    first = documents(worker(tmp_path, running_redis))
    assert calls == {"resolve": COUNT + 1, "wgs84_bounds": COUNT}
    calls.clear()
    assert documents(worker(tmp_path, running_redis)) == first
    assert not calls


@pytest.fixture
def flight() -> SingleFlight:
    return SingleFlight(MemoryCache(1 << 20))


@pytest.mark.parametrize("data", [grid(1), with_keys({Key.MODEL_TYPE: 1, Key.PROJECTED_CRS: 1100})])
def test_a_stored_crs_is_what_proj_says(data: bytes, flight: SingleFlight) -> None:
    geo = cog_of(data).geo
    wanted, stored = ProjResolver().resolve(geo.keys), [CrsStore(flight, ProjResolver()).resolve(geo.keys)] * 2
    assert stored == [wanted] * 2
    assert isinstance(wanted, Refusal) or wanted == crs_of(geo)


class Remembering(MemoryCache):
    """Remembers the keys of its values."""

    def __init__(self, bound_bytes: int) -> None:
        super().__init__(bound_bytes)
        self.keys: list[str] = []

    def put(self, items: Mapping[str, bytes], ttl_s: float, tokens: Mapping[str, str] = NO_LOCKS) -> None:
        self.keys = list(dict.fromkeys([*self.keys, *items]))
        super().put(items, ttl_s, tokens)


@pytest.mark.parametrize("damage", [b"", b"null", b"{}", b'{"crs": {"name": 1}, "refusal": null}', b"\xff"])
def test_a_damaged_value_is_worked_out_anew(damage: bytes, calls: Counter[str]) -> None:
    geo, local = cog_of(grid(1)).geo, Remembering(1 << 20)
    store = CrsStore(SingleFlight(local), ProjResolver())
    crs = store.resolve(geo.keys)
    assert isinstance(crs, Crs)
    assert geo.bounds is not None
    bounds = store.wgs84_bounds(crs, geo.bounds)
    for key in local.keys:
        local.put({key: damage}, 60)
    assert store.resolve(geo.keys) == crs
    assert store.wgs84_bounds(crs, geo.bounds) == bounds
    assert calls == {"resolve": 2, "wgs84_bounds": 2}


class Turns(ProjResolver):
    """Tells if a second thread is in PROJ while the first is."""

    def __init__(self) -> None:
        self.together = Barrier(2)
        self.is_shared = False

    def resolve(self, keys: GeoKeys) -> Crs | Refusal:
        with suppress(BrokenBarrierError):
            self.together.wait(0.2)
            self.is_shared = True
        return Refusal("it is a test")


def test_one_thread_at_a_time_is_in_proj(flight: SingleFlight) -> None:
    """Many would hold up tiles: PROJ keeps the interpreter's lock."""
    proj = Turns()
    store = CrsStore(flight, proj)
    keys = [cog_of(grid(number)).geo.keys for number in range(3)]
    with ThreadPoolExecutor(3) as threads:
        assert set(threads.map(store.resolve, keys)) == {Refusal("it is a test")}
    assert not proj.is_shared
