"""The cache of the fleet in Redis, or anything that speaks its protocol: one server, a cluster, or sentinels.

The service never depends on it. Whatever Redis does (refuse, hang, run full, answer garbage), a call ends within about
half a second and looks like a miss; a circuit breaker keeps the next calls from waiting too.

Every command is about one key, so that a cluster needs nothing of its own here; those for one server are one pipeline.
"""

import logging
import os
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from cogread.deadline import Deadline
from server.cache.protocol import NO_LOCKS
from server.cache.redis.checksum import CHECKSUM_BYTES, add_checksum, verify
from server.cache.redis.cluster import ClusterServers
from server.cache.redis.node import Command, Node, Servers
from server.cache.redis.node_breaker import Use
from server.cache.redis.pool import master_pool, server_pool
from server.cache.redis.resp import LONGEST_BYTES
from server.cache.redis.url import RedisUrl, read_url

TIMEOUT_S = 0.4

ACQUIRE_SCRIPT = (
    "if redis.call('set', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end "
    "if redis.pcall('get', KEYS[1]) == ARGV[1] then return 1 end "
    "local left = redis.pcall('pttl', KEYS[1]) "
    "if type(left) == 'number' and (left == -1 or left > tonumber(ARGV[2])) then "
    "redis.pcall('pexpire', KEYS[1], ARGV[2]) end "
    "return 0"
)
"""A command whose reply was lost is sent again and must not find the lock taken by itself.

A lock without an expiry, or with a longer one, is foreign: it gets an expiry, so that it costs one wait. A user without
the right to do that waits for such a lock each time, hence `pcall`.
"""
RELEASE_SCRIPT = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0"

log = logging.getLogger("server.cache.redis")
T = TypeVar("T")


def make(url: str, tls_verify: bool) -> "RedisCache":
    """See `server.cache.CACHES`."""
    return RedisCache(url, tls_verify)


class RedisCache:
    """A `Cache` in Redis. Connections are made at the first call in each process, so never shared over a fork."""

    def __init__(
        self, url: str, tls_verify: bool = True, *, timeout_s: float = TIMEOUT_S, breaker_pause_s: float = 2.0
    ) -> None:
        """Read the URL; connect nothing yet.

        Args:
            url: see `server.cache.redis.url`.
            tls_verify: False accepts any certificate of a server.
            timeout_s: for a whole call, unless the URL says `socket_timeout`.
            breaker_pause_s: seconds without a call to a server after it failed.

        Raises:
            ValueError: the URL is not valid; the message does not hold it.
        """
        self._url = read_url(url, tls_verify, timeout_s)
        self._pause_s = breaker_pause_s
        self._servers_by_process: dict[int, Servers] = {}

    def __repr__(self) -> str:
        return f"RedisCache({self._url.display!r})"

    def get(self, keys: Sequence[str]) -> list[bytes | None]:
        """See `Cache.get`. A value whose checksum is wrong is dropped."""
        stored = self._ask(Use.READ, {key: ("MGET", key) for key in keys}, _read_value)
        values = [verify(key, stored.get(key)) for key in keys]
        if None in values:
            self._drop_damaged(stored)
        return values

    def put(self, items: Mapping[str, bytes], ttl_s: float, tokens: Mapping[str, str] = NO_LOCKS) -> None:
        """See `Cache.put`. Values that would be too long to read are left out."""
        commands: dict[str, Command] = {
            key: ("SET", key, add_checksum(key, value), "PX", _ms(ttl_s))
            for key, value in items.items()
            if len(value) <= LONGEST_BYTES - CHECKSUM_BYTES
        }
        self._ask(Use.WRITE, commands | _release(tokens), _read_done)

    def drop(self, keys: Iterable[str]) -> None:
        """See `Cache.drop`."""
        self._ask(Use.TIDY, {key: ("DEL", key) for key in keys}, _read_number)

    def acquire(self, keys: Sequence[str], ttl_s: float, values: dict[str, bytes] | None = None) -> dict[str, str]:
        """See `Cache.acquire`. No values come from a server that refuses writes."""
        token = secrets.token_hex(8)
        commands: dict[str, Command] = {
            lock: ("EVAL", ACQUIRE_SCRIPT, 1, lock, token, _ms(ttl_s)) for lock in map(_lock, keys)
        }
        if values is not None:
            commands |= {key: ("MGET", key) for key in keys}
        answers = self._ask(Use.WRITE, commands, _read_lock_or_value)
        if values is not None:
            values.update({key: value for key in keys if (value := verify(key, answers.get(key))) is not None})
        return {key: token for key in keys if answers.get(_lock(key), True)}

    def release(self, tokens: Mapping[str, str]) -> None:
        """See `Cache.release`."""
        self._ask(Use.TIDY, _release(tokens), _read_number)

    def _drop_damaged(self, stored: Mapping[str, object]) -> None:
        damaged = [key for key, data in stored.items() if data is not None and verify(key, data) is None]
        if damaged:
            log.info("redis: dropped %d values that do not verify, the first of %s", len(damaged), damaged[0])
            self.drop(damaged)

    def close(self) -> None:
        """See `Cache.close`."""
        servers = self._servers_by_process.pop(os.getpid(), None)
        if servers is not None:
            servers.close()

    def _ask(self, use: Use, commands: Mapping[str, Command], read: Callable[[object], T]) -> dict[str, T]:
        pid = os.getpid()
        servers = self._servers_by_process.get(pid)
        if servers is None:  # setdefault is atomic; a lock could be held over a fork
            servers = self._servers_by_process.setdefault(pid, _servers(self._url, self._pause_s))
        return servers.ask(use, commands, read, Deadline.after(self._url.timeout_s))


def _servers(url: RedisUrl, pause_s: float) -> Servers:
    if url.kind == "cluster":
        return ClusterServers(url, pause_s)
    if url.kind == "sentinel":
        sentinels = [server_pool(**url.sentinel_options, host=host, port=port) for host, port in url.hosts]
        pool = master_pool(url.service, sentinels, **url.options)
    else:
        pool = server_pool(**url.options)
    return Node("redis", pool, url.timeout_s, pause_s)


def _read_value(reply: object) -> object:
    """Read the reply to MGET of one key, which is nil for a value of another type where that to GET is an error."""
    if not isinstance(reply, list) or len(reply) != 1:
        raise _unexpected(reply, "MGET", "a list of one")
    return reply[0]


def _read_lock_or_value(reply: object) -> object:
    return _read_value(reply) if isinstance(reply, list) else _read_number(reply)


def _read_done(reply: object) -> bool:
    if reply != b"OK" and reply is not None and not isinstance(reply, int):
        raise _unexpected(reply, "SET or EVAL", "OK, nil or a number")
    return reply is not None


def _read_number(reply: object) -> int:
    if not isinstance(reply, int):
        raise _unexpected(reply, "DEL or EVAL", "a number")
    return reply


def _unexpected(reply: object, command: str, wanted: str) -> Exception:
    return reply if isinstance(reply, Exception) else TypeError(f"reply to {command}: {type(reply)}, wanted {wanted}")


def _release(tokens: Mapping[str, str]) -> dict[str, Command]:
    return {(lock := _lock(key)): ("EVAL", RELEASE_SCRIPT, 1, lock, token) for key, token in tokens.items()}


def _lock(key: str) -> str:
    """Name the lock of a key, in the slot of the key (Redis Cluster specification, "Hash tags").

    In another slot, the lock could work while the node of the value is down: all workers would wait for each other's
    loads and hand nothing over.
    """
    return f"{key}:lock" if "{" in key else f"{{{key}}}:lock"


def _ms(ttl_s: float) -> int:
    return max(1, round(ttl_s * 1000))
