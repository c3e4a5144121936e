"""The cache tiers: worker memory over a tier that the fleet shares, with single flight through both.

A module of the table is imported when its scheme is first used.
"""

from importlib import import_module

from server.cache.protocol import Cache

_REDIS = "redis rediss unix redis+cluster rediss+cluster redis+sentinel rediss+sentinel"
CACHES: dict[str, str] = dict.fromkeys(_REDIS.split(), "server.cache.redis.cache")
"""URL scheme -> module with a function `make(url: str, tls_verify: bool) -> Cache`."""


def open_cache(url: str | None, tls_verify: bool = True) -> Cache | None:
    """Make the shared tier; nothing is connected yet.

    Args:
        url: of the cache; None or empty: there is none.
        tls_verify: False accepts any certificate under `rediss…://`.

    Raises:
        ValueError: the URL cannot be used. The message holds nothing of it.
    """
    if not url:
        return None
    scheme = url.partition("://")[0]
    if scheme not in CACHES:
        raise ValueError(f"wanted a URL that begins with one of {', '.join(f'{name}://' for name in CACHES)}")
    cache: Cache = import_module(CACHES[scheme]).make(url, tls_verify)
    return cache


__all__ = ["CACHES", "Cache", "open_cache"]
