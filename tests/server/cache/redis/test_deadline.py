"""Sockets of redis-py, however it reads from them: by itself, or by hiredis where that is installed."""

import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

from server.cache.redis.deadline import ending_at, hurried
from tests.support.redis import RedisServer

PATIENCE_S = 60


@pytest.fixture
def connected(redis_server: RedisServer) -> Iterator[Any]:
    """The socket of a connection that nobody writes to."""
    client = hurried(redis.Redis(port=redis_server.port, socket_timeout=PATIENCE_S, protocol=2))
    connection = client.connection_pool.get_connection()
    yield connection._sock
    client.connection_pool.release(connection)
    client.close()


@pytest.mark.parametrize(
    "read", [lambda sock: sock.recv(100), lambda sock: sock.recv_into(bytearray(100))], ids=["recv", "recv_into"]
)
def test_a_read_ends_with_the_call(read: Callable[[Any], object], connected: Any) -> None:
    """And not with the socket's own patience, which it keeps for the next call."""
    with ending_at(time.monotonic() + 0.05), pytest.raises(TimeoutError):
        read(connected)
    assert connected.gettimeout() == PATIENCE_S


def test_what_came_can_be_looked_at_before_it_is_read(connected: Any) -> None:
    """As redis-py does to see whether an idle connection is still one."""
    connected.sendall(b"PING\r\n")
    assert connected.recv(1, socket.MSG_PEEK) == b"+"
    assert connected.recv(7) == b"+PONG\r\n"
