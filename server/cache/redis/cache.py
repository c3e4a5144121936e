"""The far tier: Redis, or anything that speaks its protocol; one server, a cluster, or what sentinels watch over.

Redis is a help, never a need. Whatever it does (refuse, hang, run full, answer garbage), a call ends within about half
a second and looks like a miss; a breaker keeps the calls after it from waiting too.

Every command is about one key, so that a cluster needs nothing of its own here; those for one server are one pipeline.
"""

import logging
import os
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence

from server.cache.redis.checksum import seal, unseal
from server.cache.redis.cluster import ClusterServers
from server.cache.redis.node import Patience, Servers, one_server
from server.cache.redis.sentinel import sentinel_server
from server.cache.redis.url import RedisUrl, read_url
from server.resilience.breaker import Use

TIMEOUT_S = 0.4

SERVERS: dict[str, Callable[[RedisUrl, Patience], Servers]] = {
    "": one_server,
    "cluster": ClusterServers,
    "sentinel": sentinel_server,
}
"""Kind of URL -> what asks the servers that it names."""

ACQUIRE_SCRIPT = (
    "if redis.call('set', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end "
    "if redis.pcall('get', KEYS[1]) == ARGV[1] then return 1 end "
    "local left = redis.pcall('pttl', KEYS[1]) "
    "if type(left) == 'number' and (left == -1 or left > tonumber(ARGV[2])) then "
    "redis.pcall('pexpire', KEYS[1], ARGV[2]) end "
    "return 0"
)
"""A command whose reply was lost is sent again, and must not find the lock taken by itself.

A lock without an expiry, or with a longer one, is none of ours: it gets an expiry, so that it costs one wait. A user
without the right to do that waits for such a lock each time, hence `pcall`.
"""
RELEASE_SCRIPT = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0"

log = logging.getLogger("server.cache.redis")


def make(url: str, tls_verify: bool) -> "RedisCache":
    """See `server.cache.CACHES`."""
    return RedisCache(url, tls_verify)


class RedisCache:
    """A `Cache` in Redis. Connections are made at the first call in each process, so never shared over a fork."""

    def __init__(
        self, url: str, tls_verify: bool = True, *, timeout_s: float = TIMEOUT_S, breaker_pause_s: float = 2.0
    ) -> None:
        """Read the URL.

        Args:
            url: see `server.cache.redis.url`.
            tls_verify: False accepts any certificate of a server.
            timeout_s: for a call, whatever it has to wait for, unless the URL says `socket_timeout`.
            breaker_pause_s: how long a server is left alone after a failure.

        Raises:
            ValueError: the URL cannot be read; the message does not hold it.
        """
        self._url = read_url(url, tls_verify, timeout_s)
        self._patience = Patience(self._url.options["socket_timeout"], breaker_pause_s)
        self._made: dict[int, Servers] = {}

    def __repr__(self) -> str:
        return f"RedisCache({self._url.display!r})"

    def get(self, keys: Sequence[str]) -> list[bytes | None]:
        """See `Cache.get`. What does not verify is dropped."""
        stored = self._servers().ask(Use.READ, {key: ("MGET", key) for key in keys}, _value)
        values = {key: unseal(key, data) for key, data in stored.items()}
        damaged = [key for key, value in values.items() if value is None and stored[key] is not None]
        if damaged:
            log.info("redis: dropped %d values that do not verify, the first of %s", len(damaged), damaged[0])
            self.drop(damaged)
        return [values.get(key) for key in keys]

    def put(self, items: Mapping[str, bytes], ttl_s: float) -> None:
        """See `Cache.put`."""
        commands = {key: ("SET", key, seal(key, value), "PX", _ms(ttl_s)) for key, value in items.items()}
        self._servers().ask(Use.WRITE, commands, _is_set)

    def drop(self, keys: Iterable[str]) -> None:
        """See `Cache.drop`."""
        self._servers().ask(Use.TIDY, {key: ("DEL", key) for key in keys}, _count)

    def acquire(self, keys: Sequence[str], ttl_s: float) -> dict[str, str]:
        """See `Cache.acquire`."""
        token = secrets.token_hex(8)
        commands = {lock: ("EVAL", ACQUIRE_SCRIPT, 1, lock, token, _ms(ttl_s)) for lock in map(_lock, keys)}
        had = self._servers().ask(Use.WRITE, commands, _count)
        return {key: token for key in keys if had.get(_lock(key), True)}

    def release(self, tokens: Mapping[str, str]) -> None:
        """See `Cache.release`."""
        locks = {_lock(key): token for key, token in tokens.items()}
        commands = {lock: ("EVAL", RELEASE_SCRIPT, 1, lock, token) for lock, token in locks.items()}
        self._servers().ask(Use.TIDY, commands, _count)

    def close(self) -> None:
        """See `Cache.close`."""
        servers = self._made.pop(os.getpid(), None)
        if servers is not None:
            servers.close()

    def _servers(self) -> Servers:
        """This process's. If two threads make them, setdefault keeps the first; a lock could be held over a fork."""
        pid = os.getpid()
        made = self._made.get(pid)
        return made or self._made.setdefault(pid, SERVERS[self._url.kind](self._url, self._patience))


def _value(reply: object) -> object:
    """What MGET of one key says: it takes a value of another type for none, where GET has an error."""
    if not isinstance(reply, list) or len(reply) != 1:
        raise TypeError(f"reply to MGET: {type(reply).__name__}, wanted a list of one")
    return reply[0]


def _is_set(reply: object) -> bool:
    if reply != b"OK" and reply is not None:
        raise TypeError(f"reply to SET: {type(reply).__name__}, wanted OK or nil")
    return reply is not None


def _count(reply: object) -> int:
    if not isinstance(reply, int):
        raise TypeError(f"reply to DEL or EVAL: {type(reply).__name__}, wanted a number")
    return reply


def _lock(key: str) -> str:
    """The braces put it into the key's slot (Redis Cluster specification, "Hash tags").

    Else all would wait for each other's loads by a lock that works, and hand nothing over by a node that is down.
    """
    return f"{key}:lock" if "{" in key else f"{{{key}}}:lock"


def _ms(ttl_s: float) -> int:
    return max(1, round(ttl_s * 1000))
