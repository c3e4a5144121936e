"""Values as they lie in a cache that others can write to: a digest over key and value, then the value.

The digest finds what is flipped, cut, or lies under another key. It is no signature: who can write to the cache and
knows this code can seal what he likes, and gains what a hostile file would (DESIGN §5). So XXH3 will do, which takes
2 µs for a tile of 45 kB; a cryptographic one takes as long as Redis does.
"""

from xxhash import xxh3_128

DIGEST_BYTES = 16


def seal(key: str, value: bytes) -> bytes:
    """The value with its digest in front."""
    return _digest(key, value) + value


def unseal(key: str, stored: object) -> bytes | None:
    """The value, or None if what is stored is not what `seal` made for this key."""
    if not isinstance(stored, bytes) or len(stored) < DIGEST_BYTES:
        return None
    value = stored[DIGEST_BYTES:]
    return value if stored[:DIGEST_BYTES] == _digest(key, value) else None


def _digest(key: str, value: bytes) -> bytes:
    digest = xxh3_128(key.encode() + b"\0")  # no key holds a NUL: "ab"+"c" is not "a"+"bc"
    digest.update(value)
    return digest.digest()
