"""Workers that are killed, reloaded and stopped while clients are asking."""

import os
import signal
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
import requests

from tests.support.app import ROOT, layer
from tests.support.gunicorn import Gunicorn
from tests.support.load import CLIENTS, LOST, REFUSED, Load
from tests.support.origin import Connection, Origin, Reply, send
from tests.support.tiffs import gdal_tiff
from tests.support.wait import wait_until

CONFIG = layer("a", ROOT / "data" / "world.tif")
TILE = "/layers/a/tiles/native/0/0/0.jpg"


def two_workers(server: Gunicorn) -> set[int]:
    wait_until(lambda: len(server.pids()) == 2)
    return server.pids()


def test_a_killed_worker_loses_no_more_than_what_it_held() -> None:
    with Gunicorn({"WEB_CONCURRENCY": "2"}, CONFIG) as server:
        before = two_workers(server)
        with Load([server.url + TILE]) as load:
            load.more(50)
            os.kill(min(before), signal.SIGKILL)
            wait_until(lambda: len(server.pids() - {min(before)}) == 2)
            came_back = len(load.answers)
            load.more(100)
        lost = [number for number, answer in enumerate(load.answers) if answer.status != 200]
        assert len(lost) <= CLIENTS
        assert not [number for number in lost if number > came_back + CLIENTS]
        assert len({answer.body for answer in load.answers if answer.status == 200}) == 1


def test_a_reload_under_load_loses_nothing() -> None:
    with Gunicorn({"WEB_CONCURRENCY": "2"}, CONFIG) as server, Load([server.url + TILE]) as load:
        for _ in range(3):
            before = two_workers(server)
            load.more(20)
            server.signal(signal.SIGHUP)
            wait_until(lambda before=before: len(server.pids() - before) == len(server.pids()) == 2)  # type: ignore[misc]
        load.more(50)
        load.stop()
        assert {answer.status for answer in load.answers} == {200}


def test_a_stop_under_load_answers_all_who_are_connected() -> None:
    with Gunicorn({"WEB_CONCURRENCY": "2"}, CONFIG) as server, Load([server.url + TILE]) as load:
        two_workers(server)
        load.more(50)
        assert server.stop() == 0
        load.stop()
    statuses = Counter(answer.status for answer in load.answers)
    assert statuses.keys() <= {200, REFUSED, LOST}
    assert statuses[REFUSED] >= CLIENTS - CLIENTS // 4
    # some may come between the last look at the queue and the end of listening, which the kernel cannot do at once
    assert statuses[LOST] <= CLIENTS // 4


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_what_is_in_flight_is_answered_by_workers_that_end(number: signal.Signals) -> None:
    """As many requests as two workers can hold, all of which wait for the origin at the signal."""
    asked, may_answer = [], Event()

    def hold(connection: Connection, reply: Reply) -> None:
        asked.append(1)
        may_answer.wait(60)
        send(connection, reply)

    names = [f"l{number}" for number in range(CLIENTS)]
    with Origin() as origin, ThreadPoolExecutor(CLIENTS) as clients:
        for name in names:
            origin.put(f"/{name}.tif", gdal_tiff("jpeg-ycbcr"))
            origin.fail(f"/{name}.tif", hold)
        patient = "[sources.patient]\ntype = 'http'\nread_timeout_s = 25\n"
        config = patient + "".join(layer(name, f"{origin.url}/{name}.tif", "source = 'patient'") for name in names)
        with Gunicorn({"WEB_CONCURRENCY": "2"}, config) as server:
            before = two_workers(server)
            urls = [f"{server.url}/layers/{name}/tiles/native/0/0/0.jpg" for name in names]
            replies = clients.map(lambda url: requests.get(url, timeout=25), urls)
            wait_until(lambda: len(asked) == CLIENTS)
            server.signal(number)
            if number is signal.SIGHUP:
                wait_until(lambda: len(server.pids() - before) == 2)
            may_answer.set()
            assert [reply.status_code for reply in replies] == [200] * CLIENTS
            if number is signal.SIGTERM:
                assert server.wait() == 0
