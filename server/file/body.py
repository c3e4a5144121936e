"""The body of a long reply: read piece by piece while it is sent, each piece of the planned version or none."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from threading import Semaphore
from typing import Final

from cogread.byterange import ByteRange
from server.file.plan import Part

logger = logging.getLogger(__name__)

PIECE_BYTES: Final = 1 << 20
"""Bytes of the first piece. Each piece is one read at the origin."""

TURN_S: Final = 0.005
"""Longest wait for a turn to read the file; after it the thread sends other downloads first."""

FAST_S: Final = 1.0
"""Duration of a read after which the next piece may be longer: a slow origin has to send each before its deadline."""


class BodyBroken(ConnectionResetError):
    """The rest of the body cannot be read. The server ends the connection, short of Content-Length."""


class FileBody:
    """An iterator of pieces, with `close` (PEP 3333). The first is read at once, so that its errors get a reply."""

    def __init__(
        self,
        name: str,
        parts: Sequence[Part],
        longest_bytes: int,
        turns: Semaphore,
        read: Callable[[ByteRange], bytes],
        release: Callable[[], object],
    ) -> None:
        """Read the first piece.

        Args:
            name: of the layer, for the log.
            parts: of the body.
            longest_bytes: most bytes of a piece.
            turns: bounds the threads that read the file for long replies.
            read: reads a piece, of the planned version or not at all.
            release: called at the end of the body, or when the client is gone.

        Raises:
            CogError: as `read`.
        """
        self._name, self._turns, self._read, self._release = name, turns, read, release
        self._pieces = self._cut(parts)
        self._longest_bytes, self._piece_bytes, self._sent_bytes = longest_bytes, PIECE_BYTES, 0
        self._first: bytes | None = self._take()

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        """The next piece; empty if no turn to read came in time."""
        piece, self._first = self._first, None
        if piece is None:
            if not self._turns.acquire(timeout=TURN_S):
                return b""
            try:
                piece = self._take()
            except Exception as error:  # the status is sent: a reply that breaks off is all that is left
                cause = f"{type(error).__name__}: {error}"
                logger.warning("layer %r: cog.tif ends after %d bytes: %s", self._name, self._sent_bytes, cause)
                raise BodyBroken(cause) from error
            finally:
                self._turns.release()
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
        if not isinstance(part, ByteRange):
            return part
        began_s = time.monotonic()
        data = self._read(part)
        self._piece_bytes = self._longest_bytes if time.monotonic() - began_s < FAST_S else PIECE_BYTES
        return data

    def _cut(self, parts: Sequence[Part]) -> Iterator[Part]:
        """Cut long ranges into pieces."""
        for part in parts:
            if isinstance(part, bytes):
                yield part
                continue
            start = part.start
            while start < part.stop:
                piece = ByteRange(start, min(start + self._piece_bytes, part.stop))
                yield piece
                start = piece.stop
