"""How long a call of Redis may take in all.

The timeouts of redis-py are for each recv: a server that answers a byte at a time would hold a call for minutes. So
the sockets look at the instant at which their thread's call is to end. redis-py has no place where it could be handed
in; its pools have one for another class of connections.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Final, TypeVar

C = TypeVar("C")

CLOSE: Final = 0.75
"""Part of a socket's timeout; with less time left than that the call's end counts. Setting it is a system call."""


class _Here(threading.local):
    """The call of this thread."""

    until_s: float = float("inf")


_here = _Here()


@contextmanager
def ending_at(until_s: float) -> Iterator[None]:
    """Let what this thread asks by clients that were `hurried` time out at this instant of `time.monotonic()`."""
    before, _here.until_s = _here.until_s, until_s
    try:
        yield
    finally:
        _here.until_s = before


def hurried(client: C) -> C:
    """Have all connections that a client of redis-py will make keep to `ending_at`."""
    pool = client.connection_pool  # type: ignore[attr-defined]
    pool.connection_class = _hurried(pool.connection_class)
    return client


@lru_cache
def _hurried(kind: type[Any]) -> type[Any]:
    return type(f"Hurried{kind.__name__}", (_Hurried, kind), {})


class _Hurried:
    """In front of a class of connections of redis-py."""

    socket_connect_timeout: float

    def _connect(self) -> Any:
        usual_s = self.socket_connect_timeout
        self.socket_connect_timeout = min(usual_s, _left_s())
        try:
            return _Socket(super()._connect())  # type: ignore[misc]
        finally:
            self.socket_connect_timeout = usual_s


class _Socket:
    """A connected socket, with or without TLS. Sending needs no help: there the timeout is for the whole."""

    def __init__(self, connected: Any) -> None:
        self._connected = connected

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connected, name)

    def recv(self, size: int, flags: int = 0) -> bytes:
        """See `socket.recv`."""
        data: bytes = self._in_time(self._connected.recv, size, flags)
        return data

    def recv_into(self, buffer: bytearray) -> int:
        """See `socket.recv_into`, by which redis-py reads where `hiredis` is installed."""
        count: int = self._in_time(self._connected.recv_into, buffer)
        return count

    def _in_time(self, receive: Callable[..., Any], *arguments: object) -> Any:
        timeout_s, left_s = self._connected.gettimeout(), _here.until_s - time.monotonic()
        if not timeout_s or left_s >= timeout_s * CLOSE:
            return receive(*arguments)
        self._connected.settimeout(_left_s())
        try:
            return receive(*arguments)
        finally:
            self._connected.settimeout(timeout_s)


def _left_s() -> float:
    left_s = _here.until_s - time.monotonic()
    if left_s <= 0:
        raise TimeoutError
    return left_s
