"""A cluster: each node is asked as a server of its own, for the keys that it has.

redis-py's cluster pipeline is not used: there a node that cannot be reached takes the answers of all others with it,
and one that hangs is asked again for each key. Here each node has a breaker, so that a dead one costs its keys alone.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TypeVar

from redis.exceptions import AskError, ClusterDownError, MovedError, ResponseError, TryAgainError

from server.cache.redis.node import Command, Node, Patience
from server.cache.redis.slots import SlotMap
from server.cache.redis.url import RedisUrl
from server.resilience.breaker import Use

T = TypeVar("T")


class ClusterServers:
    """The `Servers` of a cluster."""

    def __init__(self, url: RedisUrl, patience: Patience) -> None:
        self._patience = patience
        self._slots = SlotMap(url, patience)
        self._nodes: dict[str, Node] = {}

    def ask(self, use: Use, commands: Mapping[str, Command], read: Callable[[object], T]) -> dict[str, T]:
        """See `Servers.ask`. What has moved is asked for where it is now, once."""
        until_s = self._patience.end_s()
        replies = self._ask_once(use, commands, read, until_s)
        moved = {key: reply for key, reply in replies.items() if isinstance(reply, MovedError)}
        if any(isinstance(reply, ClusterDownError) for reply in replies.values()):
            self._slots.search()
        if moved:
            for redirection in moved.values():
                self._slots.follow(redirection)
            replies |= self._ask_once(use, {key: commands[key] for key in moved}, read, until_s)
        return {key: reply for key, reply in replies.items() if not isinstance(reply, ResponseError)}

    def close(self) -> None:
        """See `Servers.close`."""
        self._slots.close()

    def _ask_once(
        self, use: Use, commands: Mapping[str, Command], read: Callable[[object], T], until_s: float
    ) -> dict[str, T | ResponseError]:
        replies: dict[str, T | ResponseError] = {}
        for node, keys in sorted(self._by_node(commands).items(), key=lambda part: part[0].is_in_trouble):
            if time.monotonic() > until_s - self._patience.fair_s:  # one before hangs, as the next call will know
                break
            answers = node.ask(use, [commands[key] for key in keys], read, until_s)
            if answers is None:
                self._slots.search()  # for whoever took the slots over
            replies.update(zip(keys, answers or (), strict=False))
        return replies

    def _by_node(self, keys: Iterable[str]) -> dict[Node, list[str]]:
        parts: dict[Node, list[str]] = {}
        for key in keys:
            name = self._slots.node_of(key)
            if name is not None:
                parts.setdefault(self._node(name), []).append(key)
        return parts

    def _node(self, name: str) -> Node:
        node = self._nodes.get(name)
        if node is not None:
            return node
        for gone in set(self._nodes) - set(self._slots.names()):
            self._nodes.pop(gone, None)
        made = Node(f"redis {name}", partial(self._slots.client, name), self._patience, _is_of_a_slot)
        return self._nodes.setdefault(name, made)


def _is_of_a_slot(error: ResponseError) -> bool:
    """Whether a node that is well says that a slot is elsewhere, on its way, or nowhere. CLUSTERDOWN may be of all."""
    if isinstance(error, ClusterDownError):
        return "slot" in str(error).lower()
    return isinstance(error, AskError | TryAgainError)  # MovedError is an AskError
