"""Operations on the sockets of redis-py end with the call, with TLS and without."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis.connection import SSLConnection
from redis.exceptions import TimeoutError as RedisTimeoutError

from cogread.deadline import NEVER, Deadline
from server.cache.redis.pool import current_call, server_pool
from tests.support.raw_server import ending_tls, tcp_server

LONG_S = 60


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A port where connections wait to be accepted. The deadline of the thread is reset at the end."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener
    current_call.deadline = NEVER


OPERATIONS: dict[str, Callable[[Any], object]] = {
    "recv": lambda sock: sock.recv(100),
    "recv_into": lambda sock: sock.recv_into(memoryview(bytearray(100))),
    "sendall": lambda sock: sock.sendall(bytes(100_000_000)),
}


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("has_tls", [False, True])
def test_an_operation_on_a_socket_ends_with_the_call(
    has_tls: bool, operation: str, listener: socket.socket, tmp_path: Path
) -> None:
    hanging_port = listener.getsockname()[1]
    options: dict[str, Any] = {"socket_timeout": LONG_S, "protocol": 2, "driver_info": None}
    with tcp_server(ending_tls(tmp_path, hanging_port)) as tls_port:
        if has_tls:
            pool = server_pool(SSLConnection, port=tls_port, ssl_cert_reqs="none", **options)
        else:
            pool = server_pool(port=hanging_port, **options)
        connection: Any = pool.get_connection()
        current_call.deadline = Deadline.after(0.05)
        with pytest.raises(TimeoutError):
            OPERATIONS[operation](connection._sock)
        pool.close()


def test_a_call_without_time_left_does_not_connect(listener: socket.socket) -> None:
    current_call.deadline = Deadline.after(0)
    with pytest.raises(RedisTimeoutError):
        server_pool(port=listener.getsockname()[1]).get_connection()
    listener.setblocking(False)
    with pytest.raises(BlockingIOError):
        listener.accept()
