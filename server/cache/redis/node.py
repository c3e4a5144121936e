"""One Redis server: its connections and its circuit breaker.

The connections are redis-py's; the permits for the idle ones are the bulkhead too. A pool of redis-py in its place
adds a fifth to the CPU time of a GET of 45 kB, a client on top a half: locks, counters, events, callbacks.
"""

import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, Protocol, TypeVar

from redis.connection import ConnectionPool
from redis.exceptions import ConnectionError

from cogread.deadline import Deadline
from server.cache.redis.node_breaker import NodeBreaker, Use
from server.cache.redis.pool import current_call
from server.gunicorn_worker.lead import lead
from server.metrics.counters import counters
from server.metrics.definitions import REDIS_BUSY

T = TypeVar("T")

Command = tuple[object, ...]
"""Words of a command about one key."""


class Servers(Protocol):
    """Redis as one process uses it: one server or more. Thread-safe; connects at the first call."""

    def ask(
        self, use: Use, commands: Mapping[str, Command], read: Callable[[object], T], deadline: Deadline
    ) -> dict[str, T]:
        """Send commands, in one round trip to each server concerned.

        Args:
            use: purpose of the commands.
            commands: by the key that each is about.
            read: turns a reply into an answer; raises for an error reply and for one of the wrong type.
            deadline: end of the call, whatever the servers do.

        Returns:
            Answers by key. A failure is logged, and its keys are missing.
        """
        ...

    def close(self) -> None:
        """Close the connections."""
        ...


class Node:
    """The `Servers` that are one server."""

    def __init__(self, name: str, pool: ConnectionPool, timeout_s: float, pause_s: float) -> None:
        """Connect nothing yet.

        Args:
            name: for the log.
            pool: makes the connections; its size is the number of concurrent calls.
            timeout_s: of a whole call. A call with less than half of it left is not made: no reply within that time
                would say nothing about the server.
            pause_s: seconds without a call after a failure.
        """
        self._shortest_s = timeout_s / 2
        self._breaker = NodeBreaker(name, pause_s)
        self._idle: list[Any] = [pool.make_connection() for _ in range(pool.max_connections)]
        self._permits: SimpleQueue[None] = SimpleQueue()
        """One for each idle connection."""
        for _ in self._idle:
            self._permits.put(None)

    @property
    def is_in_trouble(self) -> bool:
        """True while the breaker is open."""
        return self._breaker.is_open

    def ask(
        self, use: Use, commands: Mapping[str, Command], read: Callable[[object], T], deadline: Deadline
    ) -> dict[str, T]:
        """See `Servers.ask`."""
        spare_s = deadline.left_s - self._shortest_s
        if not commands or spare_s < 0:
            return {}
        if self._permits.empty():
            lead.hand_over()
        try:
            self._permits.get(timeout=spare_s)
        except Empty:
            counters.add(REDIS_BUSY)
            return {}
        connection = self._idle.pop()
        current_call.deadline = deadline
        try:
            with self._breaker.attempt(use) as refusal:
                return self._ask(connection, use, commands, read) if refusal is None else {}
        finally:
            self._idle.append(connection)
            self._permits.put(None)

    def close(self) -> None:
        """Close the idle connections. They connect anew when they are used again."""
        idle: list[Any] = []
        with suppress(Empty):
            while True:
                self._permits.get_nowait()
                idle.append(self._idle.pop())
        for connection in idle:
            connection.disconnect()
            self._idle.append(connection)
            self._permits.put(None)

    def _ask(
        self, connection: Any, use: Use, commands: Mapping[str, Command], read: Callable[[object], T]
    ) -> dict[str, T]:
        began_at = time.monotonic()
        try:
            replies = self._exchange(connection, commands.values())
            answers = {key: read(reply) for key, reply in zip(commands, replies, strict=True)}
        except Exception as error:  # redis-py raises anything when it reads garbage
            if self._breaker.failed(error, use, began_at):
                connection.disconnect()  # after a wrong reply, the next may be another command's
                self.close()  # the other connections may be lost as well, and would time out one after the other
            return {}
        self._breaker.succeeded(use, began_at)
        return answers

    def _exchange(self, connection: Any, commands: Collection[Command]) -> list[object]:
        """Send commands, and once more if a connection of earlier calls is lost, as all are after a restart."""
        if connection.is_connected:
            try:
                replies: list[object] = connection.exchange(commands)
            except TimeoutError:
                raise
            except (ConnectionError, OSError):
                self.close()
            else:
                return replies
        replies = connection.exchange(commands)
        return replies
