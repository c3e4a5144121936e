"""Lines that are written in the background: whole and in order, and never a request that waits for their reader."""

import fcntl
import os
import re
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from server.logs.log_writer import MOST_WAITING, THREAD_NAME, DirectStream, LogWriter
from tests.support.app import layer
from tests.support.counting_source import run_threads
from tests.support.gunicorn import Gunicorn
from tests.support.log import wait_for_writers
from tests.support.wait import wait_until

LINES = 2000


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """The end to read and the end to write."""
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def test_lines_of_each_thread_are_in_order_and_none_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with path.open("wb") as log:
        writer = LogWriter(log.fileno())

        def log_lines(number: int) -> None:
            for line in range(LINES):
                writer.put(f"{(number, line)}")

        run_threads(4, log_lines)
        wait_for_writers()
    matches = re.findall(r"^\((\d), (\d+)\)$", path.read_text(), re.MULTILINE)
    for number in range(4):
        assert [int(line) for thread, line in matches if int(thread) == number] == list(range(LINES))


def test_a_line_comes_without_another_that_pushes_it(pipe: tuple[int, int]) -> None:
    writer = LogWriter(pipe[1])
    for line in ("first", "second"):
        writer.put(line)
        wait_for_writers()
        assert os.read(pipe[0], 100).decode() == f"{line}\n"


def test_lines_that_come_one_by_one_are_written_by_the_same_thread(pipe: tuple[int, int]) -> None:
    """Starting a thread takes longer than all the rest of a cached tile."""
    wait_for_writers()
    writer = LogWriter(pipe[1])
    threads = set()
    for line in ("first", "second", "third"):
        writer.put(line)
        assert os.read(pipe[0], 100).decode() == f"{line}\n"
        threads |= {thread for thread in threading.enumerate() if thread.name == THREAD_NAME}
    assert len(threads) == 1
    wait_for_writers()


def test_no_write_is_larger_than_a_pipe_takes_whole(pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the lines of two workers that write to one pipe would be mixed."""
    sizes: list[int] = []
    write = os.write

    def noted(descriptor: int, data: bytes) -> int:
        sizes.append(len(data))
        assert data.endswith(b"\n")
        return write(descriptor, data)

    monkeypatch.setattr(os, "write", noted)
    writer = LogWriter(pipe[1])
    for number in range(300):
        writer.put("x" * number)
    wait_for_writers()
    assert max(sizes) <= select.PIPE_BUF
    assert sum(sizes) == sum(range(301))
    assert len(sizes) < 20


def test_lines_that_nobody_reads_are_dropped_and_counted(pipe: tuple[int, int]) -> None:
    """Instead of filling the memory, or stopping the requests that they tell of."""
    writer = LogWriter(pipe[1], "{} dropped".format)
    for number in range(1000):
        writer.put(f"{number:099}", is_urgent=True)
    wait_until(lambda: not select.select([], [pipe[1]], [], 0)[1])
    for number in range(1000, 3 * MOST_WAITING):
        writer.put(f"{number:099}", is_urgent=True)
    assert sum(thread.name == THREAD_NAME for thread in threading.enumerate()) == 1
    lines: list[str] = []
    data = b""
    while not (lines and lines[-1].endswith(" dropped")) and select.select([pipe[0]], [], [], 10)[0]:
        data += os.read(pipe[0], 1 << 16)
        lines = data.decode().splitlines()
    assert [int(line) for line in lines[:-1]] == list(range(len(lines) - 1))
    assert lines[-1] == f"{3 * MOST_WAITING - len(lines) + 1} dropped"
    writer.put("the reader is back")
    assert os.read(pipe[0], 1 << 16) == b"the reader is back\n"
    wait_for_writers()


def test_a_stream_without_a_thread_drops_and_counts_too(pipe: tuple[int, int]) -> None:
    stream = DirectStream(pipe[1], "{} dropped".format)
    fcntl.fcntl(pipe[1], fcntl.F_SETPIPE_SZ, 4096)
    for number in range(100):
        stream.write(f"{number:099}\n")
    lines = os.read(pipe[0], 1 << 16).decode().splitlines()
    assert [int(line) for line in lines] == list(range(len(lines)))
    stream.write("the reader is back\n")
    assert os.read(pipe[0], 1 << 16).decode() == f"{100 - len(lines)} dropped\nthe reader is back\n"


def test_no_line_is_lost_where_writes_do_not_block(pipe: tuple[int, int]) -> None:
    """A descriptor is inherited as the parent has it; a pipe that is full then refuses instead of waiting."""
    os.set_blocking(pipe[1], False)
    writer, lines = LogWriter(pipe[1]), [f"{number:0100}" for number in range(MOST_WAITING)]
    for line in lines:
        writer.put(line)
    wait_until(lambda: not select.select([], [pipe[1]], [], 0)[1])
    received = b""
    while len(received) < 101 * len(lines) and select.select([pipe[0]], [], [], 10)[0]:
        received += os.read(pipe[0], 1 << 16)
    assert received.decode().splitlines() == lines
    wait_for_writers()


def test_a_reader_that_is_gone_is_no_fault() -> None:
    ends = os.pipe()
    os.close(ends[0])
    writer = LogWriter(ends[1])
    writer.put("lost")
    wait_for_writers()
    os.close(ends[1])


def test_a_process_ends_though_nobody_reads_its_log(pipe: tuple[int, int]) -> None:
    code = "from server.logs.log_writer import LogWriter; [LogWriter(1).put('x' * 1000) for _ in range(200)]"
    subprocess.run([sys.executable, "-c", code], stdout=pipe[1], check=True, timeout=60)


def test_a_process_that_ends_writes_its_last_lines() -> None:
    code = "from server.logs.log_writer import LogWriter; LogWriter(1).put('last')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "last\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT], ids=lambda number: number.name)
def test_a_worker_that_is_told_to_end_writes_its_last_lines(number: signal.Signals) -> None:
    asked = 50
    with Gunicorn({"WEB_CONCURRENCY": "1"}) as server:
        workers = server.pids()
        for _ in range(asked):
            requests.get(f"{server.url}/layers", headers={"Connection": "close"}, timeout=25)
        server.signal(number)
        if number == signal.SIGHUP:
            wait_until(lambda: not server.pids() & workers)
        else:
            server.wait()
        assert server.log().count("path=/layers status=200") == asked


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Path]:
    """A pipe of 4 KiB that stays open without a reader."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    descriptor = os.open(path, os.O_RDWR)
    fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, 4096)
    os.write(descriptor, bytes(4096))
    yield path
    os.close(descriptor)


def test_a_server_whose_log_nobody_reads_serves_reloads_and_ends(full: Path, tmp_path: Path) -> None:
    (tmp_path / "b.tif").write_bytes(b"nothing of an image")
    config = layer("b", tmp_path / "b.tif")
    with Gunicorn({"WEB_CONCURRENCY": "1"}, config, f"exec >{full} 2>&1") as server:
        for path, status in [("/layers/b", 502), ("/health/live", 200)] * 20:
            assert requests.get(server.url + path, timeout=10).status_code == status
        for _ in range(3):
            refused = requests.get(f"{server.url}/health/live", headers={"Host": "a b"}, timeout=10)
            assert refused.status_code == 400, "gunicorn's own, with a line in gunicorn's own log"
        workers = server.pids()
        server.signal(signal.SIGHUP)
        wait_until(lambda: len(server.pids()) == 1 and not server.pids() & workers)
        assert server.is_live()
        assert server.stop() == 0


def test_a_server_without_stderr_writes_into_nobodys_connection(tmp_path: Path) -> None:
    """The number 2 would go to the next socket or file."""
    (tmp_path / "b.tif").write_bytes(b"nothing of an image")
    with Gunicorn({"WEB_CONCURRENCY": "1"}, layer("b", tmp_path / "b.tif"), "exec 0>&- 1>&- 2>&-") as server:
        with requests.Session() as session:
            for path, status in [("/layers/b", 502), ("/nothing", 404)] * 10:
                reply = session.get(server.url + path, timeout=10)
                assert (reply.status_code, reply.json()["status"]) == (status, status)
        for pid in (server.pid, *server.pids()):
            assert [os.readlink(f"/proc/{pid}/fd/{number}") for number in range(3)] == ["/dev/null"] * 3
