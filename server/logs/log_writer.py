"""Writes lines in the background: a request queues its line and never waits for the log's reader.

A line is spelled by its request: a thread that spelled many at once would hold the GIL for so long that the requests
that come meanwhile were the slowest of all.

Strategy: a thread collects lines for a moment, writes them, and ends when none has come for some seconds, so an idle
server has no such thread, and few requests pay for its start. Only this thread may block. Lines beyond `MOST_WAITING`
are dropped and counted; the count is written when the reader is back. The end of the process waits for the last lines,
but not for a reader that is gone. A killed process loses the lines of the last moment.
"""

import atexit
import os
import select
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from threading import Event, Lock, Thread
from typing import Final

from cogread.deadline import NEVER, Deadline
from server.logs.line_format import redacted

PAUSE_S: Final = 0.1
"""Longest time that a line is held back to be written with others."""

IDLE_PAUSES: Final = 50
"""Pauses without a line after which the thread ends. Starting one holds a request up for half a millisecond."""

MOST_WAITING: Final = 10_000
"""Length of the queue: the lines of a second at a worker's full rate, some 5 MB."""

END_S: Final = 1.0
"""Wait for the last lines at the end of the process."""

THREAD_NAME: Final = "log"

_SOON: Final = 256
"""Length of the queue at which lines are written at once."""


class LogWriter:
    """Writes to a file descriptor, in the order of `put`. Safe to share between threads, not between processes."""

    def __init__(self, descriptor: int, dropped: Callable[[int], str] = "{} lines dropped".format) -> None:
        """Make a writer.

        Args:
            descriptor: the file that gets the lines.
            dropped: makes the line that reports a number of dropped lines.
        """
        self._fd, self._spell_dropped = descriptor, dropped
        self._waiting: deque[str] = deque()
        self._dropped = 0
        self.dropped_lines = 0
        """Number of dropped lines since the start."""
        self._is_running = self._is_ending = False
        self._starting = Lock()
        self._hurry = Event()

    def put(self, line: str, *, is_urgent: bool = False) -> None:
        """Queue a line, which is written within a moment.

        Args:
            line: the line without its end.
            is_urgent: write the line at once.
        """
        if len(self._waiting) >= MOST_WAITING:
            self._dropped += 1  # a race loses a count, which does not matter
            self.dropped_lines += 1
            return
        self._waiting.append(line)
        if is_urgent or len(self._waiting) == _SOON:
            self._hurry.set()
        if not self._is_running and self._claim():
            self._start()

    def finish(self) -> None:
        """Let the thread end once all lines are written."""
        self._is_ending = True
        self._hurry.set()

    def write_lines(self) -> None:
        """Write lines as they come; the work of the thread."""
        goes_on = True
        while goes_on:
            try:
                self._write_until_idle()
            finally:
                self._is_running = False  # first: a line that comes from now on is seen here, or starts a thread
            goes_on = bool(self._waiting) and self._claim()

    def _write_until_idle(self) -> None:
        pauses_left = IDLE_PAUSES
        while self._waiting or (pauses_left and not self._is_ending):
            self._hurry.wait(PAUSE_S)
            self._hurry.clear()
            pauses_left = IDLE_PAUSES if self._waiting else pauses_left - 1
            self._write_waiting(may_block=True)

    def _claim(self) -> bool:
        """Become the writing thread, unless there is one."""
        with self._starting:
            is_free = not self._is_running
            self._is_running = True
            return is_free

    def _start(self) -> None:
        try:
            _WriterThread(self).start()
        except RuntimeError:  # the machine has no more threads, or the interpreter is ending
            try:
                self._write_waiting(may_block=False)
            finally:
                self._is_running = False

    def _write_waiting(self, *, may_block: bool) -> None:
        for chunk in _chunks(self._take()):
            if may_block or _is_writable(self._fd):
                with suppress(OSError):  # the reader is gone for good: serving goes on
                    _write(self._fd, chunk)

    def _take(self) -> Iterator[bytes]:
        while self._waiting:
            yield f"{self._waiting.popleft()}\n".encode(errors="backslashreplace")
        dropped, self._dropped = self._dropped, 0
        if dropped:
            yield f"{self._spell_dropped(dropped)}\n".encode()


class _WriterThread(Thread):
    def __init__(self, writer: LogWriter) -> None:
        super().__init__(name=THREAD_NAME, daemon=True)
        self.writer = writer

    def run(self) -> None:
        self.writer.write_lines()


class LogStream:
    """A writer as the stream of a `logging.StreamHandler`."""

    def __init__(self, writer: LogWriter) -> None:
        self._writer = writer

    def write(self, text: str) -> None:
        """Queue a record, which ends with a line break."""
        self._writer.put(redacted(text.removesuffix("\n")), is_urgent=True)

    def flush(self) -> None:
        """Do nothing: a writer never waits for the reader."""


class DirectStream:
    """A stream without a thread, for a process that forks: a record that would block is dropped and counted."""

    def __init__(self, descriptor: int, dropped: Callable[[int], str] = "{} lines dropped".format) -> None:
        self._fd, self._spell_dropped = descriptor, dropped
        self._dropped = 0

    def write(self, text: str) -> None:
        """Write a record, which ends with a line break."""
        report = f"{self._spell_dropped(self._dropped)}\n" if self._dropped else ""
        data = (report + redacted(text)).encode(errors="backslashreplace")
        with suppress(OSError):  # the reader is gone for good
            for start in range(0, len(data), select.PIPE_BUF):  # a pipe accepts such a chunk whole or not at all
                if not _is_writable(self._fd):
                    self._dropped += 1
                    return
                os.write(self._fd, data[start : start + select.PIPE_BUF])
            self._dropped = 0

    def flush(self) -> None:
        """Do nothing: everything is written already."""


def _chunks(lines: Iterator[bytes]) -> Iterator[bytes]:
    """Join lines into chunks that a pipe takes atomically beside other writers (POSIX, `write`)."""
    chunk: list[bytes] = []
    size = 0
    for line in lines:
        if size + len(line) > select.PIPE_BUF and chunk:
            yield b"".join(chunk)
            chunk, size = [], 0
        chunk.append(line)
        size += len(line)
    if chunk:
        yield b"".join(chunk)


def _is_writable(descriptor: int) -> bool:
    return bool(select.select([], [descriptor], [], 0)[1])


def _write(descriptor: int, data: bytes) -> None:
    while data:
        try:
            data = data[os.write(descriptor, data) :]
        except BlockingIOError:  # the parent process made the descriptor non-blocking
            select.select([], [descriptor], [])


def finish_writers(deadline: Deadline = NEVER) -> None:
    """Return when the lines of all writers are written, or at the deadline."""
    for thread in threading.enumerate():
        if isinstance(thread, _WriterThread):
            thread.writer.finish()
            thread.join(deadline.left_s)


atexit.register(lambda: finish_writers(Deadline.after(END_S)))
