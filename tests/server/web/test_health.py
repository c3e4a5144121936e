"""`/health/ready`: the state of a worker, and the reasons if it is not ready."""

import json
import signal
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import requests

from server.resilience.breaker import CircuitBreaker, State
from tests.support.app import client, layer
from tests.support.gunicorn import Gunicorn, wait_for
from tests.support.origin import Connection, Origin, Reply, send
from tests.support.redis import RedisServer
from tests.support.tiffs import gdal_tiff


def test_a_server_without_layers_is_not_ready(tmp_path: Path) -> None:
    reply = client(tmp_path, "").get("/health/ready")
    assert reply.status_code == 503
    assert reply.headers["Cache-Control"] == "no-store"
    body = reply.get_json()
    assert (body["status"], body["reasons"]) == ("not ready", ["no layer is configured"])


def test_redis_and_origins_are_told_and_not_required(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(gdal_tiff("jpeg-ycbcr"))
    with socket.socket() as silent, RedisServer() as redis:
        silent.bind(("127.0.0.1", 0))  # and does not listen
        dead = f"http://127.0.0.1:{silent.getsockname()[1]}"
        source = "[sources.mine]\ntype = 'http'\n"
        config = layer("a", "a.tif") + source + layer("dead", f"{dead}/a.tif", "source = 'mine'")
        app = client(tmp_path, config, {"REDIS_URL": redis.url})
        app.get("/layers/a/tiles/native/0/0/0.jpg")
        before: Any = app.get("/health/ready").get_json()
        redis.kill()

        def has_failed() -> bool:
            app.get("/layers/dead")
            return "mine" in app.get("/health/ready").get_json()["origins"]  # others may be of other tests

        wait_for(has_failed, "the circuit breaker of the origin")
        after = app.get("/health/ready")
    assert (before["redis"], before["layers"]) == ("configured", 2)
    assert after.status_code == 200
    assert (after.json or {})["redis"] == "not answering"
    assert (after.json or {})["origins"]["mine"] == "not answering: 1 open circuit breakers"


def test_an_origin_that_is_being_tried_is_told_beside_its_open_circuit_breakers(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(gdal_tiff("jpeg-ycbcr"))
    app = client(tmp_path, layer("a", "a.tif"))
    breakers = [CircuitBreaker(lambda _: None, lambda: None, group="tried") for _ in range(2)]
    for breaker in breakers:
        breaker.failed(OSError("lost"), breaker.clock())
    tried = breakers[0]
    tried.clock = lambda: float("inf")  # after its pause
    with tried.attempt():
        assert [breaker.state for breaker in breakers] == [State.HALF_OPEN, State.OPEN]
        reply = app.get("/health/ready")
    assert reply.status_code == 200
    assert (reply.json or {})["origins"]["tried"] == "not answering: 2 open circuit breakers"


def test_a_worker_that_ends_says_so_to_the_clients_that_it_still_has(tmp_path: Path) -> None:
    asked, may_answer = threading.Event(), threading.Event()

    def hold(connection: Connection, reply: Reply) -> None:
        asked.set()
        may_answer.wait(30)
        send(connection, reply)

    with Origin() as origin, ThreadPoolExecutor() as pool:
        origin.put("/a.tif", gdal_tiff("jpeg-ycbcr"))
        origin.fail("/a.tif", hold)
        with Gunicorn({"WEB_CONCURRENCY": "1"}, layer("a", f"{origin.url}/a.tif")) as server:
            probes = [HTTPConnection("127.0.0.1", server.port, timeout=30) for _ in range(60)]
            for probe in probes:
                assert ready(probe) == (200, [])
            tile = pool.submit(requests.get, f"{server.url}/layers/a/tiles/native/0/0/0.jpg", timeout=30)
            assert asked.wait(30)
            server.signal(signal.SIGTERM)
            wait_for(lambda: "Handling signal: term" in server.log(), "the master")
            replies = []

            def is_ending() -> bool:
                with closing(probes.pop()) as probe:  # each connection may be ended after its reply
                    replies.append(ready(probe))
                return replies[-1][0] == 503

            wait_for(is_ending, "the worker")
            may_answer.set()
            assert tile.result(30).status_code == 200
            for probe in probes:
                probe.close()
    assert replies[-1][1] == ["the worker is ending: it answers the clients that it has, and takes no new ones"]


def ready(probe: HTTPConnection) -> tuple[int, list[str]]:
    """Ask on a connection; status and reasons."""
    probe.request("GET", "/health/ready")
    reply = probe.getresponse()
    return reply.status, json.loads(reply.read())["reasons"]
