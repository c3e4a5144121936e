"""Documents as gzip: what was packed last is kept, by the digest of what was packed, so that nobody gets another's."""

import gzip
from collections import OrderedDict
from hashlib import blake2b
from threading import Lock
from typing import Final

KEPT: Final = 4


class Packed:
    """Packs. Safe to share between threads."""

    def __init__(self) -> None:
        self._mutex = Lock()
        self._kept: OrderedDict[bytes, bytes] = OrderedDict()

    def of(self, body: bytes) -> bytes:
        """The body, packed; the same for the same body."""
        digest = blake2b(body).digest()
        with self._mutex:
            found = self._kept.get(digest)
        if found is None:
            found = gzip.compress(body, mtime=0)
        with self._mutex:
            self._kept[digest] = found
            self._kept.move_to_end(digest)
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return found
