"""Lists of layers that take long do not keep tiles waiting."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.test import TestResponse

import server.layers.openers
import server.layers.summaries
from cogread.deadline import NEVER
from server.layers.openers import OPENERS, WAITING_SHARE
from server.settings.environment import THREADS
from tests.support import faults
from tests.support.app import client, layer
from tests.support.log import wait_for_writers
from tests.support.origin import Origin
from tests.support.tiffs import gdal_tiff
from tests.support.wait import wait_until

CLIENTS = 2 * THREADS
PLACES = THREADS // WAITING_SHARE
FILE = gdal_tiff("jpeg-ycbcr")
TILE = "/layers/local/tiles/native/0/0/0.jpg"
PROBLEM = "application/problem+json"
XML = "application/xml"
LISTS = {
    "page": ("/", "text/html", "text/html; charset=utf-8"),
    "layers": ("/layers", "*/*", PROBLEM),
    "collections": ("/collections", "*/*", PROBLEM),
    "tile matrix sets": ("/tileMatrixSets", "*/*", PROBLEM),
    "TMS": ("/tms/1.0.0", "*/*", PROBLEM),
    "WMTS": ("/wmts/1.0.0/WMTSCapabilities.xml", "*/*", PROBLEM),
    "WMTS by query": ("/wmts?service=WMTS&request=GetCapabilities", "*/*", XML),
}
"""Path and Accept, and the type of the refusal."""


class Worker:
    """The app with as many threads as a worker has."""

    def __init__(self, app: Flask, threads: ThreadPoolExecutor) -> None:
        self.app = app
        self._threads = threads

    def get(self, path: str, accept: str = "*/*") -> Future[TestResponse]:
        """Queue a request."""
        return self._threads.submit(lambda: self.app.test_client().get(path, headers={"Accept": accept}))


@pytest.fixture
def hold() -> faults.Hold:
    return faults.Hold()


@pytest.fixture
def worker(hold: faults.Hold, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    """With a local layer and one whose origin hangs, and lists that have all the time to wait for it."""
    monkeypatch.setattr(server.layers.openers, "PATIENCE_S", 60)
    monkeypatch.setattr(server.layers.summaries, "BUDGET_S", 60)
    (tmp_path / "a.tif").write_bytes(FILE)
    with Origin() as origin, ThreadPoolExecutor(THREADS) as threads:
        origin.put("/hanging.tif", FILE)
        origin.fail("/hanging.tif", hold)
        config = "[sources.patient]\ntype = 'http'\nread_timeout_s = 25\n" + layer("local", tmp_path / "a.tif")
        app = client(tmp_path, config + layer("hanging", f"{origin.url}/hanging.tif", "source = 'patient'"))
        yield Worker(app.application, threads)
        hold.is_over.set()


@pytest.mark.parametrize("name", LISTS)
def test_a_tile_is_served_while_all_clients_want_a_list_that_takes_long(
    name: str, worker: Worker, hold: faults.Hold
) -> None:
    path, accept, refusal = LISTS[name]
    lists = [worker.get(path, accept) for _ in range(CLIENTS)]
    assert worker.get(TILE).result(20).status_code == 200
    wait_until(lambda: sum(reply.done() for reply in lists) == CLIENTS - PLACES)
    refused = [reply.result() for reply in lists if reply.done()]
    assert {reply.status_code for reply in refused} == {503}
    assert {reply.content_type for reply in refused} == {refusal}
    assert {reply.headers["Retry-After"] for reply in refused} == {"2"}
    assert {reply.headers["Cache-Control"] for reply in refused} == {"no-store"}
    assert all("the list of the layers is being made" in reply.text for reply in refused)
    described = worker.app.test_client().get("/api").get_json()["paths"]
    assert "503" in described[path.partition("?")[0]]["get"]["responses"]
    hold.is_over.set()
    assert sum(reply.result(30).status_code == 200 for reply in lists) == PLACES
    assert worker.get(path, accept).result(30).status_code == 200


def test_a_list_of_known_layers_needs_no_place(worker: Worker, hold: faults.Hold) -> None:
    hold.is_over.set()
    for path, accept, _ in LISTS.values():
        assert worker.get(path, accept).result(30).status_code == 200
    with ExitStack() as taken:
        for _ in range(PLACES):
            taken.enter_context(worker.app.extensions["rawcog"].summaries.bulkhead.entered(NEVER))
        for path, accept, _ in LISTS.values():
            assert worker.get(path, accept).result(30).status_code == 200


def test_a_list_of_layers_that_were_open_before_waits_for_no_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To learn of a change takes an answer of the origin, which may be slow."""
    monkeypatch.setattr(server.layers.openers, "BULKHEAD_WAIT_S", 0.0)
    with Origin() as origin:
        origin.put("/a.tif", FILE)
        asking = client(tmp_path, "[server]\nrevalidate_s = 0\n" + layer("a", f"{origin.url}/a.tif"))
        before = {path: asking.get(path, headers={"Accept": accept}) for path, accept, _ in LISTS.values()}
        assert {reply.status_code for reply in before.values()} == {200}
        with ExitStack() as taken:
            for _ in range(PLACES):
                taken.enter_context(asking.application.extensions["rawcog"].summaries.bulkhead.entered(NEVER))
            for path, accept, _ in LISTS.values():
                reply = asking.get(path, headers={"Accept": accept})
                assert (reply.status_code, reply.data) == (200, before[path].data)


def test_a_list_waits_for_no_place_for_a_layer_that_the_last_one_waited_for_in_vain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server.layers.openers, "BULKHEAD_WAIT_S", 0.0)
    monkeypatch.setattr(server.layers.openers, "PATIENCE_S", 0.05)
    (tmp_path / "a.tif").write_bytes(FILE)
    with Origin() as origin:
        origin.put("/hanging.tif", FILE)
        origin.fail("/hanging.tif", faults.hang, times=1000)
        config = layer("local", tmp_path / "a.tif") + layer("gone", f"{origin.url}/gone.tif")
        asking = client(tmp_path, config + layer("hanging", f"{origin.url}/hanging.tif"))
        for path, accept, _ in LISTS.values():
            assert asking.get(path, headers={"Accept": accept}).status_code == 200
        with ExitStack() as taken:
            for _ in range(PLACES):
                taken.enter_context(asking.application.extensions["rawcog"].summaries.bulkhead.entered(NEVER))
            for path, accept, _ in LISTS.values():
                assert asking.get(path, headers={"Accept": accept}).status_code == 200
            told = {row["name"]: row["status"] for row in asking.get("/layers").get_json()["layers"]}
    assert told.pop("hanging") in ("not opened yet", "error")  # once it has timed out
    assert told == {"local": "ok", "gone": "error"}


def test_a_list_that_gives_up_leaves_the_others_their_layers(
    tmp_path: Path, hold: faults.Hold, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"l{number}" for number in range(3 * OPENERS)]
    with Origin() as origin, ThreadPoolExecutor(1) as threads:
        for name in names:
            origin.put(f"/{name}.tif", FILE)
            origin.fail(f"/{name}.tif", hold)
        asking = client(tmp_path, "".join(layer(name, f"{origin.url}/{name}.tif") for name in names))
        give_all_lists(60, monkeypatch)
        patient = Worker(asking.application, threads).get("/layers")
        wait_until(lambda: len(origin.requests) == OPENERS)
        give_all_lists(0.05, monkeypatch)
        assert statuses(asking.get("/layers")) == {"not opened yet"}
        hold.is_over.set()
        assert statuses(patient.result(30)) == {"ok"}


def test_what_a_list_asks_of_origins_is_in_its_line_of_the_log(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    names = [f"l{number}" for number in range(2 * OPENERS)]
    with Origin() as origin:
        for name in names:
            origin.put(f"/{name}.tif", FILE)
        asking = client(
            tmp_path, "".join(layer(name, f"{origin.url}/{name}.tif") for name in names), {"LOG_LEVEL": "info"}
        )
        for _ in range(2):
            assert statuses(asking.get("/layers")) == {"ok"}
        requests = len(origin.requests)
    wait_for_writers()
    first, second = [line for line in capfd.readouterr().err.splitlines() if "path=/layers " in line]
    assert requests >= len(names)
    assert first.endswith(f"tier=origin origin_reads={requests}")
    assert second.endswith("origin_reads=0")


def give_all_lists(seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server.layers.openers, "PATIENCE_S", seconds)


def statuses(reply: TestResponse) -> set[str]:
    assert reply.status_code == 200
    return {layer["status"] for layer in reply.get_json()["layers"]}
