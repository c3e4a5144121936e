"""RESP 2, the protocol of Redis, with as few system calls and copies as it allows: commands, and a parser for redis-py.

A reply of up to 64 KiB is read by one call of `recv`, and a value is cut out of the buffer once. redis-py's own parser
reads it in halves and copies it five times; hiredis does not help, because values are long and replies few.
"""

from collections.abc import Iterable
from typing import Any, Final

from redis._parsers import BaseParser
from redis.exceptions import ConnectionError, InvalidResponse

BUFFER_BYTES: Final = 64 * 1024
"""Size of the buffer of a connection. A line of a reply fits into it, longer values are read past it."""

LONGEST_BYTES: Final = 16 * 1024 * 1024
"""Size of the longest value that is read. Redis takes 32 times as much, more than a worker may have memory for."""


def pack(commands: Iterable[Iterable[object]]) -> bytes:
    """The bytes of commands, whose words are text, bytes or integers."""
    parts: list[bytes] = []
    for command in commands:
        words = [word if isinstance(word, bytes) else str(word).encode() for word in command]
        parts.append(b"*%d\r\n" % len(words))
        parts += [b"$%d\r\n%b\r\n" % (len(word), word) for word in words]
    return b"".join(parts)


class ReplyParser(BaseParser):
    """Reads the replies on a connection of redis-py.

    Errors are returned as values, as redis-py expects, but for those that mean the end of the connection.
    """

    def __init__(self, socket_read_size: int = 0) -> None:
        self._buffer = bytearray(BUFFER_BYTES)
        self._view = memoryview(self._buffer)
        self._start = self._stop = 0
        """The bytes that were received and not read yet."""
        self._socket: Any = None

    def on_connect(self, connection: Any) -> None:
        """Read from a new connection."""
        self._socket, self._start, self._stop = connection._sock, 0, 0

    def on_disconnect(self) -> None:
        """Read nothing more."""
        self._socket = None

    def read_response(self, disable_decoding: bool = False, timeout: object = None) -> object:
        """Read a reply; the parameters are redis-py's and have no effect."""
        line = self._line()
        kind, rest = line[:1], line[1:]
        if kind == b"$":
            return self._bulk(int(rest))
        if kind == b"*":
            count = int(rest)
            return None if count < 0 else [self.read_response() for _ in range(count)]
        if kind == b":":
            return int(rest)
        if kind == b"+":
            return rest
        if kind != b"-":
            raise InvalidResponse(f"a reply that begins with {kind!r}")
        error = self.parse_error(rest.decode(errors="replace"))  # type: ignore[no-untyped-call]
        if isinstance(error, ConnectionError):
            raise error
        return error

    def _line(self) -> bytes:
        while (stop := self._buffer.find(b"\r\n", self._start, self._stop)) < 0:
            self._receive()
        line, self._start = bytes(self._view[self._start : stop]), stop + 2
        return line

    def _bulk(self, size: int) -> bytes | None:
        if size < 0:
            return None
        stop = self._start + size
        while stop + 2 > self._stop:
            if size + 2 > BUFFER_BYTES:
                return self._long(size)
            self._receive()
            stop = self._start + size
        value, self._start = bytes(self._view[self._start : stop]), stop + 2
        return value

    def _long(self, size: int) -> bytes:
        """Read a value that does not fit into the buffer."""
        if size > LONGEST_BYTES:
            raise InvalidResponse(f"a value of {size} bytes, wanted {LONGEST_BYTES} at most")
        parts = [bytes(self._view[self._start : self._stop])]
        self._start = self._stop = 0
        missing = size + 2 - len(parts[0])
        while missing:
            parts.append(self._got(self._socket.recv(min(missing, 16 * BUFFER_BYTES))))
            missing -= len(parts[-1])
        return b"".join(parts)[:-2]

    def _receive(self) -> None:
        """Receive more bytes behind those in the buffer."""
        if self._start:
            rest = self._buffer[self._start : self._stop]
            self._view[: len(rest)] = rest
            self._start, self._stop = 0, len(rest)
        if self._stop == BUFFER_BYTES:
            raise InvalidResponse(f"a line of more than {BUFFER_BYTES} bytes")
        self._stop += self._got(self._socket.recv_into(self._view[self._stop :]))

    def _got(self, received: Any) -> Any:
        if not received:
            raise ConnectionError("closed by the server")
        return received
