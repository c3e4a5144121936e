"""Writing a file to the disk while it grows, so that the fsync at its end has little left to wait for."""

import os
from typing import Final

_PIECE_BYTES: Final = 8 << 20
"""Bytes that are handed to the disk at once."""
_BLOCK_BYTES: Final = 1 << 20
"""Pieces end at multiples of this, so that no page is written twice."""


class Writeback:
    """The growing file. Its descriptor stays open until the file is closed."""

    def __init__(self, file: int, start: int) -> None:
        """Begin at a byte of the file."""
        self._file, self._start = file, start

    def advance(self, stop: int) -> None:
        """Start the writes to the disk of what lies before a byte; does not wait for them.

        Linux starts them before it looks for pages to forget (mm/fadvise.c, `POSIX_FADV_DONTNEED`), and forgets none of
        those that are being written.
        """
        if stop - self._start >= _PIECE_BYTES:
            stop -= stop % _BLOCK_BYTES
            os.posix_fadvise(self._file, self._start, stop - self._start, os.POSIX_FADV_DONTNEED)
            self._start = stop
