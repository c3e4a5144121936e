"""Layer names that resemble an unknown one, for error messages. The cost does not grow with the number of layers.

Candidates are the neighbours of the unknown name in two sorted lists, one of names and one of reversed names: a typing
error leaves either the beginning or the end of a name as it was. Only these few are compared letter by letter.
"""

from bisect import bisect_left
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

NEIGHBOURS: Final = 16
"""Names compared on each side of the place of the unknown name, in each list."""

MOST_SUGGESTED: Final = 3


class SimilarNames:
    """Index of names. Safe to share between threads."""

    def __init__(self, names: Iterable[str]) -> None:
        folded = [(name.casefold(), name) for name in names]
        self._by_start = sorted(folded)
        self._by_end = sorted((text[::-1], name) for text, name in folded)

    def to(self, unknown: str) -> list[str]:
        """Names similar to an unknown one, the most similar first; upper and lower case count as equal."""
        text = unknown.casefold()
        candidates: dict[str, str] = {}
        for names, key in ((self._by_start, text), (self._by_end, text[::-1])):
            place = bisect_left(names, (key, ""))
            neighbours = names[max(0, place - NEIGHBOURS) : place + NEIGHBOURS]
            candidates |= {name.casefold(): name for _, name in neighbours}
        return [candidates[match] for match in get_close_matches(text, candidates, MOST_SUGGESTED)]
