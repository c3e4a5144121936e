"""Replies with their bodies still to be read, over new and over reused connections."""

import http.client
from collections.abc import Mapping
from queue import Full
from typing import Protocol

from urllib3 import BaseHTTPResponse, HTTPConnectionPool

from cogread.sources.http_client.connection import BoundedConnection


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
    """A `Reply` over a pooled connection."""

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
        try:
            self._pool.pool.put(self._connection, block=False)  # type: ignore[union-attr]  # None: the pool is closed
        except (Full, AttributeError):
            self._connection.close()


def _joined(items: list[tuple[str, str]]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in items:
        key = name.lower()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return headers
