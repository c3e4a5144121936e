"""Connections to Redis in steady use, kept out of redis-py's pools and past its clients.

What those add to a round trip (locks, counters for observability, callbacks for each command) takes as long as the
round trip itself. What is left here is a look at each connection before it is used, for the server may have closed it.
"""

from collections.abc import Sequence
from typing import Any

from redis.exceptions import ResponseError


class Lines:
    """Connections that are kept, each with the pool that it comes from. Thread-safe."""

    def __init__(self) -> None:
        """Keep none yet."""
        self._kept: list[tuple[Any, Any]] = []  # whose append and pop are atomic

    def exchange(self, pool: Any, commands: Sequence[tuple[object, ...]]) -> list[object]:
        """Send commands in one round trip.

        Args:
            pool: redis-py's, which makes the connections.
            commands: their words.

        Returns:
            The replies as the server sent them, errors among them: none is raised, for redis-py would put the command,
            with the value, into the message.

        Raises:
            Exception: there are none; redis-py raises anything when it reads garbage.
        """
        connection = self._take(pool)
        try:
            connection.send_packed_command(connection.pack_commands(commands))
            replies = [_reply(connection) for _ in commands]
        except BaseException:
            _give_up(pool, connection)
            raise
        self._kept.append((pool, connection))
        return replies

    def give_up(self) -> None:
        """Close all that are kept and not in use."""
        while (kept := self._pop()) is not None:
            _give_up(*kept)

    def _take(self, pool: Any) -> Any:
        while (kept := self._pop()) is not None:
            owner, connection = kept
            if owner is pool and _stands(connection):
                return connection
            _give_up(owner, connection)
        return pool.get_connection()

    def _pop(self) -> tuple[Any, Any] | None:
        try:
            return self._kept.pop()
        except IndexError:
            return None


def _stands(connection: Any) -> bool:
    """Whether it was not closed, and nothing came unasked."""
    try:
        return connection.is_connected and not connection.can_read()
    except Exception:  # of sockets, or of redis-py
        return False


def _give_up(pool: Any, connection: Any) -> None:
    connection.disconnect()
    pool.release(connection)


def _reply(connection: Any) -> object:
    try:
        reply: object = connection.read_response()
    except ResponseError as error:
        return error
    return reply
