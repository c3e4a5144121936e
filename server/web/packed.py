"""Documents as gzip, cached by a key that names all that their content depends on.

A document or page of a layer is written once for each version of its file, a list once for each state of the layers.
"""

from collections.abc import Callable, Iterable
from hashlib import blake2b, sha1
from threading import Lock
from typing import Final, NamedTuple
from zlib import DEFLATED, compressobj

from server.cache.lru import ByteLru

ENTRY_BYTES: Final = 700
"""Cost of an entry beside its bytes."""
LEVEL: Final = 6
GZIP: Final = 31
"""Window bits of zlib for gzip, without name and time."""

Key = tuple[object, ...]
"""Values whose `repr` identifies a document."""


class PackedDocument(NamedTuple):
    """A document as gzip; each of its two forms has an entity tag of its own."""

    body: bytes
    size_bytes: int
    """Size of the plain form."""
    etag: str
    """Entity tag of the plain form."""
    packed_etag: str


class PackedDocuments:
    """Packs documents and caches them, the least recently used are evicted. Safe to share between threads."""

    def __init__(self, bound_bytes: int) -> None:
        """Make an empty store.

        Args:
            bound_bytes: of all packed documents; a larger one is not kept.
        """
        self._documents: Final = ByteLru[bytes, PackedDocument](bound_bytes, largest_bytes=bound_bytes)
        self._writing: Final = Lock()

    def of(self, key: Key, write: Callable[[], bytes]) -> PackedDocument:
        """A document.

        Args:
            key: see `Key`.
            write: writes it; may wait for other servers.
        """
        digest = _digest(key)
        return self._documents.get(digest) or self._put(digest, (write(),))

    def of_long(self, key: Key, pieces: Callable[[], Iterable[bytes]]) -> PackedDocument:
        """A long document, packed as it is written: it is never in memory as a whole.

        Args:
            key: see `Key`.
            pieces: writes it from memory alone; called once for requests at the same moment.
        """
        digest = _digest(key)
        document = self._documents.get(digest)
        if document is not None:
            return document
        with self._writing:
            return self._documents.get(digest) or self._put(digest, pieces())

    def _put(self, digest: bytes, pieces: Iterable[bytes]) -> PackedDocument:
        document = pack(pieces)
        self._documents.put(digest, document, ENTRY_BYTES + len(document.body))
        return document


def pack(pieces: Iterable[bytes]) -> PackedDocument:
    """Pack a document that comes in pieces."""
    packer, plain, parts, size_bytes = compressobj(LEVEL, DEFLATED, GZIP), sha1(usedforsecurity=False), [], 0
    for piece in pieces:
        parts.append(packer.compress(piece))
        plain.update(piece)
        size_bytes += len(piece)
    body = b"".join((*parts, packer.flush()))
    packed = sha1(body, usedforsecurity=False)
    return PackedDocument(body, size_bytes, f'"{plain.hexdigest()}"', f'"{packed.hexdigest()}"')


def _digest(key: Key) -> bytes:
    return blake2b(repr(key).encode()).digest()
