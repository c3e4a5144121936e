"""GETs, with a short path over open connections of the pool.

Strategy: urllib3 connects, verifies certificates and handles proxies. For a request over an open connection it takes
three times the CPU of http.client, and http.client five times that of the socket, so such requests are one send and, if
the reply is of the usual form, one receive. http.client reads replies of other forms.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from queue import Empty

from urllib3 import HTTPConnectionPool
from urllib3.exceptions import ProtocolError
from urllib3.util import Timeout

from cogread.deadline import Deadline
from cogread.sources.http_client.connection import BoundedConnection, Patience, StaleConnection, set_patience
from cogread.sources.http_client.reply import Reply, ReusedReply, Urllib3Reply, UsualReply
from cogread.sources.http_client.reply_head import parse_head
from cogread.sources.http_client.transport import Route

_STALE_TRIES = 3
"""Number of pooled connections that may be stale before a new one is opened."""

_SMALL_BODY = re.compile(r"[0-9]{1,3}")
"""Length of a body short enough to be read to keep its connection."""


def get(route: Route, headers: Mapping[str, str], deadline: Deadline) -> Reply:
    """Send a GET and receive the header of the reply. The caller reads the body and finishes the reply.

    Args:
        route: the place.
        headers: those of this request, besides the route's.
        deadline: when the call gives up.

    Raises:
        FAILURES: no reply.
    """
    patience = Patience(deadline, route.options.read_timeout_s)
    set_patience(patience)
    for _ in range(_STALE_TRIES):
        with suppress(StaleConnection):
            return _get_reusing(route, headers, patience) or _get_connecting(route, headers, deadline)
    close_idle(route.pool)
    return _get_connecting(route, headers, deadline)


def _get_connecting(route: Route, headers: Mapping[str, str], deadline: Deadline) -> Urllib3Reply:
    try:
        reply = route.pool.urlopen(
            "GET",
            route.target,
            headers={**route.headers, **headers},
            retries=False,
            redirect=False,
            assert_same_host=False,
            timeout=Timeout(deadline.timeout_s(), route.options.connect_timeout_s, route.options.read_timeout_s),
            preload_content=False,
            decode_content=False,
        )
    except ProtocolError as error:
        if isinstance(error.args[-1], StaleConnection):
            raise error.args[-1] from None
        raise
    return Urllib3Reply(reply)


def _get_reusing(route: Route, headers: Mapping[str, str], patience: Patience) -> UsualReply | ReusedReply | None:
    """Send a GET over an open connection of the pool; None: the pool has none."""
    connection = _take_open(route.pool)
    if connection is None:
        return None
    try:
        received = connection.ask_again(route.head + _fields(headers), patience)
        head = parse_head(received)
        if head is not None:
            return UsualReply(head, received, connection, route.pool, patience)
        return ReusedReply(connection.reply_after(received), connection, route.pool)
    except BaseException:
        connection.close()
        raise


def _fields(headers: Mapping[str, str]) -> bytes:
    """The header fields of a request, and its end.

    Raises:
        ValueError: a value would end its field.
    """
    fields = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    if not fields.count("\r") == fields.count("\n") == len(headers):
        raise ValueError("a header field that cannot be sent")
    return f"{fields}\r\n".encode("latin-1")


def finish_redirect(reply: Reply) -> None:
    """Finish a redirect; a small body is read first, so that the connection can be used again."""
    length = reply.headers.get("content-length", "")
    if _SMALL_BODY.fullmatch(length):
        with suppress(Exception):  # then the connection is closed
            reply.read(int(length) or 1)
    reply.finish()


def close_idle(pool: HTTPConnectionPool) -> None:
    """Close the idle connections of the pool, which stays usable (`pool.close()` would end it for all sources)."""
    while (connection := _take(pool)) is not _EMPTY:
        if isinstance(connection, BoundedConnection):
            connection.close()


_EMPTY = object()


def _take(pool: HTTPConnectionPool) -> object:
    """Take the top item of the pool: a connection, or None for a place that was never used."""
    if pool.pool is None:
        return _EMPTY
    try:
        return pool.pool.get(block=False)
    except Empty:
        return _EMPTY


def _take_open(pool: HTTPConnectionPool) -> BoundedConnection | None:
    """Take an open connection without unexpected bytes."""
    if pool.proxy is not None:  # urllib3 adds the header fields that a proxy needs
        return None
    while isinstance(connection := _take(pool), BoundedConnection):
        if connection.is_connected:
            return connection
        connection.close()
    return None
