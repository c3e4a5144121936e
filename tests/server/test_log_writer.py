"""Lines that are written in the background: whole, in order, and none lost unless the process is killed outright."""

import os
import re
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
import requests

from server.log_writer import MOST_WAITING, THREAD_NAME, LogWriter
from tests.support.counting_source import run_threads
from tests.support.gunicorn import Gunicorn
from tests.support.log import wait_for_writers
from tests.support.wait import wait_until

LINES = 3000


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
        writer: LogWriter[tuple[int, int]] = LogWriter(log.fileno(), str)

        def log_lines(number: int) -> None:
            for line in range(LINES):
                writer.put((number, line))

        run_threads(4, log_lines)
        wait_for_writers()
    found = re.findall(r"^\((\d), (\d+)\)$", path.read_text(), re.MULTILINE)
    for number in range(4):
        assert [int(line) for thread, line in found if int(thread) == number] == list(range(LINES))


def test_a_line_comes_without_another_that_pushes_it(pipe: tuple[int, int]) -> None:
    writer = LogWriter(pipe[1], str)
    for line in ("first", "second"):
        writer.put(line)
        wait_for_writers()
        assert os.read(pipe[0], 100).decode() == f"{line}\n"


def test_no_write_is_larger_than_a_pipe_takes_whole(pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the lines of two workers that write to one pipe would be mixed."""
    sizes: list[int] = []
    write = os.write

    def noted(descriptor: int, data: bytes) -> int:
        sizes.append(len(data))
        assert data.endswith(b"\n")
        return write(descriptor, data)

    monkeypatch.setattr(os, "write", noted)
    writer = LogWriter(pipe[1], str)
    for number in range(300):
        writer.put("x" * number)
    writer.flush()
    assert max(sizes) <= select.PIPE_BUF
    assert sum(sizes) == sum(range(301))
    assert len(sizes) < 20


def test_a_slow_reader_slows_down_those_who_log(pipe: tuple[int, int]) -> None:
    """Instead of filling the memory with lines that nobody reads."""
    writer, put = LogWriter(pipe[1], str), []

    def log() -> None:
        for number in range(10 * MOST_WAITING):
            writer.put("x" * 100)
            put.append(number)

    logger = Thread(target=log)
    logger.start()
    wait_until(lambda: len(put) >= MOST_WAITING)
    assert len(put) < 5 * MOST_WAITING, "a pipe holds 64 KiB"
    assert sum(thread.name == THREAD_NAME for thread in threading.enumerate()) <= 2
    received = 0
    while received < 10 * MOST_WAITING * 101:
        received += len(os.read(pipe[0], 1 << 16))
    logger.join()
    wait_for_writers()


def test_no_line_is_lost_where_writes_do_not_block(pipe: tuple[int, int]) -> None:
    """A descriptor is inherited as the parent has it; a pipe that is full then refuses instead of waiting."""
    os.set_blocking(pipe[1], False)
    writer, lines = LogWriter(pipe[1], str), [f"{number:0100}" for number in range(MOST_WAITING)]
    for line in lines:
        writer.put(line)
    wait_until(lambda: not select.select([], [pipe[1]], [], 0)[1])
    received = b""
    while len(received) < 101 * len(lines) and select.select([pipe[0]], [], [], 10)[0]:
        received += os.read(pipe[0], 1 << 16)
    assert received.decode().splitlines() == lines
    wait_for_writers()


def test_serving_goes_on_when_nobody_reads_the_log(pipe: tuple[int, int]) -> None:
    ends = os.pipe()
    os.close(ends[0])
    writer = LogWriter(ends[1], str)
    writer.put("lost")
    writer.flush()
    os.close(ends[1])


def test_a_process_that_ends_writes_its_last_lines() -> None:
    code = "from server.log_writer import LogWriter; LogWriter(1, str).put('last')"
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
