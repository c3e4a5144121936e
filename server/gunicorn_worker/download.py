"""A reply with a long body, which is sent whenever the client takes more of it.

A download has no thread of its own: the worker's few senders take turns, each for a piece of a download whose client
has room for it. So the number of downloads and the speed of their clients cost tiles no threads.
"""

import socket
import time
from collections.abc import Iterator
from typing import Final, Protocol

SENDERS: Final = 4
"""Threads of a worker that send downloads, and read their pieces."""

STALL_S: Final = 30.0
"""Longest wait for a client that takes nothing more."""

GRACE_S: Final = 60.0
"""Time of a download before its rate counts."""

LEAST_BYTES_PER_S: Final = 8192
"""Least rate of a client, by the average; a slower one would keep its piece in memory for too long."""


class Body(Protocol):
    """An iterator of pieces."""

    def __iter__(self) -> Iterator[bytes]:
        """Itself."""
        ...

    def __next__(self) -> bytes:
        """The next piece; empty if it cannot be read yet."""
        ...

    def close(self) -> None:
        """Release what the body holds; may be called again."""
        ...


class ClientTooSlow(ConnectionError):
    """The client takes less of a download than the least rate."""


class Download:
    """A body on its way. One thread at a time sends it."""

    def __init__(self, body: Body, *, is_kept_alive: bool) -> None:
        """Begin a download, whose head was sent.

        Args:
            body: all of the body.
            is_kept_alive: whether the connection takes the next request after it.
        """
        self.is_kept_alive: Final = is_kept_alive
        self._body = body
        self._left = memoryview(b"")
        self._sent_bytes, self._began_at = 0, time.monotonic()

    def send(self, sock: socket.socket) -> bool:
        """Send as much of a piece as the client has room for; False once all of the body was sent.

        Raises:
            ClientTooSlow: the client is slower than `LEAST_BYTES_PER_S`.
            OSError: the client has gone, or the rest of the body cannot be read.
        """
        if not self._left:
            piece = next(self._body, None)
            if piece is None:
                return False
            self._left = memoryview(piece)
        try:
            sent_bytes = sock.send(self._left, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return True
        self._sent_bytes += sent_bytes
        self._left = self._left[sent_bytes:]
        taken_s = time.monotonic() - self._began_at
        if taken_s > GRACE_S and self._sent_bytes < LEAST_BYTES_PER_S * taken_s:
            raise ClientTooSlow("the client takes less than the least rate of a download")
        return True

    def close(self) -> None:
        """Release the body; may be called again."""
        self._left = memoryview(b"")
        self._body.close()
