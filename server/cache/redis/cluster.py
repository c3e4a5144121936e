"""A cluster: each node is a server of its own with a pool and a breaker, so that a dead one costs only its own keys.

redis-py's cluster client is not used: in its pipeline an unreachable node takes the replies of all others with it, and
a node that hangs is asked again for each key.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeVar

from redis.cluster import ClusterNode
from redis.exceptions import AskError, ClusterDownError, MovedError, ResponseError, TryAgainError

from cogread.deadline import Deadline
from server.cache.redis.node import Command, Node
from server.cache.redis.node_breaker import Use
from server.cache.redis.pool import server_pool
from server.cache.redis.slots import SlotMap
from server.cache.redis.url import RedisUrl

T = TypeVar("T")


class ClusterServers:
    """The `Servers` of a cluster."""

    def __init__(self, url: RedisUrl, pause_s: float) -> None:
        self._url = url
        self._pause_s = pause_s
        self._slots = SlotMap(url, pause_s)
        self._nodes: dict[str, Node] = {}

    def ask(
        self, use: Use, commands: Mapping[str, Command], read: Callable[[object], T], deadline: Deadline
    ) -> dict[str, T]:
        """See `Servers.ask`. The keys of slots that have moved are asked for once more, at their new node."""
        replies = self._ask_nodes(use, commands, read, deadline)
        errors = {key: reply for key, reply in replies.items() if isinstance(reply, ResponseError)}
        if errors:
            self._slots.follow(errors.values())
        moved = {key: commands[key] for key, error in errors.items() if isinstance(error, MovedError)}
        replies |= self._ask_nodes(use, moved, read, deadline)
        return {key: reply for key, reply in replies.items() if not isinstance(reply, ResponseError)}

    def close(self) -> None:
        """See `Servers.close`."""
        self._slots.close()
        for node in self._nodes.values():
            node.close()

    def _ask_nodes(
        self, use: Use, commands: Mapping[str, Command], read: Callable[[object], T], deadline: Deadline
    ) -> dict[str, T | ResponseError]:
        replies: dict[str, T | ResponseError] = {}
        parts = self._by_node(commands, deadline)
        for node in sorted(parts, key=lambda node: node.is_in_trouble):
            answers = node.ask(use, parts[node], partial(_read_or_slot_error, read), deadline)
            if not answers:
                self._slots.refresh()  # another node may have taken over the slots
            replies |= answers
        return replies

    def _by_node(self, commands: Mapping[str, Command], deadline: Deadline) -> dict[Node, dict[str, Command]]:
        parts: dict[Node, dict[str, Command]] = {}
        for key, command in commands.items():
            place = self._slots.node_of(key, deadline)
            if place is not None:
                parts.setdefault(self._node(place), {})[key] = command
        return parts

    def _node(self, place: ClusterNode) -> Node:
        node = self._nodes.get(place.name)
        if node is not None:
            return node
        for gone in set(self._nodes) - self._slots.names():
            self._nodes.pop(gone, None)
        pool = server_pool(**self._url.options, host=place.host, port=place.port)
        return self._nodes.setdefault(place.name, Node(f"redis {place.name}", pool, self._url.timeout_s, self._pause_s))


def _read_or_slot_error(read: Callable[[object], T], reply: object) -> T | ResponseError:
    """Let through what a healthy node says of a slot that is elsewhere, in migration or nowhere."""
    is_slot_error = isinstance(reply, AskError | TryAgainError) or (  # MovedError is an AskError
        isinstance(reply, ClusterDownError) and "slot" in str(reply).lower()  # others are about the whole cluster
    )
    return reply if is_slot_error else read(reply)  # type: ignore[return-value]
