"""A long sorted list of keys in little memory: pages of them, packed with zlib, a tenth of their size as strings."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import Final
from zlib import compress, decompress

PAGE_KEYS: Final = 1000
_LEVEL: Final = 6
_END: Final = "\n"
"""Separates keys; no key holds it."""


class KeyPages:
    """The keys of a collection. One thread adds, others read meanwhile."""

    def __init__(self) -> None:
        self._starts: list[str] = []
        """First key of each page."""
        self._pages: list[bytes] = []
        self._open: list[str] = []
        """Keys behind the last page."""
        self.count = 0
        self.is_complete = False

    def extend(self, keys: Iterable[str]) -> None:
        """Add keys, which are sorted and behind all others."""
        for key in keys:
            self._open.append(key)
            self.count += 1
            if len(self._open) == PAGE_KEYS:
                self._close_page()

    def complete(self) -> "KeyPages":
        """State that all keys are added."""
        if self._open:
            self._close_page()
        self.is_complete = True
        return self

    def after(self, key: str, words: Iterable[str] = ()) -> Iterator[str]:
        """The keys behind `key`, which need not be among them, that contain all words in some case."""
        first = max(0, bisect_right(self._starts, key) - 1)
        for page in self._pages[first:]:
            text = decompress(page).decode("utf-8", "surrogateescape")
            if words and not all(word in text.lower() for word in words):
                continue
            for candidate in text.split(_END):
                if candidate > key and all(word in candidate.lower() for word in words):
                    yield candidate

    def _close_page(self) -> None:
        text = _END.join(self._open)
        self._pages.append(compress(text.encode("utf-8", "surrogateescape"), _LEVEL))
        self._starts.append(self._open[0])
        self._open = []
