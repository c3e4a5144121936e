"""Counts of cached values by kind and tier."""

from collections.abc import Iterable
from typing import Final

from server.metrics.counters import counters
from server.metrics.definitions import HITS

_KINDS: Final = {"block": "header", "tile": "tile"}
"""Third word of a key -> label. Other values, such as versions and CRSs, are not counted."""


def count_hits(keys: Iterable[str], tier: str) -> None:
    """Count values that a tier had."""
    for key in keys:
        kind = _KINDS.get(key.split(":", 3)[2]) if key.count(":") > 2 else None
        if kind is not None:
            counters.add(HITS, kind, tier)
