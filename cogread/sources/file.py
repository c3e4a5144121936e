"""A local file, opened for each read, so that a replaced file is noticed at once.

Strategy: open, pread, fstat, close. `os.pread` because a shared seek + read mixes the bytes of threads. The bytes
belong to the expected version if the file still has it after the read: writing changes the modification time before the
bytes. Without an expected version, the version before the read is expected.
"""

import logging
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from stat import S_ISDIR, S_ISREG
from typing import Final

from cogread.byterange import ByteRange, SourceBytes, Version
from cogread.deadline import NEVER, Deadline
from cogread.errors import SourceChanged, SourceError, SourceForbidden, SourceNotFound, SourceProtocolError
from cogread.sources.protocol import SourceOptions
from cogread.sources.uri import SourceUri

log = logging.getLogger("cogread")

_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY
"""O_NONBLOCK, because opening a FIFO would wait for a writer forever."""

AT_REST_S: Final = 10.0
"""Age of the last modification after which no write is under way: longer than a single write takes."""


def is_at_rest(version: Version) -> bool:
    """Tell whether the bytes of this version of a file are final: a write changes the modification time once, first."""
    modified_ns = int((version.modified or "0").partition("-")[0])
    return time.time() - modified_ns / 1e9 >= AT_REST_S


class FileSource:
    """A regular file."""

    is_local = True

    def __init__(self, path: str) -> None:
        self.name = path
        self._last_version: tuple[tuple[int, int, int], Version] | None = None

    def read(self, wanted: ByteRange, expect: Version | None = None, deadline: Deadline = NEVER) -> SourceBytes:
        """See `Source.read`."""
        if log.isEnabledFor(logging.INFO):
            log.info("read %s bytes %d-%d", self.name, wanted.start, wanted.stop - 1)
        try:
            fd = os.open(self.name, _FLAGS)
            try:
                return self._read(fd, wanted, expect)
            finally:
                os.close(fd)
        except (OSError, ValueError) as error:
            raise self._failure(error) from error

    def read_each(self, places: Sequence[ByteRange | None], expect: Version) -> list[bytes | None]:
        """Read several ranges of a version, whole; None for None.

        Raises:
            SourceError: as `Source.read`.
        """
        if log.isEnabledFor(logging.INFO):
            log.info("read %s %d tiles", self.name, sum(place is not None for place in places))
        with self._opened() as fd:
            parts = [None if place is None else os.pread(fd, place.stop - place.start, place.start) for place in places]
            version = self._version(os.fstat(fd))
        self._check_version(version, expect)
        for place, part in zip(places, parts, strict=True):
            if place is not None and part is not None and len(part) != place.stop - place.start:
                raise SourceProtocolError(f"{self.name}: {len(part)} bytes at {place}, wanted {place.size_bytes}")
        return parts

    def prefetch(self, ranges: Sequence[ByteRange]) -> None:
        """Let the system read ranges ahead, which does not wait for them.

        Raises:
            SourceError: the file cannot be opened.
        """
        with self._opened() as fd:
            for each in ranges:
                os.posix_fadvise(fd, each.start, each.size_bytes, os.POSIX_FADV_WILLNEED)

    def version(self, deadline: Deadline = NEVER) -> Version:
        """See `Source.version`."""
        try:
            return self._version(os.stat(self.name))
        except (OSError, ValueError) as error:
            raise self._failure(error) from error

    def read_whole(
        self, most_bytes: int, unless: Version | None = None, deadline: Deadline = NEVER
    ) -> SourceBytes | None:
        """See `Document.read_whole`."""
        version = self.version()
        if unless is not None and unless.same_as(version):
            return None
        if version.size_bytes > most_bytes:
            raise SourceProtocolError(f"{self.name}: {version.size_bytes} bytes, wanted {most_bytes} at most")
        return self.read(ByteRange(0, most_bytes), version) if version.size_bytes else SourceBytes(b"", version)

    def device(self) -> int:
        """Number of the device that the file is on (`st_dev`).

        Raises:
            SourceError: as `version`.
        """
        try:
            return os.stat(self.name).st_dev
        except (OSError, ValueError) as error:
            raise self._failure(error) from error

    def close(self) -> None:
        """See `Source.close`."""

    @contextmanager
    def _opened(self) -> Iterator[int]:
        try:
            fd = os.open(self.name, _FLAGS)
            try:
                yield fd
            finally:
                os.close(fd)
        except (OSError, ValueError) as error:
            raise self._failure(error) from error

    def _read(self, fd: int, wanted: ByteRange, expect: Version | None) -> SourceBytes:
        if expect is None:
            expect = self._version(os.fstat(fd))
        start, stop = wanted.start, min(wanted.stop, expect.size_bytes)
        data = os.pread(fd, stop - start, start) if start < stop else b""
        version = self._version(os.fstat(fd))
        self._check_version(version, expect)
        if start >= stop:
            raise SourceProtocolError(f"{self.name}: wanted the bytes {wanted} of {stop}")
        if len(data) != stop - start:
            raise SourceProtocolError(f"{self.name}: {len(data)} bytes at {start}, wanted {stop - start}")
        return SourceBytes(data, version)

    def _check_version(self, version: Version, expect: Version) -> None:
        if version is not expect and not version.same_as(expect):
            raise SourceChanged(f"{self.name}: replaced or rewritten since its header was read")

    def _version(self, stat: os.stat_result) -> Version:
        """The version of this state; the last one is cached, since making it costs as much as a system call."""
        if not S_ISREG(stat.st_mode):
            kind = "a directory" if S_ISDIR(stat.st_mode) else "a device, pipe or socket"
            raise SourceError(f"{self.name}: {kind}, wanted a regular file")
        identity = (stat.st_size, stat.st_mtime_ns, stat.st_ino)
        last = self._last_version
        if last is None or last[0] != identity:
            size_bytes, mtime_ns, inode = identity
            self._last_version = last = (identity, Version(size_bytes, modified=f"{mtime_ns}-{inode}"))
        return last[1]

    def _failure(self, error: OSError | ValueError) -> SourceError:
        if isinstance(error, (FileNotFoundError, NotADirectoryError)):
            return SourceNotFound(f"{self.name}: no such file")
        if isinstance(error, PermissionError):
            return SourceForbidden(f"{self.name}: no permission to read it")
        reason = error.strerror if isinstance(error, OSError) else "not a valid path"
        return SourceError(f"{self.name}: {reason or type(error).__name__}")


def make(uri: SourceUri, options: SourceOptions) -> FileSource:
    """Make the source of a `file` URI."""
    return FileSource(uri.location)
