"""The protocol of caches: bytes by key, and locks that expire."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, Protocol

NO_LOCKS: Final[Mapping[str, str]] = MappingProxyType({})


class Cache(Protocol):
    """A tier that may lose any value at any time. Thread-safe.

    No method raises for a failure of the cache itself: a cache that is down misses, stores nothing and grants every
    lock.
    """

    def get(self, keys: Sequence[str]) -> list[bytes | None]:
        """The values in the order of the keys, None for a miss; one round trip."""
        ...

    def put(self, items: Mapping[str, bytes], ttl_s: float, tokens: Mapping[str, str] = NO_LOCKS) -> None:
        """Store the values for at most `ttl_s` seconds, then release locks as `release` does; one round trip."""
        ...

    def drop(self, keys: Iterable[str]) -> None:
        """Remove the values."""
        ...

    def acquire(self, keys: Sequence[str], ttl_s: float, values: dict[str, bytes] | None = None) -> dict[str, str]:
        """Take the free locks among those of the keys, then look for their values; one round trip.

        Args:
            keys: of the locks. Locks do not guard values: a locked key can be read and written.
            ttl_s: seconds after which a lock expires.
            values: takes the values of the keys, which the last holders of the locks may have put; None: not wanted.

        Returns:
            Key -> token of the locks taken; all keys if the cache is down.
        """
        ...

    def release(self, tokens: Mapping[str, str]) -> None:
        """Release the locks that are still held with these tokens; one round trip."""
        ...

    def close(self) -> None:
        """Close connections. The cache may be used again."""
        ...
