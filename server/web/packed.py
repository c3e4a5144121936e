"""Documents as gzip, cached by their content or by a key that stands for it."""

import gzip
import io
from collections.abc import Callable, Iterable
from hashlib import blake2b
from threading import Lock
from typing import Final

from server.cache.lru import ByteLru

ENTRY_BYTES: Final = 500
"""Cost of an entry beside its bytes."""
LEVEL: Final = 6


class PackedDocuments:
    """Packs documents and caches them, the least recently used are evicted. Safe to share between threads."""

    def __init__(self, bound_bytes: int) -> None:
        """Make an empty store.

        Args:
            bound_bytes: of all packed documents; a larger one is not kept.
        """
        self._documents: Final = ByteLru[bytes, bytes](bound_bytes, largest_bytes=bound_bytes)
        self._writing: Final = Lock()

    def of(self, body: bytes) -> bytes:
        """The body as gzip."""
        return self._get(blake2b(body).digest(), lambda: gzip.compress(body, LEVEL, mtime=0))

    def written(self, key: str, pieces: Callable[[], Iterable[bytes]]) -> bytes:
        """A long document as gzip, packed as it is written: it is never in memory as a whole.

        Args:
            key: names the document with its version and all that it depends on.
            pieces: writes the document; called once for requests at the same moment.
        """
        digest = blake2b(key.encode()).digest()
        document = self._documents.get(digest)
        if document is not None:
            return document
        with self._writing:
            return self._get(digest, lambda: _packed(pieces()))

    def _get(self, key: bytes, pack: Callable[[], bytes]) -> bytes:
        document = self._documents.get(key)
        if document is None:
            document = pack()
            self._documents.put(key, document, ENTRY_BYTES + len(document))
        return document


def _packed(pieces: Iterable[bytes]) -> bytes:
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=LEVEL, mtime=0) as writer:
        for piece in pieces:
            writer.write(piece)
    return packed.getvalue()
