"""The cost of a request, counted by the tiers and read by the request log; one record for each thread."""

import threading
from math import inf
from typing import NamedTuple

TIERS = {"-": 0, "reply": 1, "memory": 1, "redis": 2, "origin": 3}
"""Tiers by distance; "-" stands for a request that needed no bytes, "reply" for a whole reply in worker memory."""


class Cost(NamedTuple):
    """Counters of a `Trace` at one moment."""

    tier: str = "-"
    origin_reads: int = 0


class RequestTrace:
    """Counters of a request; `reset` begins a new one."""

    __slots__ = ("input_at", "origin_reads", "tier")

    def __init__(self) -> None:
        self.tier = "-"
        """The farthest tier that the request reached, a key of TIERS."""
        self.origin_reads = 0
        """Requests to the origin: range reads and version probes."""
        self.input_at = inf
        """When the bytes of the request had arrived, by `time.monotonic()`; infinity: the server does not say."""

    def reset(self) -> None:
        """Begin a new request."""
        self.tier = "-"
        self.origin_reads = 0

    @property
    def cost(self) -> Cost:
        """The current counters."""
        return Cost(self.tier, self.origin_reads)

    def add(self, cost: Cost) -> None:
        """Add the cost of another thread's work for this request."""
        self.reach(cost.tier)
        self.origin_reads += cost.origin_reads

    def reach(self, tier: str) -> None:
        """Note that the request reached the tier."""
        if TIERS[tier] > TIERS[self.tier]:
            self.tier = tier

    def ask_origin(self) -> None:
        """Count a request to the origin."""
        self.tier = "origin"
        self.origin_reads += 1


class Trace(threading.local):
    """The request that this thread is serving."""

    def __init__(self) -> None:
        self.request = RequestTrace()


trace = Trace()
