"""Byte ranges, versions of a source, and the bytes read of one.

Ranges are half-open everywhere: [start, stop). Only the writer of HTTP headers makes the closed form.
"""

from dataclasses import dataclass
from hashlib import blake2b
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class ByteRange:
    """The bytes [start, stop) of a file; never empty."""

    start: int
    """First byte, counted from the start of the file."""

    stop: int
    """The byte after the last one."""

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.stop:
            raise ValueError(f"byte range [{self.start}, {self.stop}): wanted 0 <= start < stop")

    @property
    def size_bytes(self) -> int:
        """Number of bytes in the range."""
        return self.stop - self.start

    def __str__(self) -> str:
        return f"[{self.start}, {self.stop})"


@dataclass(frozen=True, slots=True)
class Version:
    """The identity of a source's content; two reads belong together only if their versions agree."""

    size_bytes: int
    """Size of the whole source."""

    etag: str | None = None
    """ETag as the origin sent it, with its quotes and, if weak, its `W/`."""

    modified: str | None = None
    """Last-Modified as sent; of a file its modification time in ns and its inode."""

    @property
    def strong_etag(self) -> str | None:
        """The ETag if it may stand in If-Match (RFC 9110 §13.1.1 compares strongly), else None."""
        return self.etag if self.etag and self.etag.startswith('"') else None

    @property
    def key(self) -> str:
        """16 hex digits that name this version in cache keys, ETags and URLs.

        A strong ETag and the size suffice; Last-Modified may differ between an origin's machines.
        """
        modified = None if self.strong_etag else self.modified
        identity = f"{self.size_bytes}|{self.etag}|{modified}"
        return blake2b(identity.encode(), digest_size=8).hexdigest()

    def same_as(self, other: "Version") -> bool:
        """True if both identify the same content: strong ETags decide, else all fields."""
        if self.strong_etag and other.strong_etag:
            return self.etag == other.etag and self.size_bytes == other.size_bytes
        return self == other


class SourceBytes(NamedTuple):
    """Bytes of a read, with their version. A named tuple, which is cheap to make for each read."""

    data: bytes
    """The bytes of the range, cut off at the end of the source."""

    version: Version
    """The version of the source at this read."""
