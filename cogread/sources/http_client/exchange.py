"""GETs, with a short path over open connections of the pool.

Strategy: urllib3 connects, verifies certificates and handles proxies. For a request over an open connection it adds as
much time as http.client takes in all, so such requests use http.client alone.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from queue import Empty

from urllib3 import HTTPConnectionPool
from urllib3.exceptions import ProtocolError
from urllib3.util import Timeout

from cogread.deadline import Deadline
from cogread.sources.http_client.connection import BoundedConnection, StaleConnection, set_deadline
from cogread.sources.http_client.reply import Reply, ReusedReply, Urllib3Reply
from cogread.sources.http_client.transport import Route

_STALE_TRIES = 3
"""Number of pooled connections that may be stale before a new one is opened."""

_SMALL_BODY = re.compile(r"[0-9]{1,3}")
"""Length of a body short enough to be read to keep its connection."""


def get(route: Route, headers: Mapping[str, str], deadline: Deadline) -> Reply:
    """Send a GET and receive the header of the reply. The caller reads the body and finishes the reply.

    Raises:
        FAILURES: no reply.
    """
    set_deadline(deadline, route.options.read_timeout_s)
    sent = {**route.headers, **headers}
    for _ in range(_STALE_TRIES):
        with suppress(StaleConnection):
            return _get_reusing(route, sent, deadline) or _get_connecting(route, sent, deadline)
    close_idle(route.pool)
    return _get_connecting(route, sent, deadline)


def _get_connecting(route: Route, headers: dict[str, str], deadline: Deadline) -> Urllib3Reply:
    try:
        reply = route.pool.urlopen(
            "GET",
            route.target,
            headers=headers,
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


def _get_reusing(route: Route, headers: Mapping[str, str], deadline: Deadline) -> ReusedReply | None:
    """Send a GET over an open connection of the pool; None: the pool has none."""
    connection = _take_open(route.pool)
    if connection is None:
        return None
    try:
        return ReusedReply(connection.get_again(route.target, headers, deadline), connection, route.pool)
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
