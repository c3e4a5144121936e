"""A service that sentinels watch over: redis-py asks them where the master is before it connects.

A failover breaks the connections to the old master, or has it refuse writes; the next go to where the sentinels say.
"""

from typing import Any

from redis.sentinel import Sentinel

from server.cache.redis.deadline import hurried
from server.cache.redis.node import OneServer, Patience
from server.cache.redis.url import RedisUrl


def sentinel_server(url: RedisUrl, patience: Patience) -> OneServer:
    """The master of the service."""
    sentinels: Any = Sentinel(url.hosts, sentinel_kwargs=url.sentinel_options)  # type: ignore[no-untyped-call]
    for sentinel in sentinels.sentinels:
        hurried(sentinel)
    master = hurried(sentinels.master_for(url.service, **url.options))
    return OneServer(master, patience, sentinels)
