"""A worker and crowds of clients: silent, slow, idle and lingering ones, and a limit of file descriptors."""

import re
import resource
import signal
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from selectors import DefaultSelector
from threading import Event, Thread
from typing import Any

import pytest
import requests
from gunicorn.config import Config
from gunicorn.workers.gthread import ThreadWorker

from server.gunicorn_worker import client_socket
from server.gunicorn_worker import worker as worker_module
from server.gunicorn_worker.connection import Connection, Head
from server.gunicorn_worker.log import Logger
from server.gunicorn_worker.worker import Worker
from tests.support import faults
from tests.support.app import ROOT, layer
from tests.support.gunicorn import PARSERS, Gunicorn
from tests.support.origin import Origin
from tests.support.tiffs import gdal_tiff
from tests.support.wait import wait_until

TILE = "/layers/a/tiles/native/0/0/0.jpg"
CONFIG = layer("a", ROOT / "data" / "world.tif")
GET = f"GET {TILE} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
LIMIT = 256
"""File descriptors of a worker: they leave two connections for each of its 32 threads."""
CONNECTIONS = 64
CLIENTS = 200


@pytest.fixture(scope="module", params=PARSERS)
def server(request: pytest.FixtureRequest) -> Iterator[Gunicorn]:
    """One worker of one thread: a client that holds it holds up all others."""
    environment = {"WEB_CONCURRENCY": "1", "GUNICORN_CMD_ARGS": "--threads=1"}
    with Gunicorn(environment, CONFIG, parser=request.param) as running:
        yield running


@contextmanager
def open_sockets(server: Gunicorn, count: int, sent: bytes = b"") -> Iterator[list[socket.socket]]:
    """Clients that have connected, one after the other, and sent this."""
    with ExitStack() as stack:
        clients = []
        for _ in range(count):
            clients.append(stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=10)))
            clients[-1].sendall(sent)
        yield clients


def status(server: Gunicorn, path: str = TILE) -> int:
    """The answer to a new client, which waits as long as one thread takes for two silent clients of gunicorn's own."""
    return requests.get(server.url + path, timeout=10).status_code


def reply(client: socket.socket) -> bytes:
    """A whole reply on a connection that is kept."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += received(client)
    head, _, body = data.partition(b"\r\n\r\n")
    size = re.search(rb"\r\nContent-Length: ([0-9]+)", head)
    assert size
    while len(body) < int(size[1]):
        body += received(client)
    return head.partition(b"\r\n")[0]


def received(client: socket.socket) -> bytes:
    data = client.recv(65536)
    assert data, "the connection was closed"
    return data


def is_closed(client: socket.socket) -> bool:
    client.setblocking(False)
    try:
        return client.recv(65536) == b""
    except ConnectionError:
        return True
    except BlockingIOError:
        return False


@pytest.mark.parametrize("sent", [b"", GET[:-1], GET + GET[:20]], ids=["nothing", "a part", "a request and a part"])
def test_clients_that_do_not_finish_their_request_hold_no_thread(sent: bytes, server: Gunicorn) -> None:
    with open_sockets(server, CLIENTS, sent) as clients:
        for client in clients:
            if sent.startswith(GET):
                assert reply(client) == b"HTTP/1.1 200 OK"
        assert status(server) == 200
        for client in clients[:3]:
            client.sendall(GET[len(sent) % len(GET) :])
            assert reply(client) == b"HTTP/1.1 200 OK"


def test_a_head_may_come_byte_by_byte(server: Gunicorn) -> None:
    with open_sockets(server, 1) as (client,):
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(len(GET)):
            client.sendall(GET[at : at + 1])
        assert reply(client) == b"HTTP/1.1 200 OK"


def test_a_head_without_end_is_refused(server: Gunicorn) -> None:
    endless = GET[:-2] + b"".join(b"X-%d: %s\r\n" % (number, b"x" * 1000) for number in range(40))
    with open_sockets(server, 1, endless) as (client,):
        assert received(client).startswith(b"HTTP/1.1 431 ")


def test_clients_that_leave_their_ended_connection_open_hold_up_nobody(server: Gunicorn) -> None:
    """Gunicorn's own event loop waits two seconds for each."""
    with open_sockets(server, 20, GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")) as clients:
        for client in clients:
            assert received(client).startswith(b"HTTP/1.1 200 ")
        assert status(server) == 200


def test_a_client_that_sends_on_and_on_is_cut_off(server: Gunicorn) -> None:
    def send_on(client: socket.socket) -> None:
        for _ in range(1000):
            client.sendall(bytes(1 << 20))

    upload = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n"
    with open_sockets(server, 1, upload) as (client,), pytest.raises(ConnectionError):
        send_on(client)
    assert status(server) == 200


def test_requests_that_are_sent_together_are_answered_in_their_order(server: Gunicorn) -> None:
    """A reply without a body among them."""
    targets = [f"GET {TILE}", "GET /layers/nothing", f"HEAD {TILE}", "GET /nothing", "GET /layers"]
    heads = [f"{target} HTTP/1.1\r\nHost: a\r\n\r\n" for target in targets]
    heads[-1] = heads[-1].replace("Host", "Connection: close\r\nHost")
    with open_sockets(server, 1, "".join(heads).encode()) as (client,):
        replies = b"".join(iter(partial(client.recv, 65536), b""))
    assert re.findall(rb"HTTP/1\.1 ([0-9]+) ", replies) == [b"200", b"404", b"200", b"404", b"200"]


def test_a_client_that_asks_on_and_on_lets_others_in(server: Gunicorn) -> None:
    statuses: list[int] = []
    enough = Event()

    def ask_on() -> None:
        connection = HTTPConnection("127.0.0.1", server.port, timeout=60)
        while not enough.is_set():
            connection.request("GET", TILE)
            answer = connection.getresponse()
            answer.read()
            statuses.append(answer.status)
        connection.close()

    with ThreadPoolExecutor(1) as clients:
        asking = clients.submit(ask_on)
        try:
            for _ in range(20):
                before = len(statuses)
                wait_until(lambda before=before: len(statuses) > before + 5)  # type: ignore[misc]
                assert status(server) == 200
        finally:
            enough.set()
        asking.result()
    assert set(statuses) == {200}


def test_the_idlest_connections_make_room_for_newcomers() -> None:
    """Never one with a request in flight."""
    hold = faults.Hold()
    with Origin() as origin, ExitStack() as stack:
        origin.put("/b.tif", gdal_tiff("jpeg-ycbcr"))
        origin.fail("/b.tif", hold)
        config = CONFIG + "[sources.patient]\ntype = 'http'\nread_timeout_s = 25\n"
        config += layer("b", f"{origin.url}/b.tif", "source = 'patient'")
        server = stack.enter_context(Gunicorn({"WEB_CONCURRENCY": "1"}, config, f"ulimit -n {LIMIT}"))
        workers = server.pids()
        (waiting,) = stack.enter_context(open_sockets(server, 1, GET.replace(b"/a/", b"/b/")))
        wait_until(lambda: bool(origin.requests))
        silent = stack.enter_context(open_sockets(server, 10))
        clients = []
        for _ in range(CLIENTS):
            clients += stack.enter_context(open_sockets(server, 1, GET))
            assert reply(clients[-1]) == b"HTTP/1.1 200 OK"
        assert all(is_closed(client) for client in (*silent, *clients[:-CONNECTIONS]))
        assert not any(is_closed(client) for client in clients[4 - CONNECTIONS :])
        hold.is_over.set()
        assert reply(waiting) == b"HTTP/1.1 200 OK"
        assert server.pids() == workers
        assert "cannot accept" not in server.log()


def test_idle_connections_make_room_where_descriptors_run_out() -> None:
    """Before the worker has as many connections as it may."""
    more = {"WEB_CONCURRENCY": "1", "GUNICORN_CMD_ARGS": "--worker-connections=1000"}
    with Gunicorn(more, CONFIG, "ulimit -n 100") as server, ExitStack() as stack:
        workers = server.pids()
        clients = []
        for _ in range(CLIENTS):
            clients += stack.enter_context(open_sockets(server, 1, b"GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n"))
            assert reply(clients[-1]) == b"HTTP/1.1 200 OK"
        assert server.pids() == workers
        assert server.log().count("cannot accept connections: Too many open files") == 1


def test_a_worker_that_has_no_descriptor_left_pauses_until_there_is_one() -> None:
    with Gunicorn({"WEB_CONCURRENCY": "1"}, CONFIG) as server:
        assert [status(server) for _ in range(3)] == [200] * 3  # the tile is in memory and needs no descriptor
        (worker,) = server.pids()
        limits = resource.prlimit(worker, resource.RLIMIT_NOFILE)
        most_open = max(int(entry.name) for entry in Path(f"/proc/{worker}/fd").iterdir())
        resource.prlimit(worker, resource.RLIMIT_NOFILE, (most_open + 1, limits[1]))
        with open_sockets(server, CLIENTS, GET) as clients:
            wait_until(lambda: "cannot accept connections: Too many open files" in server.log())
            resource.prlimit(worker, resource.RLIMIT_NOFILE, limits)
            for client in clients:
                assert reply(client) == b"HTTP/1.1 200 OK"
        assert server.pids() == {worker}
        assert server.log().count("cannot accept") == 1


def test_idle_connections_are_closed_after_the_keepalive_time_and_busy_ones_are_not() -> None:
    environment = {"WEB_CONCURRENCY": "1", "GUNICORN_CMD_ARGS": "--threads=1 --keep-alive=2"}
    with (
        Gunicorn(environment, CONFIG) as server,
        open_sockets(server, 2, GET) as (busy, idle),
        open_sockets(server, 1) as (silent,),
    ):
        assert reply(idle) == b"HTTP/1.1 200 OK"

        def is_over() -> bool:
            assert reply(busy) == b"HTTP/1.1 200 OK"
            busy.sendall(GET)
            return is_closed(idle) and is_closed(silent)

        wait_until(is_over)


def test_a_worker_that_may_not_start_all_threads_serves_with_fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[str] = []

    def start(thread: Thread) -> None:
        if len(started) == 3:
            raise RuntimeError("can't start new thread")
        started.append(thread.name)

    monkeypatch.setattr(Thread, "start", start)
    monkeypatch.setattr(ThreadWorker, "run", lambda worker: started.append("event loop"))
    config = Config()
    config.set("threads", 8)
    worker = Worker(0, 0, [], None, 30, config, Logger(config))
    worker.get_thread_pool()
    worker.run()
    worker.tmp.close()
    assert started == ["request", "request", "request", "event loop"]


@pytest.mark.parametrize(("workers", "taken"), [(2, 1), (1, 2)])
def test_a_worker_leaves_the_next_connection_of_a_burst_to_the_others(
    workers: int, taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other worker accepts it in the pause."""
    config = Config()
    config.set("workers", workers)
    worker = Worker(0, 0, [], None, 30, config, Logger(config))
    waiting = worker.get_thread_pool()
    with ExitStack() as stack:
        stack.callback(worker.tmp.close)
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        listener.setblocking(False)
        monkeypatch.setattr("time.sleep", lambda _: stack.enter_context(listener.accept()[0]))
        monkeypatch.setattr(worker_module, "BURST_S", 20.0)
        for _ in range(2):
            stack.enter_context(socket.create_connection(listener.getsockname()))
        for _ in range(2):
            worker.accept(listener)
        assert worker.nr_conns == taken
        for conn in waiting.first(taken):
            conn.close()


class ManualWorker:
    """A worker without threads and event loop, of connections that a test drives."""

    def __init__(self, stack: ExitStack, most_connections: int) -> None:
        self._stack = stack
        config = Config()
        config.set("worker_connections", most_connections)
        self.worker = Worker(0, 0, [], None, 30, config, Logger(config))
        self.waiting = self.worker.get_thread_pool()
        self.worker.poller = stack.enter_context(DefaultSelector())
        self.listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        self.listener.setblocking(False)
        stack.callback(self.worker.tmp.close)
        stack.callback(self.worker.murder_keepalived, force=True)

    def client(self) -> socket.socket:
        return self._stack.enter_context(socket.create_connection(self.listener.getsockname(), timeout=10))

    def connect(self, sent: bytes = b"") -> Connection:
        """A connection whose client has sent this."""
        self.client().sendall(sent)
        self.worker.accept(self.listener)
        conn: Connection = self.waiting.first(99)[-1]
        self._stack.callback(conn.close)
        wait_until(lambda: not sent or conn.has_request())
        return conn

    def take(self) -> Connection | None:
        with ThreadPoolExecutor(1) as threads:
            return threads.submit(self.waiting.take).result(20)


@pytest.fixture
def manual() -> Iterator[ManualWorker]:
    with ExitStack() as stack:
        yield ManualWorker(stack, 3)


def test_only_connections_without_a_request_are_closed_while_no_thread_is_free(manual: ManualWorker) -> None:
    """Neither when their time is over, nor when there are too many: their requests have come, unread or read ahead."""
    ahead = manual.connect(GET + GET)
    assert manual.take() is ahead
    assert ahead.read_head() is Head.WHOLE
    next(ahead.parser)
    manual.waiting.put_back(ahead, is_ready=True)
    unread, idle, idlest = manual.connect(GET), manual.connect(), manual.connect()
    manual.worker.murder_keepalived()
    assert manual.waiting.first(9) == [ahead, unread]
    for conn in (ahead, unread, newest := manual.connect()):
        conn.timeout = 0
    manual.worker.murder_keepalived()
    assert [conn.sock.fileno() for conn in (idle, idlest, newest)] == [-1, -1, -1]
    assert {manual.take(), manual.take()} == {ahead, unread}


def test_clients_in_the_listen_queue_take_the_places_of_idle_ones_at_the_stop(manual: ManualWorker) -> None:
    """Nothing accepts them afterwards."""
    idle = [manual.connect() for _ in range(3)]
    for _ in range(3):
        manual.client().sendall(GET)
    manual.worker.sockets = [manual.listener]
    manual.worker.alive = False
    manual.worker.set_accept_enabled(False)
    assert {conn.sock.fileno() for conn in idle} == {-1}
    assert manual.worker.nr_conns == 3


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, MemoryError])
def test_a_thread_serves_on_after_any_error_in_a_request(error: type[BaseException], manual: ManualWorker) -> None:
    replies = iter([error, None])

    def app(environ: Any, start_response: Any) -> list[bytes]:
        if failure := next(replies):
            raise failure
        start_response("200 OK", [("Content-Length", "0")])
        return []

    manual.worker.wsgi = app
    manual.worker.method_queue.init()
    thread = Thread(target=manual.worker.make_threads().serve, daemon=True)
    thread.start()
    for _ in range(2):
        client = manual.client()
        client.sendall(GET)
        manual.worker.accept(manual.listener)
    assert reply(client) == b"HTTP/1.1 200 OK"
    manual.waiting.shutdown()
    thread.join(20)
    manual.worker.method_queue.run_callbacks(None)
    manual.worker.murder_keepalived(force=True)
    manual.worker.method_queue.close()
    assert manual.worker.nr_conns == 0


@pytest.mark.parametrize("place", ["take", "put_back", "defer"])
def test_a_thread_and_the_count_of_connections_outlive_a_lack_of_memory_outside_requests(
    place: str, manual: ManualWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Length", "0")])
        return []

    def scarce(method: Callable[..., Any]) -> Callable[..., Any]:
        failures = [MemoryError, MemoryError]

        def call(*arguments: Any, **more: Any) -> Any:
            if failures:
                raise failures.pop()
            return method(*arguments, **more)

        return call

    worker = manual.worker
    worker.wsgi = app
    worker.method_queue.init()
    owner = worker.method_queue if place == "defer" else manual.waiting
    monkeypatch.setattr(owner, place, scarce(getattr(owner, place)))
    monkeypatch.setattr(worker.log, "exception", scarce(worker.log.exception))
    thread = Thread(target=worker.make_threads().serve, daemon=True)
    thread.start()
    for _ in range(4):
        client = manual.client()
        client.sendall(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") if place == "defer" else GET)
        worker.accept(manual.listener)
        assert reply(client) == b"HTTP/1.1 200 OK"
    manual.waiting.shutdown()
    thread.join(20)
    assert not thread.is_alive()
    worker.method_queue.run_callbacks(None)
    worker.murder_keepalived(force=True)
    worker.method_queue.close()
    assert worker.nr_conns == 0


def test_a_new_client_has_time_for_its_request_where_no_connection_is_kept() -> None:
    environment = {"WEB_CONCURRENCY": "1", "GUNICORN_CMD_ARGS": "--keep-alive=0"}
    with Gunicorn(environment, CONFIG) as server, open_sockets(server, 1) as (client,):
        assert status(server) == 200
        client.sendall(GET)
        assert reply(client) == b"HTTP/1.1 200 OK"


def test_workers_whose_master_was_killed_free_the_port_and_answer_what_they_hold() -> None:
    """A new master can start while they end."""
    hold = faults.Hold()
    with Origin() as origin, ExitStack() as stack:
        origin.put("/b.tif", gdal_tiff("jpeg-ycbcr"))
        origin.fail("/b.tif", hold)
        stack.callback(hold.is_over.set)
        config = "[sources.patient]\ntype = 'http'\nread_timeout_s = 25\n"
        config += layer("b", f"{origin.url}/b.tif", "source = 'patient'")
        server = stack.enter_context(Gunicorn({"WEB_CONCURRENCY": "1"}, config))
        (waiting,) = stack.enter_context(open_sockets(server, 1, GET.replace(b"/a/", b"/b/")))
        wait_until(lambda: bool(origin.requests))
        server.signal(signal.SIGKILL)
        assert server.wait() == -signal.SIGKILL

        def is_refused() -> bool:
            try:
                stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=10))
            except ConnectionRefusedError:
                return True
            return False

        wait_until(is_refused)
        hold.is_over.set()
        assert reply(waiting) == b"HTTP/1.1 200 OK"


def test_the_limit_of_descriptors_is_raised() -> None:
    with Gunicorn({"WEB_CONCURRENCY": "1"}, CONFIG, "ulimit -Sn 128; ulimit -Hn 1024") as server:
        for pid in (server.pid, *server.pids()):
            assert re.search(r"^Max open files +1024 +1024 ", Path(f"/proc/{pid}/limits").read_text(), re.MULTILINE)


def test_a_client_that_stops_reading_loses_its_connection_and_gives_back_the_thread_and_the_reply(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(client_socket, "SEND_S", 1)
    body = Body()

    def app(environ: Any, start_response: Any) -> Body:
        start_response("200 OK", [("Content-Length", str(Body.SIZE))])
        return body

    config = Config()
    worker = Worker(0, 0, [], None, 30, config, Logger(config))
    worker.wsgi = app
    with (
        ThreadPoolExecutor(1) as threads,
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()) as client,
    ):
        accepted, address = listener.accept()
        client.sendall(GET)
        conn = Connection(config, client_socket.ClientSocket(accepted), address, address)
        handled = threads.submit(worker.handle, conn)
        try:
            assert handled.result(20) is False
        finally:
            client.close()
            conn.close()
            worker.tmp.close()
    assert body.is_closed


class Body:
    """A reply that fits into no buffer of a socket."""

    SIZE = 1 << 26
    is_closed = False

    def __iter__(self) -> Iterator[bytes]:
        return iter([bytes(self.SIZE)])

    def close(self) -> None:
        self.is_closed = True
