"""The cache of tile plans and of whole replies in worker memory, by the path of the URL and the options of the format.

A reply enters at the second request for a URL that has a plan, since most tiles are asked for once: tiles asked for
once evict plans, never replies. A reply that is hit costs a check of the version, and nothing is read or decoded.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from server.cache.lru import ByteLru
from server.http.reply import Reply
from server.layers.layer import Layer
from server.tiles.plan import TilePlan

PLAN_BYTES: Final = 1300
"""Memory of a plan with its key, as measured with a file of one plane."""
LARGEST_SHARE: Final = 8
"""A reply larger than the bound divided by this is not cached: it would evict too many others."""


class ReplyCache:
    """Key of a request -> plan of its tile, with the whole reply if that is cached. Thread-safe."""

    def __init__(self, plans_bytes: int, replies_bytes: int) -> None:
        """Make an empty cache.

        Args:
            plans_bytes: bound of the plans.
            replies_bytes: bound of the whole replies.
        """
        self._plans = ByteLru[str, TilePlan](plans_bytes)
        self._replies = ByteLru[str, TilePlan](replies_bytes)
        self._largest_bytes = replies_bytes // LARGEST_SHARE

    def get(self, key: str) -> TilePlan | None:
        """The plan of a tile; None: it is not cached.

        Args:
            key: see `server.tiles.options.cache_key`.
        """
        return self._replies.get(key) or self._plans.get(key)

    def put_plan(self, key: str, plan: TilePlan) -> None:
        """Cache a plan."""
        self._plans.put(key, plan, PLAN_BYTES)

    def put_reply(self, key: str, plan: TilePlan, reply: Reply) -> None:
        """Cache the whole reply of a plan, unless the reply is too large or the key has another plan by now."""
        cost_bytes = PLAN_BYTES + len(reply.body)
        if cost_bytes <= self._largest_bytes and self._plans.get(key) is plan:
            self._replies.put(key, replace(plan, reply=reply._replace(close=None)), cost_bytes)

    def successor(self, keeps: Callable[[Layer], bool]) -> "ReplyCache":
        """A cache with the plans and replies of those layers that `keeps` accepts."""
        other = ReplyCache(self._plans.bound_bytes, self._replies.bound_bytes)
        other._plans = self._plans.successor(lambda _, plan: keeps(plan.layer))
        other._replies = self._replies.successor(lambda _, plan: keeps(plan.layer))
        return other

    def drop(self, key: str) -> None:
        """Remove the plan and the reply of a key."""
        self._plans.drop(key)
        self._replies.drop(key)
