"""Metrics of a real server of several workers, under load and while its workers end."""

import os
import re
import signal
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests.support.app import layer
from tests.support.gunicorn import Gunicorn, wait_for
from tests.support.metrics import Samples, counters, scrape, total
from tests.support.tiffs import gdal_tiff

WORKERS = 4
TILE = "/layers/a/tiles/native/0/0/0.jpg"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Gunicorn]:
    (tmp_path / "a.tif").write_bytes(gdal_tiff("jpeg-ycbcr"))
    config = "[server]\nmetrics = true\n" + layer("a", tmp_path / "a.tif")
    with Gunicorn({"WEB_CONCURRENCY": str(WORKERS)}, config) as running:
        wait_for(lambda: len(running.pids()) == WORKERS, "the workers")
        yield running


class Watch:
    """Scrapes that check that no counter falls, nor vanishes."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._last: Samples = {}
        self._turn = threading.Lock()

    def scrape(self) -> Samples:
        with self._turn:
            samples = scrape(self._url)
            for key, value in self._last.items():
                assert samples.get(key, 0) >= value, f"{key} fell from {value}"
            self._last = counters(samples)
        return samples

    def tiles(self) -> float:
        return total(self.scrape(), "rawcog_requests_total", group="a", format="jpg", status="200")


@contextmanager
def watched(watch: Watch) -> Iterator[None]:
    """Scrape all the time for the length of a `with`."""
    ended, failures = threading.Event(), []

    def run() -> None:
        while not ended.is_set():
            try:
                watch.scrape()
            except requests.ConnectionError:  # the worker that was killed had the connection
                pass
            except AssertionError as error:
                failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    assert not failures, failures[0]


def folder_of(server: Gunicorn) -> Path:
    """The folder of the files that a worker has mapped."""

    def folders() -> list[str]:
        maps = "".join(Path(f"/proc/{pid}/maps").read_text() for pid in server.pids())
        return re.findall(r"/\S*/rawcog-metrics-\w+", maps)

    wait_for(lambda: bool(folders()), "the counters of a worker")
    return Path(folders()[0])


def send(server: Gunicorn, count: int) -> None:
    """Send as many requests, each on a connection of its own, so that all workers have some."""
    with ThreadPoolExecutor(8) as clients:
        for reply in clients.map(lambda _: requests.get(server.url + TILE, timeout=30), range(count)):
            assert reply.status_code == 200


def test_sums_are_the_requests_sent_through_a_reload_and_a_kill(server: Gunicorn) -> None:
    watch = Watch(server.url)
    with watched(watch):
        send(server, 200)
        before = server.pids()
        server.signal(signal.SIGHUP)
        send(server, 200)
        wait_for(lambda: len(server.pids()) == WORKERS and not server.pids() & before, "new workers")
        send(server, 200)
        wait_for(lambda: watch.tiles() == 600, "all requests to be counted")
        killed = server.pids()
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        wait_for(lambda: len(server.pids()) == WORKERS and not server.pids() & killed, "newer workers")
        wait_for(server.is_live, "an answer")
        send(server, 100)
        wait_for(lambda: watch.tiles() == 700, "all requests to be counted")
        wait_for(lambda: total(watch.scrape(), "rawcog_workers") == WORKERS, "the last worker's values")
    samples = watch.scrape()
    assert total(samples, "rawcog_request_seconds_count", kind="tile") == 700
    assert total(samples, "rawcog_request_seconds_bucket", kind="tile", le="+Inf") == 700
    folder = folder_of(server)
    assert len(list(folder.iterdir())) <= 3 * WORKERS + 2, "files of workers that have ended"
    assert server.stop() == 0
    assert not folder.exists()


def test_a_master_that_is_killed_leaves_no_folder(server: Gunicorn) -> None:
    folder = folder_of(server)
    os.kill(server.pid, signal.SIGKILL)
    server.wait()
    wait_for(lambda: not folder.exists(), "the end of the workers")


def test_a_port_of_its_own(tmp_path: Path) -> None:
    """Nothing at the port of the tiles then, whatever port a client names."""
    (tmp_path / "a.tif").write_bytes(gdal_tiff("jpeg-ycbcr"))
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with Gunicorn({"RAWCOG_METRICS_PORT": str(port)}, layer("a", tmp_path / "a.tif")) as server:
        send(server, 20)
        own = f"http://127.0.0.1:{port}"
        wait_for(lambda: total(scrape(own), "rawcog_requests_total", group="a") == 20, "all requests to be counted")
        for headers in (
            {},
            {"Host": f"127.0.0.1:{port}"},
            {"X-Forwarded-Host": f"a:{port}", "X-Forwarded-Port": str(port)},
        ):
            assert requests.get(f"{server.url}/metrics", headers=headers, timeout=30).status_code == 404
        assert requests.get(
            f"{own}/metrics", headers={"Accept": "application/openmetrics-text"}, timeout=30
        ).text.endswith("# EOF\n")


def test_without_a_setting_there_are_no_metrics_and_no_files(tmp_path: Path) -> None:
    with Gunicorn({"WEB_CONCURRENCY": "1"}, layer("a", tmp_path / "a.tif")) as server:
        assert requests.get(f"{server.url}/metrics", timeout=30).status_code == 404
        (pid,) = server.pids()
        assert "rawcog-metrics" not in Path(f"/proc/{pid}/maps").read_text()
