"""The deployment files, run as a platform runs them."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.gunicorn import ROOT, Gunicorn, StartError, wait_for
from tests.support.origin import Connection, Origin, Reply, send
from tests.support.redis import RedisServer


def layer_of(uri: str, name: str = "a") -> str:
    return f'[layers.{name}]\nuri = "{uri}"\n'


DEMO_LAYER = layer_of(f"{ROOT}/data/world.tif")


def get_json(url: str) -> Any:
    reply = requests.get(url, timeout=30)
    assert reply.status_code == 200, reply.text
    return reply.json()


def layer_names(server: Gunicorn) -> list[str]:
    return [layer["name"] for layer in get_json(f"{server.url}/layers")["layers"]]


def assert_serves_a_tile(server: Gunicorn, layer: str) -> None:
    reply = requests.get(f"{server.url}/layers/{layer}/tiles/native/0/0/0.jpg", timeout=30)
    assert reply.status_code == 200, reply.text
    assert reply.headers["Content-Type"] == "image/jpeg"
    assert reply.content.startswith(b"\xff\xd8\xff")


def test_procfile_line_serves_a_demo_tile_from_as_many_workers_as_the_platform_says() -> None:
    with RedisServer() as redis, Gunicorn({"WEB_CONCURRENCY": "3", "REDIS_URL": redis.url}) as server:
        layers = get_json(f"{server.url}/layers")["layers"]
        jpeg = next(layer["name"] for layer in layers if "jpg" in layer["formats"])
        assert_serves_a_tile(server, jpeg)
        wait_for(lambda: len(server.pids()) == 3, "three workers")
        assert get_json(f"{server.url}/health/ready")["redis"] == "configured"
        assert server.stop() == 0


def test_the_banner_holds_a_line_that_fetches_a_tile_and_the_version_that_is_shown_everywhere() -> None:
    command = [sys.executable, "-m", "cogread", "--version"]
    version = subprocess.run(command, check=True, cwd=ROOT, capture_output=True, text=True).stdout.strip()
    with Gunicorn() as server:
        assert f"rawcog {version} serves 7 layers on {server.url}\n" in server.log()
        assert get_json(f"{server.url}/api")["info"]["version"] == version
        assert f"rawcog {version}</li>" in requests.get(f"{server.url}/?f=html", timeout=30).text
        line = re.search(r"curl -o tile\.\w+ (http://\S+)", server.log())
        assert line is not None
        assert line[1].startswith(f"{server.url}/layers/")
        assert requests.get(line[1], timeout=30).headers["Content-Type"].startswith("image/")


def test_a_system_without_epoll_gets_the_worker_of_gunicorn_itself() -> None:
    """Such as macOS."""
    code = "import runpy, select; del select.epoll; print(runpy.run_path('config/gunicorn.conf.py')['worker_class'])"
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, check=True, cwd=ROOT, capture_output=True, text=True).stdout == "gthread\n"


def test_workers_share_most_of_their_memory_with_the_master() -> None:
    with Gunicorn({"WEB_CONCURRENCY": "2"}) as server:
        wait_for(lambda: len(server.pids()) == 2, "two workers")
        assert_serves_a_tile(server, "world")
        for worker in server.pids():
            own_kib, shared_kib = (_heap_kib(worker, kind) for kind in ("Private_Dirty", "Shared_Dirty"))
            assert own_kib < shared_kib


def _heap_kib(pid: int, kind: str) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{kind}:"))


def test_a_system_without_a_folder_to_write_gets_one_line() -> None:
    denied = "import os, runpy, tempfile; os.access = lambda *_: False; tempfile._candidate_tempdir_list = list"
    command = [sys.executable, "-c", f"{denied}; runpy.run_path('config/gunicorn.conf.py')"]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert "/dev/shm, /tmp or the one that TMPDIR names" in done.stderr


def test_stop_answers_the_request_that_is_in_flight() -> None:
    asked, may_answer = threading.Event(), threading.Event()

    def hold(connection: Connection, reply: Reply) -> None:
        asked.set()
        may_answer.wait(30)
        send(connection, reply)

    with Origin() as origin, ThreadPoolExecutor() as client:
        origin.put("/a.tif", (ROOT / "data/world.tif").read_bytes())
        origin.fail("/a.tif", hold)
        with Gunicorn({"WEB_CONCURRENCY": "2"}, layer_of(f"{origin.url}/a.tif")) as server:
            wait_for(lambda: len(server.pids()) == 2, "two workers")
            served = client.submit(assert_serves_a_tile, server, "a")
            assert asked.wait(30)
            server.signal(signal.SIGTERM)
            wait_for(lambda: len(server.pids()) == 1, "the end of the idle worker")
            assert not served.done()
            may_answer.set()
            served.result(30)
            assert server.wait() == 0


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ({"PORT": "abc"}, "PORT: found 'abc'"),
        ({"PORT": "65536"}, "PORT: found '65536'"),
        ({"WEB_CONCURRENCY": "0"}, "WEB_CONCURRENCY: found '0'"),
        ({"HOST": "127.0.0.1:80"}, "HOST: found '127.0.0.1:80', wanted a name or an IP address"),
        ({"HOST": "192.0.2.1"}, "cannot listen on 192.0.2.1 port"),
        ({"HOST": "192.0.2.1"}, "; HOST (--host) sets another"),
        ({"HOST": "host.invalid"}, "; HOST (--host) sets another"),
        ({"LOG_LEVEL": "loud"}, "LOG_LEVEL: found 'loud'"),
        ({"REDIS_URL": "redis://127.0.0.1:abc"}, "REDIS_URL: cannot be read"),
        ({"REDIS_URL": "redis://127.0.0.1?socket_timeout=long"}, "REDIS_URL: cannot be read"),
        ({"RAWCOG_CONFIG": "/none.toml"}, "config file /none.toml: No such file"),
    ],
)
def test_wrong_environment_ends_the_start_with_one_line(env: dict[str, str], message: str) -> None:
    with pytest.raises(StartError) as failed, Gunicorn(env):
        pass
    assert_one_line(failed.value, message)


def test_wrong_config_file_ends_the_start_with_one_line() -> None:
    with pytest.raises(StartError) as failed, Gunicorn(config_text="[layers.a]\nurl = 'x'\n"):
        pass
    assert_one_line(failed.value, "layers.a.url")


def test_a_missing_c_parser_ends_the_start_with_one_line(tmp_path: Path) -> None:
    (tmp_path / "gunicorn_h1c.py").write_text("raise ImportError")
    with pytest.raises(StartError) as failed, Gunicorn({"PYTHONPATH": str(tmp_path)}, parser="fast"):
        pass
    assert_one_line(failed.value, "--http-parser=fast: found no gunicorn_h1c, wanted ")


def test_taken_port_ends_the_start_with_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        with pytest.raises(StartError) as failed, Gunicorn({"PORT": port}):
            pass
    assert_one_line(
        failed.value, f"cannot listen on 127.0.0.1 port {port}: Address already in use; PORT (--port) sets another"
    )


def assert_one_line(error: StartError, message: str) -> None:
    lines = [line for line in error.log.splitlines() if "[INFO]" not in line]
    assert len(lines) == 1, error.log
    assert lines[0].startswith("rawcog: ")
    assert message in lines[0]
    assert error.status == 1


def reload(server: Gunicorn) -> None:
    """HUP, and wait until both workers are new ones."""
    wait_for(lambda: len(server.pids()) == 2, "two workers")
    before = server.pids()
    server.signal(signal.SIGHUP)
    wait_for(lambda: len(server.pids() - before) == len(server.pids()) == 2, "two new workers")


def test_reload_takes_up_the_config_file() -> None:
    with Gunicorn({"WEB_CONCURRENCY": "2"}, DEMO_LAYER) as server:
        server.configure(layer_of(f"{ROOT}/data/world.tif", "b"))
        reload(server)
        assert "reloaded: layers added: b; layers removed: a\n" in server.log()
        assert layer_names(server) == ["b"]
        assert_serves_a_tile(server, "b")


def test_broken_config_file_stops_no_reload_and_no_new_worker() -> None:
    with Gunicorn({"WEB_CONCURRENCY": "2"}, DEMO_LAYER) as server:
        server.configure("[layers.")
        reload(server)
        assert "not reloaded, the previous settings stay current" in server.log()
        assert_serves_a_tile(server, "a")
        (crashed, *_) = server.pids()
        os.kill(crashed, signal.SIGKILL)
        wait_for(lambda: len(server.pids() - {crashed}) == 2, "another worker")
        assert_serves_a_tile(server, "a")
        assert "Traceback" not in server.log()
        assert server.stop() == 0
