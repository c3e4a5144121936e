"""The nodes of a cluster by slot: redis-py's `NodesManager`, refreshed by a thread of its own.

A refresh may take longer than a call is allowed to, because it tries node after node and some may hang.
"""

import time
from collections.abc import Iterable
from contextlib import suppress
from threading import Lock, Thread

from redis.cluster import ClusterNode, NodesManager
from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot
from redis.exceptions import MovedError, ResponseError, SlotNotCoveredError

from cogread.deadline import Deadline
from server.cache.redis.node_breaker import NOT_ANSWERING, logged_breaker
from server.cache.redis.pool import current_call, server_pool
from server.cache.redis.url import RedisUrl
from server.resilience.breaker import State


class SlotMap:
    """The nodes of a cluster by key; thread-safe."""

    def __init__(self, url: RedisUrl, pause_s: float) -> None:
        """Connect nothing yet.

        Args:
            url: of the cluster.
            pause_s: seconds between two refreshes.
        """
        self._url = url
        self._pause_s = pause_s
        self._pause = Deadline.after(0)
        self._breaker = logged_breaker("redis cluster", NOT_ANSWERING, pause_s)
        self._mutex = Lock()
        self._refreshing = Thread()
        self._manager: NodesManager | None = None

    def node_of(self, key: str, deadline: Deadline) -> ClusterNode | None:
        """Look up the node of the key's slot; None if there is none. The first calls wait for the first map."""
        if self._manager is None and self._breaker.state is State.CLOSED:
            self.refresh().join(deadline.left_s)
        if self._manager is None:
            self.refresh()
            return None
        try:
            return self._manager.get_node_from_slot(key_slot(key.encode()))
        except SlotNotCoveredError:
            self.refresh()
            return None

    def names(self) -> set[str]:
        """The names of all nodes."""
        return set(self._manager.nodes_cache) if self._manager else set()

    def follow(self, errors: Iterable[ResponseError]) -> None:
        """Apply redirections of nodes, and refresh the map for what else has changed."""
        for error in errors:
            if self._manager is not None and isinstance(error, MovedError):
                with suppress(KeyError):  # a slot that the map does not have
                    self._manager.move_slot(error)
        self.refresh()

    def refresh(self) -> Thread:
        """Fetch the map, unless the last fetch is recent or under way; returns the thread of the latest fetch."""
        with self._mutex:
            if self._pause.is_expired and not self._refreshing.is_alive():
                self._pause = Deadline.after(self._pause_s)
                self._refreshing = Thread(target=self._fetch, name="redis cluster", daemon=True)
                self._refreshing.start()
            return self._refreshing

    def close(self) -> None:
        """Close the connections that fetched the map."""
        if self._manager is not None:
            self._manager.close()

    def _fetch(self) -> None:
        began_at = time.monotonic()
        current_call.deadline = Deadline.after(self._url.timeout_s * (len(self._url.hosts) + len(self.names())))
        try:
            if self._manager is None:
                options = {name: value for name, value in self._url.options.items() if name != "retry"}
                seeds = [ClusterNode(host, port) for host, port in self._url.hosts]  # type: ignore[no-untyped-call]
                self._manager = NodesManager(seeds, from_url=True, connection_pool_class=server_pool, **options)
            else:
                self._manager.initialize([*self._url.hosts])  # the hosts of the URL after the nodes of the old map
            if len(self._manager.slots_cache) < REDIS_CLUSTER_HASH_SLOTS:
                raise SlotNotCoveredError("slots without a node")
        except Exception as error:  # redis-py raises anything when it reads garbage
            self._breaker.failed(error, began_at)
        else:
            self._breaker.succeeded(began_at)
