"""What one request cost, counted where the cost arises and read by the request log. One record per thread."""

import threading
from typing import NamedTuple

TIERS = {"-": 0, "memory": 1, "redis": 2, "origin": 3}
"""Tiers by distance; "-" is a request that needed no bytes."""


class Cost(NamedTuple):
    """Counters of a `Trace` at one moment."""

    tier: str = "-"
    origin_reads: int = 0


class Trace(threading.local):
    """Counters of the request that this thread is serving; `reset` begins a new one.

    The defaults are class attributes, so that a thread that never counted costs nothing.
    """

    tier: str = "-"
    """The farthest tier that the request had to go to, a key of TIERS."""

    origin_reads: int = 0
    """Requests to the origin: range reads and version probes."""

    def reset(self) -> None:
        """Begin a new request."""
        self.tier = "-"
        self.origin_reads = 0

    @property
    def cost(self) -> Cost:
        """The counters as they are now."""
        return Cost(self.tier, self.origin_reads)

    def add(self, cost: Cost) -> None:
        """Add what another thread did for this request."""
        self.reach(cost.tier)
        self.origin_reads += cost.origin_reads

    def reach(self, tier: str) -> None:
        """Note that the request went to the tier."""
        if TIERS[tier] > TIERS[self.tier]:
            self.tier = tier

    def ask_origin(self) -> None:
        """Count a request to the origin."""
        self.tier = "origin"
        self.origin_reads += 1


trace = Trace()
