"""A GET over the connections of a urllib3 pool: its reply, and the short path over an open connection.

Strategy: urllib3 connects, verifies certificates and handles proxies. For a request over an open connection it adds as
much time as http.client takes in all, so such requests use http.client alone.
"""

import http.client
import re
from collections.abc import Mapping
from contextlib import suppress
from queue import Empty, Full
from typing import Protocol

from urllib3 import BaseHTTPResponse, HTTPConnectionPool

from cogread.deadline import Deadline
from cogread.sources.connection import BoundedConnection


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


_SMALL_BODY = re.compile(r"[0-9]{1,3}")
"""Length of a body short enough to be read to keep its connection."""


class FirstReply:
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


class NextReply:
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


def ask_kept(pool: HTTPConnectionPool, target: str, headers: Mapping[str, str], deadline: Deadline) -> NextReply | None:
    """Send a GET over a connection that the pool keeps.

    Returns:
        The reply; None: the pool has no usable connection.

    Raises:
        OSError, HTTPException: no reply.
    """
    connection = _take_kept(pool)
    if connection is None:
        return None
    try:
        return NextReply(connection.ask_again(target, headers, deadline), connection, pool)
    except BaseException:
        connection.close()
        raise


def finish_redirect(reply: Reply) -> None:
    """Finish a redirect; a small body is read first, so that the connection can be used again."""
    length = reply.headers.get("content-length", "")
    if _SMALL_BODY.fullmatch(length):
        with suppress(Exception):  # then the connection is closed
            reply.read(int(length) or 1)
    reply.finish()


def close_idle(pool: HTTPConnectionPool) -> None:
    """Close the idle connections of the pool, which stays usable (`pool.close()` would end it for all sources)."""
    while (connection := _take(pool)) is not _NOTHING:
        if isinstance(connection, BoundedConnection):
            connection.close()


_NOTHING = object()


def _take(pool: HTTPConnectionPool) -> object:
    """Take the top item of the pool: a connection, or None for a place that was never used."""
    if pool.pool is None:
        return _NOTHING
    try:
        return pool.pool.get(block=False)
    except Empty:
        return _NOTHING


def _take_kept(pool: HTTPConnectionPool) -> BoundedConnection | None:
    """Take an open connection without unexpected bytes."""
    if pool.proxy is not None:  # urllib3 adds the header fields that a proxy needs
        return None
    while isinstance(connection := _take(pool), BoundedConnection):
        if connection.is_connected:
            return connection
        connection.close()
    return None


def _joined(items: list[tuple[str, str]]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in items:
        key = name.lower()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return headers
