"""Which node of a cluster has which keys: redis-py's `NodesManager`, found out without making a call wait for long.

Asking for the map may take longer than a call may, since nodes that hang are asked before one that answers. So it is
done in a thread of its own: at first use, and anew, not too often, while something is wrong with the map.
"""

import time
from collections.abc import Collection
from contextlib import suppress
from threading import Lock, Thread
from typing import Any

import redis
from redis.cluster import ClusterNode, NodesManager
from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot
from redis.exceptions import MovedError, SlotNotCoveredError

from server.cache.redis.deadline import hurried
from server.cache.redis.node import Patience, log
from server.cache.redis.url import RedisUrl
from server.resilience.breaker import Breaker, Trouble, Use


class _Nodes(NodesManager):
    """Whose clients keep to the time of a call."""

    def create_redis_node(self, *args: Any, **kwargs: Any) -> redis.Redis:
        """See `NodesManager`."""
        made: redis.Redis = super().create_redis_node(*args, **kwargs)  # type: ignore[no-untyped-call]
        return hurried(made)


class SlotMap:
    """The nodes of a cluster by key; thread-safe."""

    def __init__(self, url: RedisUrl, patience: Patience) -> None:
        self._url = url
        self._patience = patience
        self._breaker = Breaker("redis cluster", log, patience.pause_s)
        self._mutex = Lock()
        self._search: Thread | None = None
        self._next_search_at = 0.0
        self._patient_until = 0.0
        self._found: NodesManager | None = None

    def node_of(self, key: str) -> str | None:
        """The name of the node that has the key, None if it is not known. Waits for the first map, but not for long."""
        if self._found is None:
            self.search().join(max(0.0, self._patient_until - time.monotonic()))
        if self._found is None:
            return None
        try:
            return str(self._found.get_node_from_slot(key_slot(key.encode())).name)
        except SlotNotCoveredError:
            self.search()
            return None

    def client(self, name: str) -> redis.Redis:
        """What to ask the node with.

        Raises:
            LookupError: there is no such node any more.
        """
        found = self._found
        node = found.get_node(node_name=name) if found else None
        if found is None or node is None:
            raise LookupError
        if node.redis_connection is None:  # a node that a redirection told of
            with self._mutex:
                found.create_redis_connections([node])  # type: ignore[no-untyped-call]
        client: redis.Redis = node.redis_connection
        return client

    def names(self) -> Collection[str]:
        """The names of all nodes."""
        return list(self._found.nodes_cache) if self._found else []

    def follow(self, redirection: MovedError) -> None:
        """Note that a slot has moved, and look for what else has."""
        if self._found is not None:
            with suppress(KeyError):  # a slot that the map does not have
                self._found.move_slot(redirection)
        self.search()

    def search(self) -> Thread:
        """Find the map anew, unless that was done a moment ago; the thread that does or did."""
        with self._mutex:
            now = time.monotonic()
            if self._search is None:
                self._patient_until = now + self._patience.timeout_s
            if self._search is None or (now >= self._next_search_at and not self._search.is_alive()):
                self._next_search_at = now + self._patience.pause_s
                self._search = Thread(target=self._find, name="redis cluster", daemon=True)
                self._search.start()
            return self._search

    def close(self) -> None:
        """See `Servers.close`."""
        if self._found is not None:
            self._found.close()

    def _find(self) -> None:
        started_at = self._breaker.clock()
        try:
            if not self._refreshed():
                self._found = self._from_the_url()
            if self._found is None or len(self._found.slots_cache) < REDIS_CLUSTER_HASH_SLOTS:
                raise SlotNotCoveredError("slots that no node has")
        except Exception as error:  # whatever redis-py makes of a reply that is none
            self._breaker.failed(started_at, Trouble.DOWN, error)
        else:
            self._breaker.succeeded(started_at, Use.READ)

    def _refreshed(self) -> bool:
        """Whether a node that is known could be asked. If not, all may have new addresses: ask those of the URL."""
        if self._found is None:
            return False
        with suppress(Exception):
            self._found.initialize()
            return True
        return False

    def _from_the_url(self) -> NodesManager:
        options = {name: value for name, value in self._url.options.items() if name != "retry"}  # NodesManager's own
        seeds = [ClusterNode(host, port) for host, port in self._url.hosts]  # type: ignore[no-untyped-call]
        return _Nodes(seeds, require_full_coverage=False, **options)
