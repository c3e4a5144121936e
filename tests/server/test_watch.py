"""A server of several workers that follows its config file: a local one, in S3, or on a web server."""

import os
import re
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from tests.support.app import layer
from tests.support.certificate import make_certificate
from tests.support.faults import Status
from tests.support.gunicorn import Gunicorn
from tests.support.origin import Origin
from tests.support.s3 import Store, running_store
from tests.support.tiffs import gdal_tiff
from tests.support.wait import wait_until

WATCHED = "[server]\nwatch_s = 0.5\nrevalidate_s = 3600\n"
CLIENTS = 16
TILE = "/layers/{}/tiles/native/0/0/0.jpg"
WORKERS = {"WEB_CONCURRENCY": "4"}
SECRET = "hunter2"


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin() as origin:
        origin.put("/a.tif", gdal_tiff("jpeg-ycbcr"))
        origin.put("/b.tif", gdal_tiff("jpeg-rgb"))
        yield origin


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    with running_store() as store:
        yield store


def ask_all(server: Gunicorn, name: str, status: int) -> None:
    """Ask for a tile of a layer until each worker's last reply had this status; no worker may be replaced meanwhile."""
    pids, seen = server.pids(), dict[int, int]()
    line = re.compile(rf" INFO (\d+) request: GET layer={name} .* status=(\d+) ")

    def agrees() -> bool:
        begin = len(server.log())
        with ThreadPoolExecutor(CLIENTS) as clients:
            asked = list(
                clients.map(lambda _: requests.get(server.url + TILE.format(name), timeout=30), range(CLIENTS))
            )
        wait_until(lambda: len(line.findall(server.log()[begin:])) >= len(asked))
        seen.update({int(pid): int(each) for pid, each in line.findall(server.log()[begin:])})
        return seen == dict.fromkeys(pids, status)

    wait_until(agrees, 20)
    assert server.pids() == pids


def wait_for_workers(server: Gunicorn, others_than: frozenset[int] | set[int] = frozenset()) -> None:
    wait_until(lambda: len(server.pids()) == 4 and not server.pids() & others_than)


def test_all_workers_follow_and_what_stays_the_same_stays_in_memory(origin: Origin) -> None:
    same = WATCHED + layer("a", f"{origin.url}/a.tif")
    with Gunicorn(WORKERS, same + layer("b", f"{origin.url}/b.tif")) as server:
        wait_for_workers(server)
        for name in "abab":
            ask_all(server, name, 200)
        before = len(origin.ranges("/a.tif"))
        server.configure(same + layer("c", f"{origin.url}/b.tif"))
        ask_all(server, "c", 200)
        ask_all(server, "b", 404)
        ask_all(server, "a", 200)
        assert len(origin.ranges("/a.tif")) == before
        assert server.log().count("reloaded: layers added: c; layers removed: b\n") == 1


def test_a_broken_file_keeps_the_settings_of_all_workers_and_is_logged_once(origin: Origin) -> None:
    with Gunicorn(WORKERS, WATCHED + layer("a", f"{origin.url}/a.tif")) as server:
        wait_for_workers(server)
        server.configure(WATCHED + layer("b", f"{origin.url}/b.tif"))
        ask_all(server, "b", 200)
        server.configure(f"{WATCHED}titel = 'x'")
        wait_until(lambda: "not reloaded" in server.log())
        victim = min(server.pids())
        os.kill(victim, signal.SIGKILL)
        wait_for_workers(server, {victim})
        ask_all(server, "b", 200)  # of the worker too that began while the file was broken
        assert server.log().count("server.titel: unknown key") == 1
        old = server.pids()
        server.signal(signal.SIGHUP)
        wait_until(lambda: server.log().count("server.titel: unknown key") == 2)
        wait_for_workers(server, old)
        ask_all(server, "b", 200)
        server.configure(f"{WATCHED}memory_bytes = 1048576\n" + layer("c", f"{origin.url}/b.tif"))
        ask_all(server, "c", 200)
        line = "reloaded: layers added: c; layers removed: b; settings changed: server.memory_bytes; "
        assert server.log().count(f"{line}from the next start or HUP on: server.memory_bytes\n") == 1
        assert server.log().count("server.titel: unknown key") == 2


def test_a_config_in_s3(origin: Origin, store: Store) -> None:
    uri = store.put("conf/layers.toml", (WATCHED + layer("a", f"{origin.url}/a.tif")).encode())
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
    with Gunicorn({**WORKERS, **keys, "AWS_ENDPOINT_URL": store.endpoint_url, "RAWCOG_CONFIG": uri}) as server:
        wait_for_workers(server)
        ask_all(server, "a", 200)
        store.put("conf/layers.toml", (WATCHED + layer("b", f"{origin.url}/b.tif")).encode())
        ask_all(server, "b", 200)
        ask_all(server, "a", 404)
        store.client.delete_object(Bucket=store.bucket, Key="conf/layers.toml")
        wait_until(lambda: f"config file {uri}: not there" in server.log())
        ask_all(server, "b", 200)
        store.put("conf/layers.toml", (WATCHED + layer("c", f"{origin.url}/b.tif")).encode())
        ask_all(server, "c", 200)
        assert server.log().count("not reloaded") == 1


def test_a_config_on_a_web_server(origin: Origin, tmp_path: Path) -> None:
    """Its URL has a password and a token, which no line of the log shows."""
    trusted, context = make_certificate(tmp_path)
    with Origin(tls=context) as web:
        web.put("/layers.toml", (WATCHED + layer("a", f"{origin.url}/a.tif")).encode())
        url = web.url.replace("//", f"//me:{SECRET}@") + f"/layers.toml?token={SECRET}"
        with Gunicorn({**WORKERS, "REQUESTS_CA_BUNDLE": str(trusted), "RAWCOG_CONFIG": url}) as server:
            wait_for_workers(server)
            ask_all(server, "a", 200)
            asked = len(web.requests)
            wait_until(lambda: len(web.requests) > asked + 2)
            assert {request.headers["if-none-match"] for request in web.requests[asked:]} == {
                web.resource("/layers.toml").etag
            }
            web.put("/layers.toml", (WATCHED + layer("b", "b.tif")).encode())
            wait_until(lambda: "layers.b.uri: found a relative path in a remote config file" in server.log())
            web.put("/layers.toml", (WATCHED + layer("b", f"{origin.url}/b.tif")).encode())
            ask_all(server, "b", 200)
            web.fail("/layers.toml", Status(403), times=3)
            wait_until(lambda: "the origin refuses us" in server.log())
            ask_all(server, "b", 200)
            assert f"config file {web.url}/layers.toml: the origin refuses us (status 403)" in server.log()
            assert server.log().count("the origin refuses us") == 1
            assert SECRET not in server.log()
