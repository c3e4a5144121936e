"""Documents as gzip: what was packed last is kept, by the digest of what was packed, so that nobody gets another's."""

import gzip
from collections import OrderedDict
from hashlib import blake2b
from threading import Lock
from typing import Final

KEPT_BYTES: Final = 4 * 1024 * 1024
"""Some thousand documents of a layer, or a few of all layers where these are many."""
ENTRY_BYTES: Final = 300
"""What keeping one costs beside its bytes."""


class Packed:
    """Packs. Safe to share between threads."""

    def __init__(self) -> None:
        self._mutex = Lock()
        self._kept: OrderedDict[bytes, bytes] = OrderedDict()
        self._kept_bytes = 0

    def of(self, body: bytes) -> bytes:
        """The body, packed; the same for the same body."""
        digest = blake2b(body).digest()
        with self._mutex:
            found = self._kept.get(digest)
            if found is not None:
                self._kept.move_to_end(digest)
                return found
        found = gzip.compress(body, mtime=0)
        self._keep(digest, found)
        return found

    def _keep(self, digest: bytes, packed: bytes) -> None:
        """In place of what was asked for longest ago. The newest is kept even if it is larger than the bound."""
        with self._mutex:
            if digest in self._kept:
                return
            self._kept[digest] = packed
            self._kept_bytes += ENTRY_BYTES + len(packed)
            while self._kept_bytes > KEPT_BYTES and len(self._kept) > 1:
                _, oldest = self._kept.popitem(last=False)
                self._kept_bytes -= ENTRY_BYTES + len(oldest)
