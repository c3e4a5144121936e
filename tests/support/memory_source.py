"""A `Source` that is a bytes object."""

from hashlib import blake2b

from cogread.byterange import ByteRange, SourceBytes, Version
from cogread.deadline import NEVER, Deadline
from cogread.errors import SourceChanged, SourceProtocolError


class MemorySource:
    """Bytes in memory; assign `data` to replace the content."""

    is_local = True

    def __init__(self, data: bytes, name: str = "memory") -> None:
        self.data = data
        self.name = name

    def read(self, wanted: ByteRange, expect: Version | None = None, deadline: Deadline = NEVER) -> SourceBytes:
        """See `Source.read`."""
        data = self.data
        version = _version(data)
        if expect is not None and not version.same_as(expect):
            raise SourceChanged(f"{self.name}: replaced since its header was read")
        if wanted.start >= len(data):
            raise SourceProtocolError(f"{self.name}: wanted the bytes {wanted} of {len(data)}")
        return SourceBytes(data[wanted.start : wanted.stop], version)

    def version(self, deadline: Deadline = NEVER) -> Version:
        """See `Source.version`."""
        return _version(self.data)

    def close(self) -> None:
        """See `Source.close`."""


def _version(data: bytes) -> Version:
    return Version(len(data), etag=f'"{blake2b(data, digest_size=16).hexdigest()}"')
