"""Replies with their bodies still to be read, over new and over reused connections."""

import http.client
from collections.abc import Mapping
from queue import Full
from typing import Final, Protocol

from urllib3 import BaseHTTPResponse, HTTPConnectionPool

from cogread.sources.http_client.connection import BoundedConnection, Patience
from cogread.sources.http_client.reply_head import ReplyHead

_PART_BYTES: Final = 64 * 1024
"""Longest part of a body that is received at once."""


class Reply(Protocol):
    """A reply with its header received and its body still to be read."""

    @property
    def status(self) -> int:
        """Status code of RFC 9110 §15."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Header fields by names in lower case; repeated fields are joined by commas."""
        ...

    @property
    def is_at_end(self) -> bool:
        """True after all of the body was read."""
        ...

    def read(self, size_bytes: int) -> bytes:
        """Read this much of the body, or all that is left."""
        ...

    def finish(self) -> None:
        """Give the connection back; it is closed unless the body was read to its end."""
        ...


class Urllib3Reply:
    """A `Reply` over a new connection of urllib3."""

    def __init__(self, reply: BaseHTTPResponse) -> None:
        self._reply = reply
        self.status = reply.status
        self.headers: Mapping[str, str] = reply.headers

    @property
    def is_at_end(self) -> bool:
        """See `Reply.is_at_end`."""
        return self._reply.closed

    def read(self, size_bytes: int) -> bytes:
        """See `Reply.read`."""
        return self._reply.read(size_bytes, decode_content=False)

    def finish(self) -> None:
        """See `Reply.finish`."""
        self._reply.close()
        self._reply.release_conn()


class ReusedReply:
    """A `Reply` over a pooled connection, of a form that http.client has to read."""

    def __init__(
        self, reply: http.client.HTTPResponse, connection: BoundedConnection, pool: HTTPConnectionPool
    ) -> None:
        self._reply, self._connection, self._pool = reply, connection, pool
        self.status = reply.status
        self.headers: Mapping[str, str] = _joined(reply.headers.items())

    @property
    def is_at_end(self) -> bool:
        """See `Reply.is_at_end`."""
        return self._reply.isclosed()

    def read(self, size_bytes: int) -> bytes:
        """See `Reply.read`."""
        return self._reply.read(size_bytes)

    def finish(self) -> None:
        """See `Reply.finish`."""
        if not self.is_at_end:
            self._reply.close()
            self._connection.close()
        _give_back(self._connection, self._pool)


class UsualReply:
    """A `Reply` over a pooled connection, of the usual form."""

    def __init__(
        self,
        head: ReplyHead,
        received: bytes,
        connection: BoundedConnection,
        pool: HTTPConnectionPool,
        patience: Patience,
    ) -> None:
        self._connection, self._pool, self._patience = connection, pool, patience
        self.status, self.headers = head.status, head.headers
        self._received = received[head.size_bytes :]
        self._left_bytes = head.body_bytes

    @property
    def is_at_end(self) -> bool:
        """See `Reply.is_at_end`."""
        return not self._left_bytes

    def read(self, size_bytes: int) -> bytes:
        """See `Reply.read`."""
        wanted_bytes = min(size_bytes, self._left_bytes)
        if len(self._received) < wanted_bytes:
            self._receive(wanted_bytes)
        data, self._received = self._received[:wanted_bytes], self._received[wanted_bytes:]
        self._left_bytes -= len(data)
        return data

    def finish(self) -> None:
        """See `Reply.finish`; bytes behind the body would be taken for the next reply."""
        if self._left_bytes or self._received:
            self._connection.close()
        _give_back(self._connection, self._pool)

    def _receive(self, wanted_bytes: int) -> None:
        """Receive what there is until that is enough, and so all that TLS has decrypted already."""
        parts, left_bytes = [self._received], wanted_bytes - len(self._received)
        while left_bytes > 0:
            self._patience.bound(self._connection.sock)
            part = self._connection.sock.recv(_PART_BYTES)
            if not part:
                break
            parts.append(part)
            left_bytes -= len(part)
        self._received = b"".join(parts)


def _give_back(connection: BoundedConnection, pool: HTTPConnectionPool) -> None:
    try:
        pool.pool.put(connection, block=False)  # type: ignore[union-attr]  # None: the pool is closed
    except (Full, AttributeError):
        connection.close()


def _joined(items: list[tuple[str, str]]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in items:
        key = name.lower()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return headers
