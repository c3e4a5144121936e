"""The far tier: Redis, or anything that speaks its protocol.

Redis is a help, never a need. Whatever it does (refuse, hang, run full, answer garbage), a call ends within about a
second and looks like a miss; a breaker keeps the calls after it from waiting too.
"""

import logging
import os
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from threading import BoundedSemaphore
from typing import Any, TypeVar
from urllib.parse import urlsplit

import redis
from redis.backoff import NoBackoff
from redis.exceptions import ResponseError
from redis.retry import Retry

from server.cache.breaker import Breaker, Trouble, Use
from server.cache.seal import seal, unseal

TIMEOUT_S = 0.4

CONNECTIONS = 8
"""Of one worker. Calls take well below a millisecond, so 32 threads share them; small plans allow 20 for the fleet."""

RELEASE_SCRIPT = """
for i, key in ipairs(KEYS) do
    if redis.call('get', key) == ARGV[i] then redis.call('del', key) end
end
"""

log = logging.getLogger(__name__)
T = TypeVar("T")


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
            url: `redis://`, `rediss://` or `unix://`, as redis-py reads it.
            tls_verify: False accepts any certificate of a `rediss://` server.
            timeout_s: for a connection, for each reply, and for the wait until another thread is done with its
                connection.
            breaker_pause_s: how long Redis is left alone after a failure.

        Raises:
            ValueError: the URL cannot be read; the message does not hold it.
        """
        self._options = _options(url, tls_verify, timeout_s)
        self._timeout_s = timeout_s
        self._display = _display(url)
        self._url = url
        self._breaker = Breaker("redis", log, breaker_pause_s)
        self._connections = BoundedSemaphore(CONNECTIONS)
        self._clients: dict[int, redis.Redis] = {}

    def __repr__(self) -> str:
        return f"RedisCache({self._display!r})"

    def get(self, keys: Sequence[str]) -> list[bytes | None]:
        """See `Cache.get`. What does not verify is dropped."""
        misses: list[object] = [None] * len(keys)
        stored = self._call(Use.READ, lambda client: _mget(client, keys), misses) if keys else misses
        values = [unseal(key, data) for key, data in zip(keys, stored, strict=True)]
        damaged = [keys[i] for i, value in enumerate(values) if value is None and stored[i] is not None]
        if damaged:
            log.info("redis: dropped %d values that do not verify, the first of %s", len(damaged), damaged[0])
            self.drop(damaged)
        return values

    def put(self, items: Mapping[str, bytes], ttl_s: float) -> None:
        """See `Cache.put`."""

        def command(client: Any) -> list[bool]:
            return _set(client, [("SET", key, seal(key, value), "PX", _ms(ttl_s)) for key, value in items.items()])

        if items:
            self._call(Use.WRITE, command, [False])

    def drop(self, keys: Iterable[str]) -> None:
        """See `Cache.drop`."""
        names = list(keys)
        if names:
            self._call(Use.TIDY, lambda client: client.execute_command("DEL", *names), None)

    def acquire(self, keys: Sequence[str], ttl_s: float) -> dict[str, str]:
        """See `Cache.acquire`."""
        token = secrets.token_hex(8)
        commands = [("SET", _lock(key), token, "NX", "PX", _ms(ttl_s)) for key in keys]
        had = self._call(Use.WRITE, lambda client: _set(client, commands), [True] * len(keys)) if keys else []
        return {key: token for key, is_ours in zip(keys, had, strict=True) if is_ours}

    def release(self, tokens: Mapping[str, str]) -> None:
        """See `Cache.release`."""
        arguments = (len(tokens), *map(_lock, tokens), *tokens.values())
        if tokens:
            self._call(Use.TIDY, lambda client: client.execute_command("EVAL", RELEASE_SCRIPT, *arguments), None)

    def close(self) -> None:
        """See `Cache.close`."""
        client = self._clients.pop(os.getpid(), None)
        if client is not None:
            client.close()

    def _call(self, use: Use, command: Callable[[Any], T], otherwise: T) -> T:
        """Run the command; whatever goes wrong, the answer is `otherwise`."""
        if not self._connections.acquire(timeout=self._timeout_s):
            return otherwise
        try:
            return self._guarded(use, command, otherwise)
        finally:
            self._connections.release()

    def _guarded(self, use: Use, command: Callable[[Any], T], otherwise: T) -> T:
        if not self._breaker.allows(use):
            return otherwise
        started_at = self._breaker.clock()
        try:
            result = command(self._client())
        except Exception as error:  # redis-py raises anything when it reads garbage
            is_refusal = isinstance(error, ResponseError) and use is not Use.READ
            if not (is_refusal and use is Use.TIDY):
                self._breaker.failed(started_at, Trouble.REFUSES_WRITES if is_refusal else Trouble.DOWN, error)
            return otherwise
        self._breaker.succeeded(started_at, use)
        return result

    def _client(self) -> redis.Redis:
        """This process's client. If two threads make one, setdefault keeps one; a lock could be held over a fork."""
        pid = os.getpid()
        return self._clients.get(pid) or self._clients.setdefault(pid, redis.Redis.from_url(self._url, **self._options))


def _options(url: str, tls_verify: bool, timeout_s: float) -> dict[str, Any]:
    """What redis-py shall do beside what the URL says.

    RESP 2 and no driver info save each new connection three round trips.
    """
    options: dict[str, Any] = {
        "socket_timeout": timeout_s,
        "socket_connect_timeout": timeout_s,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
        "driver_info": None,
        "max_connections": CONNECTIONS,
    }
    if url.startswith("rediss://") and not tls_verify:
        options["ssl_cert_reqs"] = "none"
    try:
        redis.ConnectionPool.from_url(url, **options).make_connection()  # which connects nothing yet
    except Exception:  # what redis-py raises of an option that it does not know depends on the option
        wanted = "redis://[[user]:password@]host[:port][/db], or an option that redis-py has"
        raise ValueError(f"cannot be read: wanted {wanted}") from None
    return options


def _display(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _mget(client: Any, keys: Sequence[str]) -> list[object]:
    reply = client.execute_command("MGET", *keys)
    if not isinstance(reply, list) or len(reply) != len(keys):
        raise TypeError(f"reply to MGET of {len(keys)} keys: {type(reply).__name__}, wanted a list of as many")
    return reply


def _set(client: Any, commands: Sequence[tuple[object, ...]]) -> list[bool]:
    """Send SET commands in one round trip; whether each set something.

    Raises the first error itself: redis-py's way of doing so would put the values into the message.
    """
    with client.pipeline(transaction=False) as pipeline:
        for command in commands:
            pipeline.execute_command(*command)
        replies = pipeline.execute(raise_on_error=False)
    for reply in replies:
        if isinstance(reply, Exception):
            raise reply
        if reply is not True and reply is not None:
            raise TypeError(f"reply to SET: {type(reply).__name__}, wanted OK or nil")
    return [reply is True for reply in replies]


def _lock(key: str) -> str:
    return f"{key}:lock"


def _ms(ttl_s: float) -> int:
    return max(1, round(ttl_s * 1000))
