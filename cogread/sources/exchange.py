"""A GET over the connections of a urllib3 pool: its reply, and the short way over a connection that stands.

Strategy: urllib3 connects, looks at certificates, and goes through proxies. Once that is done it adds to a request as
much time as http.client takes for all of it, so a connection that is kept in the pool is asked by http.client alone.
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
    """A reply whose header has come, and whose body is still to be read."""

    @property
    def status(self) -> int:
        """Of RFC 9110 §15."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """To be asked by names in lower case; what came more than once is joined by commas."""
        ...

    @property
    def is_at_end(self) -> bool:
        """Whether all of the body was read."""
        ...

    def read(self, size_bytes: int) -> bytes:
        """So much of the body, or what there is of it."""
        ...

    def finish(self) -> None:
        """Give the connection back; it is closed unless the body was read to its end."""
        ...


_SMALL_BODY = re.compile(r"[0-9]{1,3}")
"""Length of a body that is read rather than have its connection closed."""


class FirstReply:
    """A `Reply` over a connection that urllib3 has just made."""

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
    """A `Reply` over a connection that was kept."""

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
        The reply; None: it keeps none that could be used.

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
    """Finish a reply that is read no further, keeping the connection where the body is small: it is needed again."""
    length = reply.headers.get("content-length", "")
    if _SMALL_BODY.fullmatch(length):
        with suppress(Exception):  # then the connection is closed after all
            reply.read(int(length) or 1)
    reply.finish()


def close_idle(pool: HTTPConnectionPool) -> None:
    """Close the connections that wait in the pool; it can be used on (`pool.close()` would end it for all sources)."""
    while (connection := _take(pool)) is not _NOTHING:
        if isinstance(connection, BoundedConnection):
            connection.close()


_NOTHING = object()


def _take(pool: HTTPConnectionPool) -> object:
    """What lies on top of the pool: a connection, None for room that was never used."""
    if pool.pool is None:
        return _NOTHING
    try:
        return pool.pool.get(block=False)
    except Empty:
        return _NOTHING


def _take_kept(pool: HTTPConnectionPool) -> BoundedConnection | None:
    """A connection that stands, and on which nothing came unasked."""
    if pool.proxy is not None:  # urllib3 knows what a proxy wants to be told each time
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
