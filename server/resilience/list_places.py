"""How many threads of a worker may wait for lists of all layers, so that who wants a tile finds one.

A list of a thousand layers that are not open yet takes seconds, and all who ask meanwhile would wait for the same. So a
few do, and the others are told to come again. Lists of which everything is known need no place.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore
from typing import Final

from server.http.errors import ListBusy

SHARE: Final = 4
"""One of so many threads may wait: as many as open layers for them, of 32. The others are for tiles."""

BRIEFLY_S: Final = 0.25
"""How long a place is waited for: no longer, for who waits holds a thread too. Lists of few layers take less."""


class ListPlaces:
    """The places of a worker. Safe to share between threads."""

    def __init__(self, threads: int) -> None:
        """All are free.

        Args:
            threads: of the worker.
        """
        self._free: Final = BoundedSemaphore(max(1, threads // SHARE))

    @contextmanager
    def place(self) -> Iterator[None]:
        """Have a place for the length of a `with`, which does not stand in another.

        Raises:
            ListBusy: there is none.
        """
        if not self._free.acquire(timeout=BRIEFLY_S):
            raise ListBusy("the list of the layers is being made, and as many wait for it as may: try again")
        try:
            yield
        finally:
            self._free.release()
