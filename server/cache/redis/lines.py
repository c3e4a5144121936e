"""Connections to Redis in steady use, kept out of redis-py's pools and past its clients.

What those add to a round trip (locks, a look at the connection, counters for observability, callbacks for each command)
takes as long as the round trip itself. A connection that the server has closed is found out by using it, and another
takes its place: each command may be sent twice. A reply to another command would not verify (`checksum`).
"""

from collections.abc import Sequence
from typing import Any

from redis.exceptions import ConnectionError, ResponseError


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
        kept = self._take(pool)
        if kept is not None:
            try:
                return self._ask(pool, kept, commands)
            except ConnectionError:
                self.give_up()  # the others are closed, too
        return self._ask(pool, pool.get_connection(), commands)

    def give_up(self) -> None:
        """Close all that are kept and not in use."""
        while (kept := self._pop()) is not None:
            _give_up(*kept)

    def _ask(self, pool: Any, connection: Any, commands: Sequence[tuple[object, ...]]) -> list[object]:
        try:
            connection.send_packed_command(connection.pack_commands(commands))
            replies = [_reply(connection) for _ in commands]
        except BaseException:
            _give_up(pool, connection)
            raise
        self._kept.append((pool, connection))
        return replies

    def _take(self, pool: Any) -> Any:
        """A connection of this pool; a cluster's node may have got another."""
        while (kept := self._pop()) is not None:
            owner, connection = kept
            if owner is pool:
                return connection
            _give_up(owner, connection)
        return None

    def _pop(self) -> tuple[Any, Any] | None:
        try:
            return self._kept.pop()
        except IndexError:
            return None


def _give_up(pool: Any, connection: Any) -> None:
    connection.disconnect()
    pool.release(connection)


def _reply(connection: Any) -> object:
    try:
        reply: object = connection.read_response()
    except ResponseError as error:
        return error
    return reply
