"""Writes lines in the background: a request pays for noting what its line says, not for spelling and writing it.

Strategy: what comes is gathered for a moment by a thread that lives just as long, so that nothing runs while nothing is
logged, and the end of the process, which waits for its threads, loses no line. Killed outright, it loses that moment's.
"""

import os
import select
import time
from collections import deque
from collections.abc import Callable, Iterator
from threading import Lock, Thread
from typing import Final, Generic, TypeVar

T = TypeVar("T")

PAUSE_S: Final = 0.1
"""How long a line waits at most for others."""

MOST_WAITING: Final = 2000
"""Lines; who brings more writes them himself, so that a reader of the log that is slow slows the requests down instead
of filling the memory."""

THREAD_NAME: Final = "log"


class LogWriter(Generic[T]):
    """Writes to a file descriptor, in the order of `put`. Safe to share between threads."""

    def __init__(self, descriptor: int, spell: Callable[[T], str]) -> None:
        """Make a writer.

        Args:
            descriptor: where lines go.
            spell: makes a line, without its end, of what was put.
        """
        self._fd, self._spell = descriptor, spell
        self._waiting: deque[T] = deque()
        self._is_awaited = False
        self._mutex = Lock()

    def put(self, entry: T) -> None:
        """Have a line written within a moment."""
        self._waiting.append(entry)
        if not self._is_awaited:
            self._is_awaited = True
            self._start()
        elif len(self._waiting) > MOST_WAITING:
            self.flush()

    def flush(self) -> None:
        """Write all that was put so far."""
        with self._mutex:
            self._write_all()

    def _start(self) -> None:
        try:
            Thread(target=self._write_later, name=THREAD_NAME).start()
        except RuntimeError:  # no more threads are to be had, or the interpreter is ending
            self._write_now()

    def _write_later(self) -> None:
        time.sleep(PAUSE_S)
        self._write_now()

    def _write_now(self) -> None:
        with self._mutex:  # so that while one thread is stuck in writing no more than one other is started
            self._is_awaited = False  # first: what is put from now on is awaited anew, or written now
            self._write_all()

    def _write_all(self) -> None:
        try:
            for chunk in _chunks(self._take()):
                _write(self._fd, chunk)
        except OSError:
            return  # nobody reads the log any more: serving goes on

    def _take(self) -> Iterator[bytes]:
        for _ in range(len(self._waiting)):
            yield f"{self._spell(self._waiting.popleft())}\n".encode()


def _chunks(lines: Iterator[bytes]) -> Iterator[bytes]:
    """Put lines together as far as a pipe takes them whole, though other processes write to it too (POSIX, `write`)."""
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


def _write(descriptor: int, data: bytes) -> None:
    while data:
        try:
            data = data[os.write(descriptor, data) :]
        except BlockingIOError:  # whoever started the server made it so; what does not fit now is not to be lost
            select.select([], [descriptor], [])
