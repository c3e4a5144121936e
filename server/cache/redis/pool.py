"""Connection pools of redis-py whose connections keep to the deadline of a call.

The timeouts of redis-py apply to each `recv`, so a server that sends a byte at a time would hold a call for minutes.
Here every operation on a socket takes at most the time that is left until `current_call.deadline`. The deadline is
thread-local, because a pool connects without a parameter for it.
"""

import threading
from collections.abc import Iterable
from typing import Any

import redis
from redis.connection import Connection, ConnectionPool
from redis.sentinel import Sentinel, SentinelConnectionPool, SentinelManagedConnection

from cogread.deadline import NEVER, Deadline


class _Call(threading.local):
    """The call that this thread is making."""

    deadline: Deadline = NEVER


current_call = _Call()


def server_pool(connection_class: type[Any] = Connection, **options: Any) -> ConnectionPool:
    """Make the pool of one server; parameters as for `ConnectionPool`."""
    return ConnectionPool(connection_class=_timed(connection_class), **options)


def master_pool(
    service: str, sentinels: Iterable[ConnectionPool], connection_class: type[Any] = Connection, **options: Any
) -> ConnectionPool:
    """Make the pool of a service that sentinels watch over: redis-py asks them for its master before it connects.

    A failover breaks the connections to the old master, or has it refuse writes; the next go to the new one.
    """
    manager: Any = Sentinel(())  # type: ignore[no-untyped-call]
    manager.sentinels = [redis.Redis(connection_pool=pool) for pool in sentinels]
    managed = type("SentinelManaged", (SentinelManagedConnection, _timed(connection_class)), {})
    return SentinelConnectionPool(service, manager, connection_class=managed, **options)  # type: ignore[no-untyped-call]


def _timed(connection_class: type[Any]) -> type[Any]:
    return type(f"Timed{connection_class.__name__}", (_Timed, connection_class), {})


class _Timed:
    """Mixin in front of a class of connections."""

    socket_timeout: float
    socket_connect_timeout: float

    def can_read(self, timeout: float = 0) -> bool:
        """Save the pool a look at each idle connection, which is three system calls: a closed one shows in use."""
        return False

    def _connect(self) -> "_Socket":
        configured_s = self.socket_connect_timeout
        self.socket_connect_timeout = min(configured_s, current_call.deadline.timeout_s())
        try:
            return _Socket(super()._connect(), self.socket_timeout)  # type: ignore[misc]
        finally:
            self.socket_connect_timeout = configured_s


class _Socket:
    """A connected socket, with or without TLS."""

    def __init__(self, connected: Any, timeout_s: float) -> None:
        self._connected = connected
        self._timeout_s = timeout_s

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connected, name)

    def sendall(self, data: bytes) -> None:
        """See `socket.sendall`."""
        self._in_time().sendall(data)

    def recv(self, size: int) -> bytes:
        """See `socket.recv`."""
        data: bytes = self._in_time().recv(size)
        return data

    def recv_into(self, buffer: bytearray) -> int:
        """See `socket.recv_into`, by which redis-py reads where `hiredis` is installed."""
        count: int = self._in_time().recv_into(buffer)
        return count

    def _in_time(self) -> Any:
        self._connected.settimeout(min(self._timeout_s, current_call.deadline.timeout_s()))
        return self._connected
