"""The config file that gunicorn's master and workers share: the newest that was adopted, in memory without a name.

The master makes the board before it forks. Whichever process adopts a newer file posts it, and the others read it from
there, so that all come to the same settings, and a worker that starts later has them too. A lock lets one process at a
time lead: it alone asks the place of the file for changes. The lock ends with its process.
"""

import os
from fcntl import LOCK_EX, LOCK_NB, LOCK_UN, lockf
from hashlib import blake2b
from tempfile import TemporaryFile
from typing import Final

import msgspec

from cogread.byterange import Version

_DIGEST_BYTES: Final = 16
_POSTING: Final = 1 << 62
_LEADING: Final = _POSTING + 1
"""Bytes that are locked, beyond those that are written."""


class Notice(msgspec.Struct, frozen=True):
    """The content of a board."""

    data: bytes
    """The config file that is in use."""
    version: Version
    """The version of the file that was read last, in use or refused."""
    problem: str = ""
    """The reason why what was read last is not in use."""


class Board:
    """A board. Each process that inherits it at a fork is one reader; used by one thread at a time in each."""

    def __init__(self) -> None:
        self._fd: Final = os.memfd_create("rawcog config") if hasattr(os, "memfd_create") else _nameless_file()
        self._digest = b""
        """Digest of the notice that this process read or posted last."""

    def post(self, notice: Notice) -> None:
        """Put a notice in place of the last one."""
        body = msgspec.msgpack.encode(notice)
        digest = blake2b(body, digest_size=_DIGEST_BYTES).digest()
        lockf(self._fd, LOCK_EX, 1, _POSTING)
        try:
            os.pwrite(self._fd, digest + body, 0)
            os.ftruncate(self._fd, _DIGEST_BYTES + len(body))
        finally:
            lockf(self._fd, LOCK_UN, 1, _POSTING)
        self._digest = digest

    def news(self) -> Notice | None:
        """The notice; None: it is the last one that this process read or posted, or the next one is being posted."""
        if os.pread(self._fd, _DIGEST_BYTES, 0) in (b"", self._digest):
            return None
        data = os.pread(self._fd, os.fstat(self._fd).st_size, 0)
        digest, body = data[:_DIGEST_BYTES], data[_DIGEST_BYTES:]
        if blake2b(body, digest_size=_DIGEST_BYTES).digest() != digest:
            return None
        self._digest = digest
        return msgspec.msgpack.decode(body, type=Notice)

    def leads(self) -> bool:
        """Return whether this process leads; it does from now on if no other one does."""
        try:
            lockf(self._fd, LOCK_EX | LOCK_NB, 1, _LEADING)
        except OSError:
            return False
        return True


def _nameless_file() -> int:
    with TemporaryFile() as file:
        return os.dup(file.fileno())
