"""One layer's origin hangs, and the other layers do not notice."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests

from server.origin.guard import OriginGuard, origins_bulkhead
from server.settings.environment import THREADS
from tests.support import faults
from tests.support.app import client, layer, problem
from tests.support.gunicorn import Gunicorn
from tests.support.origin import Origin
from tests.support.tiffs import gdal_tiff
from tests.support.wait import wait_until

CLIENTS = 2 * THREADS
ASKED = 100
FILE = gdal_tiff("jpeg-ycbcr")
TILE = "tiles/native/0/0/0.jpg"


class Clients:
    """Clients that all want the same tile, and come back when they are told to, or when the origin is well."""

    def __init__(self, url: str, is_well: threading.Event) -> None:
        self.replies: list[requests.Response] = []
        self._url = url
        self._is_well = is_well
        self._pool = ThreadPoolExecutor(CLIENTS)
        self._asking = [self._pool.submit(self._ask) for _ in range(CLIENTS)]

    def statuses(self) -> set[int]:
        return {reply.status_code for reply in list(self.replies)}

    def _ask(self) -> None:
        while True:
            reply = requests.get(self._url, timeout=25)
            self.replies.append(reply)
            if reply.status_code != 503:
                return
            self._is_well.wait(int(reply.headers["Retry-After"]))

    def wait(self) -> None:
        for asking in self._asking:
            asking.result(60)
        self._pool.shutdown()


def test_local_and_cached_layers_are_served_while_another_layers_origin_hangs(tmp_path: Path) -> None:
    """One worker. What the layer's clients hold of its threads is less than all, and the others are turned away."""
    (tmp_path / "a.tif").write_bytes(FILE)
    hold = faults.Hold()
    with Origin() as origin:
        for name in ("hanging", "cached"):
            origin.put(f"/{name}.tif", FILE)
        origin.fail("/hanging.tif", hold)
        config = "[server]\nrevalidate_s = 3600\n[sources.patient]\ntype = 'http'\nread_timeout_s = 25\n"
        config += layer("local", tmp_path / "a.tif") + layer("cached", f"{origin.url}/cached.tif")
        config += layer("hanging", f"{origin.url}/hanging.tif", "source = 'patient'")
        with Gunicorn({"WEB_CONCURRENCY": "1"}, config) as server:
            right = requests.get(f"{server.url}/layers/cached/{TILE}", timeout=25).content
            clients = Clients(f"{server.url}/layers/hanging/{TILE}", hold.is_over)
            wait_until(lambda: clients.statuses() == {503})
            with requests.Session() as session:
                for number in range(ASKED):
                    name = ("local", "cached")[number % 2]
                    reply = session.get(f"{server.url}/layers/{name}/{TILE}", timeout=25)
                    assert (reply.status_code, reply.content) == (200, right)
            assert clients.statuses() == {503}, "the others have waited until the origin answered, or was given up"
            hold.is_over.set()
            clients.wait()
            log = server.log()
        assert clients.statuses() == {200, 503}
        served = [reply.content for reply in clients.replies if reply.status_code == 200]
        assert set(served) == {right}
        assert len(served) >= OriginGuard("a", THREADS, origins_bulkhead(THREADS)).bulkhead.permits
        turned_away = [reply for reply in clients.replies if reply.status_code == 503]
        assert {reply.headers["Retry-After"] for reply in turned_away} == {"1"}
        assert log.count("too many requests wait for the origin already") == len(turned_away)
        assert len(origin.ranges("/hanging.tif")) == 2, "the header and the tile"


def test_an_origin_without_answers_is_left_alone_until_it_answers(tmp_path: Path) -> None:
    impatient = "[sources.impatient]\ntype = 'http'\nread_timeout_s = 1.1\n"
    with Origin() as origin:
        origin.put("/a.tif", FILE)
        app = client(tmp_path, impatient + layer("a", f"{origin.url}/a.tif", "source = 'impatient'"))
        assert app.get(f"/layers/a/{TILE}").status_code == 200
        origin.fail("/a.tif", faults.hang, times=100)
        before = len(origin.requests)
        tiles = [f"/layers/a/tiles/native/3/{x}/0.jpg" for x in range(4)]
        for tile in tiles:
            assert problem(app.get(tile), 504) == "the layer's origin did not answer in time"
        assert len(origin.requests) - before == 1
        assert app.get(f"/layers/a/{TILE}").status_code == 200, "what is known needs no origin"
        origin.mend("/a.tif")
        for tile in tiles:
            wait_until(lambda tile=tile: app.get(tile).status_code == 200)  # type: ignore[misc]
