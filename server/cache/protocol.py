"""What a cache is: bytes by key, and locks that expire."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol


class Cache(Protocol):
    """A tier that may lose anything at any time; safe to use from many threads.

    No method raises for trouble of the cache itself: a cache that is down misses, forgets what it is given, and
    lets every lock be had.
    """

    def get(self, keys: Sequence[str]) -> list[bytes | None]:
        """The values in the order of the keys, None where there is none; one round trip."""
        ...

    def put(self, items: Mapping[str, bytes], ttl_s: float) -> None:
        """Keep the values for at most `ttl_s` seconds; one round trip."""
        ...

    def drop(self, keys: Iterable[str]) -> None:
        """Forget the values."""
        ...

    def acquire(self, keys: Sequence[str], ttl_s: float) -> dict[str, str]:
        """Take the locks of those keys that nobody holds; one round trip.

        Args:
            keys: what to lock. Locks are apart from values: a locked key can be read and written.
            ttl_s: seconds after which a lock is free again, whatever became of its holder.

        Returns:
            Key -> token of the locks that were had. All keys, if the cache is down.
        """
        ...

    def release(self, tokens: Mapping[str, str]) -> None:
        """Free the locks that are still held with these tokens; one round trip."""
        ...

    def close(self) -> None:
        """Give up connections. The cache may be used again."""
        ...
