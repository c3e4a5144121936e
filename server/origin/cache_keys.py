"""Keys of a source's bytes in the cache tiers.

Those of blocks and tiles name the version, so bytes of a replaced file are never mixed with those of the new one: old
keys are not asked for any more.
"""

from typing import Final, NamedTuple

from cogread.byterange import Version

PREFIX: Final = "rawcog:2:"
"""Prefix of every key; the number changes with the meaning of the values."""


class VersionKeys(NamedTuple):
    """Prefixes of the keys of a version."""

    version: Version
    block: str
    tile: str


class CacheKeys:
    """The keys of one source. Thread-safe."""

    def __init__(self, key: str, block_bytes: int) -> None:
        """Take the name of the source.

        Args:
            key: identifies the source for the whole fleet.
            block_bytes: a part of the keys of blocks, since processes of two releases may share Redis.
        """
        self.of_version: Final = f"{PREFIX}version:{key}"
        self.of_start: Final = f"{PREFIX}start:{key}:{block_bytes}"
        """Key of a copy of the first block behind its version, which can be asked for together with the version."""
        self._key, self._block_bytes = key, block_bytes
        self._last = self._make(Version(0))
        """The last ones, since making them takes as long as a hit."""

    def of(self, version: Version) -> VersionKeys:
        """The prefixes of a version's keys."""
        keys = self._last
        if keys.version is not version and keys.version != version:
            self._last = keys = self._make(version)
        return keys

    def _make(self, version: Version) -> VersionKeys:
        return VersionKeys(
            version,
            block=f"{PREFIX}block:{self._key}:{version.key}:{self._block_bytes}:",
            tile=f"{PREFIX}tile:{self._key}:{version.key}:",
        )
