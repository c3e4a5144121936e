"""Layers side by side: lists of those whose origins are slow, and what those of the same file share."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cogread.deadline import Deadline
from cogread.sources import make_source
from server.cache.memory import MemoryCache
from server.cache.single_flight import SingleFlight
from server.layers.catalog import OPENERS, Catalog, Layer
from server.layers.layer_version import OpenLayer
from server.layers.open_layers import OpenLayers
from server.origin.cached_source import CachedSource
from server.resilience.list_places import ListPlaces
from tests.support.app import ROOT, layer, settings
from tests.support.faults import hang
from tests.support.origin import Connection, Origin, Reply, send

DATA = (ROOT / "data" / "world.tif").read_bytes()


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin() as origin:
        yield origin


def catalog(folder: Path, uris: list[str], revalidate_s: float = 60) -> Catalog:
    config = settings(folder, "".join(layer(f"l{number}", uri) for number, uri in enumerate(uris)))
    flight, kept = SingleFlight(MemoryCache(1 << 24)), OpenLayers(1 << 24)
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
    before = layers["l0"].open(Deadline.after(10))
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
