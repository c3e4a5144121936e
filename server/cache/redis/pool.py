"""Connection pools of redis-py whose connections keep to the deadline of a call, and make a call with two system calls.

The timeouts of redis-py apply to each `recv`, so a server that sends a byte at a time would hold a call for minutes.
Here every operation on a socket takes at most the time that is left until `current_call.deadline`. The deadline is
thread-local, because a pool connects without a parameter for it.
"""

import struct
import threading
from collections.abc import Callable, Collection, Iterable
from socket import SO_RCVTIMEO, SO_SNDTIMEO, SOL_SOCKET
from ssl import SSLSocket
from typing import Any, Final

import redis
from redis.connection import Connection, ConnectionPool
from redis.sentinel import Sentinel, SentinelConnectionPool, SentinelManagedConnection

from cogread.deadline import NEVER, Deadline
from server.cache.redis.resp import pack
from server.gunicorn_worker.lead import lead

LONGEST_TICK_S: Final = 0.02
"""Between two looks at the deadline: a call may last so much longer."""


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
    _sock: Any
    _parser: Any

    def exchange(self: Any, commands: Collection[Iterable[object]]) -> list[object]:
        """Send commands and read their replies, error replies among them; connects first if it must.

        Raises:
            Exception: there is no connection any more.
        """
        try:
            if self._sock is None:
                lead.hand_over()
                self.connect()
            if self.health_check_interval:
                self.check_health()
            self._sock.sendall(pack(commands))
            lead.hand_over()
            return [self._parser.read_response() for _ in commands]
        except BaseException:
            self.disconnect()
            raise

    def can_read(self, timeout: float = 0) -> bool:
        """Save the pool a look at each idle connection, which is three system calls: a closed one shows in use."""
        return False

    def _connect(self) -> "_Socket":
        configured_s = self.socket_connect_timeout
        self.socket_connect_timeout = min(configured_s, current_call.deadline.timeout_s())
        try:
            connected = super()._connect()  # type: ignore[misc]
        finally:
            self.socket_connect_timeout = configured_s
        return (_TlsSocket if isinstance(connected, SSLSocket) else _Socket)(connected, self.socket_timeout)


class _Socket:
    """A connected socket whose operations are a system call each.

    A timeout of Python's costs two more, as it makes the socket non-blocking and polls it. Here the kernel ends the
    wait now and then for a look at the deadline.
    """

    def __init__(self, connected: Any, timeout_s: float) -> None:
        self._connected = connected
        self._timeout_s = timeout_s
        self._set_up()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connected, name)

    def sendall(self, data: bytes) -> None:
        """See `socket.sendall`."""
        sent = self._in_time(self._connected.send, data)
        while sent < len(data):
            sent += self._in_time(self._connected.send, memoryview(data)[sent:])

    def recv(self, size: int) -> bytes:
        """See `socket.recv`."""
        data: bytes = self._in_time(self._connected.recv, size)
        return data

    def recv_into(self, buffer: memoryview) -> int:
        """See `socket.recv_into`."""
        count: int = self._in_time(self._connected.recv_into, buffer)
        return count

    def _set_up(self) -> None:
        tick = struct.pack("@ll", 0, max(1, int(min(self._timeout_s, LONGEST_TICK_S) * 1_000_000)))  # timeval
        self._connected.settimeout(None)
        for option in SO_SNDTIMEO, SO_RCVTIMEO:
            self._connected.setsockopt(SOL_SOCKET, option, tick)

    def _in_time(self, operation: Callable[[Any], Any], argument: object) -> Any:
        while True:
            current_call.deadline.timeout_s()
            try:
                return operation(argument)
            except BlockingIOError:  # the tick is over
                pass


class _TlsSocket(_Socket):
    """The same with TLS, which needs Python's timeouts."""

    def _set_up(self) -> None:
        pass

    def _in_time(self, operation: Callable[[Any], Any], argument: object) -> Any:
        self._connected.settimeout(min(self._timeout_s, current_call.deadline.timeout_s()))
        return operation(argument)
