"""The cache of tile plans and of whole replies, by the path of the URL, in worker memory.

A reply enters at the second request for a URL that has a plan, since most tiles are asked for once: tiles asked for
once evict plans, never replies. A reply that is hit costs a check of the version, and nothing is read or decoded.
"""

from dataclasses import replace
from typing import Final

from server.cache.lru import ByteLru
from server.http.reply import Reply
from server.tiles.plan import TilePlan

PLAN_BYTES: Final = 1300
"""Memory of a plan with its key, as measured with a file of one plane."""
LARGEST_SHARE: Final = 8
"""A reply larger than the bound divided by this is not cached: it would evict too many others."""


class ReplyCache:
    """URL path -> plan of its tile, with the whole reply if that is cached. Thread-safe."""

    def __init__(self, plans_bytes: int, replies_bytes: int) -> None:
        """Make an empty cache.

        Args:
            plans_bytes: bound of the plans.
            replies_bytes: bound of the whole replies.
        """
        self._plans = ByteLru[str, TilePlan](plans_bytes)
        self._replies = ByteLru[str, TilePlan](replies_bytes)
        self._largest_bytes = replies_bytes // LARGEST_SHARE

    def get(self, path: str) -> TilePlan | None:
        """The plan of a tile; None: it is not cached."""
        return self._replies.get(path) or self._plans.get(path)

    def put_plan(self, path: str, plan: TilePlan) -> None:
        """Cache a plan."""
        self._plans.put(path, plan, PLAN_BYTES)

    def put_reply(self, path: str, plan: TilePlan, reply: Reply) -> None:
        """Cache the whole reply of a plan, unless the reply is too large or the path has another plan by now."""
        cost_bytes = PLAN_BYTES + len(reply.body)
        if cost_bytes <= self._largest_bytes and self._plans.get(path) is plan:
            self._replies.put(path, replace(plan, reply=reply._replace(close=None)), cost_bytes)

    def drop(self, path: str) -> None:
        """Remove the plan and the reply of a path."""
        self._plans.drop(path)
        self._replies.drop(path)
