"""What a worker knows of the tiles that were asked for, by the path of the URL: where they are, and the hottest whole.

A whole reply is kept from the second request on, since most tiles are asked for once. To send it again costs a look at
the version and nothing else, and a `png` need not be made again. The oldest go first where there is no more room.
"""

from collections import OrderedDict
from threading import Lock
from typing import Final

from server.http.reply import Reply
from server.tiles.plan import Found

MOST_KNOWN: Final = 4096
"""Tiles of which is kept what was found out, about 1 KiB each; beyond it all are forgotten."""
LARGEST_SHARE: Final = 8
"""A reply larger than the bound divided by this is not kept: it would push out too many others."""


class KnownTiles:
    """Path of a URL -> what is known of its tile. Safe to share between threads."""

    def __init__(self, bound_bytes: int) -> None:
        """Know nothing yet.

        Args:
            bound_bytes: of the replies that are kept.
        """
        self._bound_bytes = bound_bytes
        self._mutex = Lock()
        self._used_bytes = 0
        self._kept: OrderedDict[str, int] = OrderedDict()
        self._tiles: dict[str, Found] = {}
        self.get: Final = self._tiles.get
        """What is known of a tile, None if nothing is."""

    def put(self, path: str, found: Found) -> None:
        """Know a tile."""
        with self._mutex:
            if len(self._tiles) >= MOST_KNOWN:
                self._tiles.clear()
                self._kept.clear()
                self._used_bytes = 0
            self._let_go(path)
            self._tiles[path] = found

    def keep(self, path: str, found: Found, reply: Reply) -> None:
        """Keep the whole reply of a tile that is known."""
        size_bytes = len(reply.body)
        if size_bytes > self._bound_bytes // LARGEST_SHARE:
            return
        with self._mutex:
            if self._tiles.get(path) is not found:
                return  # another thread was faster, or the tile is another by now
            self._tiles[path] = found._replace(reply=reply)
            self._kept[path] = size_bytes
            self._used_bytes += size_bytes
            while self._used_bytes > self._bound_bytes:
                self._drop_oldest()

    def forget(self, path: str) -> None:
        """Know a tile no longer."""
        with self._mutex:
            self._let_go(path)
            self._tiles.pop(path, None)

    def _let_go(self, path: str) -> None:
        self._used_bytes -= self._kept.pop(path, 0)

    def _drop_oldest(self) -> None:
        path, size_bytes = self._kept.popitem(last=False)
        self._used_bytes -= size_bytes
        self._tiles[path] = self._tiles[path]._replace(reply=None)
