"""The body of a long reply: read piece by piece while it is sent, each piece of the planned version or none."""

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from cogread.byterange import ByteRange
from server.file.plan import Part

logger = logging.getLogger(__name__)

PIECE_BYTES: Final = 1 << 20
"""Bytes of a piece, each one read at the origin."""


class BodyBroken(ConnectionResetError):
    """The rest of the body cannot be read. The server ends the connection, short of Content-Length."""


class FileBody:
    """An iterator of pieces, with `close` (PEP 3333). The first is read at once, so that its errors get a reply."""

    def __init__(
        self, name: str, parts: Sequence[Part], read: Callable[[ByteRange], bytes], release: Callable[[], object]
    ) -> None:
        """Read the first piece.

        Args:
            name: of the layer, for the log.
            parts: of the body.
            read: reads a piece, of the planned version or not at all.
            release: called at the end of the body, or when the client is gone.

        Raises:
            CogError: as `read`.
        """
        self._name, self._read, self._release = name, read, release
        self._pieces = _pieces(parts)
        self._sent_bytes = 0
        self._first: bytes | None = self._take()

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        piece, self._first = self._first, None
        if piece is None:
            try:
                piece = self._take()
            except Exception as error:
                cause = f"{type(error).__name__}: {error}"
                logger.warning("layer %r: cog.tif ends after %d bytes: %s", self._name, self._sent_bytes, cause)
                raise BodyBroken(cause) from error
        if piece is None:
            raise StopIteration
        self._sent_bytes += len(piece)
        return piece

    def close(self) -> None:
        """Release what the body holds; may be called again."""
        self._release()

    __del__ = close

    def _take(self) -> bytes | None:
        part = next(self._pieces, None)
        return self._read(part) if isinstance(part, ByteRange) else part


def _pieces(parts: Sequence[Part]) -> Iterator[Part]:
    """Cut long ranges into pieces."""
    for part in parts:
        if isinstance(part, bytes):
            yield part
            continue
        for start in range(part.start, part.stop, PIECE_BYTES):
            yield ByteRange(start, min(start + PIECE_BYTES, part.stop))
