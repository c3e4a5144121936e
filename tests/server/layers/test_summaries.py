"""Lists of layers: of more than a worker keeps the headers of, and of layers whose origins are slow."""

import os
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from threading import BrokenBarrierError as Alone

import msgspec
import pytest
from flask.testing import FlaskClient

from server.layers import openers, summaries
from server.layers.layer import Layer
from server.layers.layer_version import LayerVersion
from server.layers.openers import OPENERS, lists_bulkhead
from server.layers.summaries import Summaries
from tests.support.app import ROOT, anonymous, client, layer
from tests.support.faults import hang
from tests.support.origin import Connection, Origin, Reply, send
from tests.support.tiffs import KINDS, gdal_tiff

COUNT = 60
"""A quarter of the least memory holds the headers of some ten of them."""
DATA = (ROOT / "data" / "world.tif").read_bytes()


class Facts(msgspec.Struct):
    """A summary as small as can be."""

    name: str
    is_complete: bool = True


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    for number in range(COUNT):
        (tmp_path / f"{number}.tif").write_bytes(gdal_tiff("jpeg-grey"))
    config = "".join(layer(f"l{number}", f"{number}.tif") for number in range(COUNT))
    app = client(tmp_path, f"[server]\nmemory_bytes = {1 << 20}\n{config}")
    monkeypatch.setattr(openers, "PATIENCE_S", 60)
    assert {row["status"] for row in app.get("/layers").get_json()["layers"]} == {"ok"}
    monkeypatch.setattr(openers, "PATIENCE_S", 0)  # from now on no list waits for a file to be opened
    return app


def test_lists_do_not_open_again_the_layers_of_another_list(app: FlaskClient) -> None:
    rows = app.get("/layers").get_json()["layers"]
    assert [row["name"] for row in rows] == [f"l{number}" for number in range(COUNT)]
    assert {row["status"] for row in rows} == {"ok"}
    assert app.get("/", headers={"Accept": "text/html"}).text.count("<img") >= COUNT
    assert app.get("/wmts/1.0.0/WMTSCapabilities.xml").text.count("<Layer>") == COUNT
    collections = app.get("/collections").get_json()["collections"]
    assert [len(collection["links"]) > 1 for collection in collections] == [True] * COUNT
    assert len(app.get("/tileMatrixSets").get_json()["tileMatrixSets"]) == 2 + COUNT


def test_a_list_has_a_replaced_file_by_its_new_version(
    app: FlaskClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "new").write_bytes(gdal_tiff("jpeg-mask"))
    os.replace(tmp_path / "new", tmp_path / "7.tif")
    (tmp_path / "8.tif").unlink()
    monkeypatch.setattr(openers, "PATIENCE_S", 60)
    rows = {row["name"]: row for row in app.get("/layers").get_json()["layers"]}
    assert rows["l7"]["height"] == KINDS["jpeg-mask"].height != KINDS["jpeg-grey"].height
    assert rows["l8"]["status"] == "error"
    assert rows["l9"]["status"] == "ok"


def of_app(app: FlaskClient, calls: Counter[str], together: Barrier | None = None) -> Summaries[Facts]:
    """Summaries of the app's layers, which count what is summarized."""

    def summarize(layer: Layer, _: LayerVersion) -> Facts:
        name = layer.config.name
        calls[name] += 1
        if together is not None and name == "l0":
            try:
                together.wait(0.3)  # for another thread that summarizes the same
            except Alone:
                return Facts("alone")
        return Facts(name)

    return Summaries(app.application.extensions["rawcog"].catalog, summarize, Facts, 1 << 20, lists_bulkhead(32))


def test_a_layer_is_summarized_once_for_lists_at_the_same_moment(
    app: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred CRSs, of which PROJ takes its time for each, in each of 32 threads would be minutes."""
    monkeypatch.setattr(openers, "PATIENCE_S", 60)
    calls: Counter[str] = Counter()
    listed = of_app(app, calls, Barrier(2))
    with ThreadPoolExecutor(8) as pool:
        for listing in pool.map(lambda _: list(listed.all(anonymous())), range(8)):
            assert len(listing) == COUNT
    assert calls == {f"l{number}": 1 for number in range(COUNT)}


def test_summaries_keep_within_their_bound(app: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists are whole where they do not fit: those that are missing are made anew."""
    monkeypatch.setattr(openers, "PATIENCE_S", 60)
    monkeypatch.setattr(summaries, "ENTRY_BYTES", (1 << 20) // (COUNT // 2))
    calls: Counter[str] = Counter()
    listed = of_app(app, calls)
    for _ in range(2):
        names = [summary.name for _, summary in listed.all(anonymous()) if isinstance(summary, Facts)]
        assert names == [f"l{number}" for number in range(COUNT)]
    assert COUNT < calls.total() <= 2 * COUNT


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin() as origin:
        yield origin


def of_uris(folder: Path, uris: list[str], revalidate_s: float = 60) -> Summaries[Facts]:
    tables = "".join(layer(f"l{number}", uri) for number, uri in enumerate(uris))
    return of_app(client(folder, f"[server]\nrevalidate_s = {revalidate_s}\n{tables}"), Counter())


def states(listed: Summaries[Facts]) -> list[object]:
    return [summary for _, summary in listed.all(anonymous())]


def opener_threads() -> int:
    return sum(thread.name.startswith("open_") for thread in threading.enumerate())


def test_lists_of_hanging_origins_take_no_more_threads_however_many_are_asked_for(
    origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = opener_threads()
    uris = [f"{origin.url}/{number}.tif" for number in range(3 * OPENERS)]
    for number in range(len(uris)):
        origin.fail(f"/{number}.tif", hang, times=100)
    listed = of_uris(tmp_path, uris)
    monkeypatch.setattr(openers, "PATIENCE_S", 0.01)
    for _ in range(5):
        assert set(states(listed)) == {None}
    assert opener_threads() - others <= OPENERS


def test_a_layer_that_is_slow_to_answer_again_is_listed_as_it_was(
    origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin.put("/a.tif", DATA)
    listed = of_uris(tmp_path, [f"{origin.url}/a.tif"], revalidate_s=0)
    assert states(listed) == [Facts("l0")]
    origin.fail("/a.tif", hang, times=10)
    monkeypatch.setattr(openers, "PATIENCE_S", 0.01)
    assert states(listed) == [Facts("l0")]


def test_lists_wait_once_for_an_origin_that_hangs(
    origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Later ones go without its layer until it is open: had they waited, it would be open here, or known to fail."""
    released = threading.Event()

    def hold(connection: Connection, reply: Reply) -> None:
        released.wait(30)
        send(connection, reply)

    origin.put("/a.tif", DATA)
    origin.fail("/a.tif", hold, times=100)
    listed = of_uris(tmp_path, [f"{origin.url}/a.tif"])
    monkeypatch.setattr(openers, "PATIENCE_S", 0.05)
    assert states(listed) == [None]
    monkeypatch.setattr(openers, "PATIENCE_S", 60)
    assert states(listed) == [None]
    released.set()
    while (current := states(listed)) != [Facts("l0")]:
        assert current == [None]
