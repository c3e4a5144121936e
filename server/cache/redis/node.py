"""One Redis server as the cache sees it, and what a set of servers has to offer."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from threading import BoundedSemaphore
from typing import Protocol, TypeVar

import redis
from redis.exceptions import ResponseError

from server.cache.redis.deadline import ending_at, hurried
from server.cache.redis.lines import Lines
from server.cache.redis.url import CONNECTIONS, RedisUrl
from server.resilience.breaker import Breaker, Trouble, Use

log = logging.getLogger("server.cache.redis")
T = TypeVar("T")

Command = tuple[object, ...]
"""Words of a command that is about one key."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long trouble may take."""

    timeout_s: float
    """For a call, whatever it has to wait for."""

    pause_s: float
    """How long a server is left alone after a failure."""

    @property
    def fair_s(self) -> float:
        """With less time than this a server is not asked: that it does not answer would say nothing about it."""
        return self.timeout_s / 2

    def end_s(self) -> float:
        """When a call that begins now is to end, by `time.monotonic()`."""
        return time.monotonic() + self.timeout_s


class Closable(Protocol):
    """What has connections to give up."""

    def close(self) -> None:
        """Give them up."""
        ...


class Servers(Closable, Protocol):
    """Redis as one process uses it: one server or more. Safe to use from many threads; connects when first asked."""

    def ask(self, use: Use, commands: Mapping[str, Command], read: Callable[[object], T]) -> dict[str, T]:
        """Send commands, in one round trip to each server that has to do with them.

        Args:
            use: what they are for.
            commands: by the key that each is about.
            read: makes the answer of a reply, or raises for one that cannot be.

        Returns:
            The answers that were had, by key. Trouble is in the log.
        """
        ...


class Node:
    """A server with its breaker; has as many calls at a time as connections."""

    def __init__(
        self,
        name: str,
        client: Callable[[], redis.Redis],
        patience: Patience,
        is_harmless: Callable[[ResponseError], bool] = lambda error: False,
    ) -> None:
        """Connect nothing yet.

        Args:
            name: for the log.
            client: gives what to ask with; what it raises is trouble of the server.
            patience: how long trouble may take.
            is_harmless: whether an error reply is no trouble of the server.
        """
        self._client = client
        self._patience = patience
        self._is_harmless = is_harmless
        self._breaker = Breaker(name, log, patience.pause_s)
        self._lines = Lines()
        self._calls = BoundedSemaphore(CONNECTIONS)

    @property
    def is_in_trouble(self) -> bool:
        """Whether asking it may take a while."""
        return self._breaker.is_tripped

    def ask(
        self, use: Use, commands: Sequence[Command], read: Callable[[object], T], until_s: float
    ) -> Sequence[T | ResponseError] | None:
        """See `Servers.ask`.

        Returns:
            The answers, or harmless errors, in the order of the commands. None: there was trouble, or no time.
        """
        if not commands:
            return []
        if not self._calls.acquire(timeout=max(0.0, until_s - self._patience.fair_s - time.monotonic())):
            return None
        try:
            with ending_at(until_s):
                return self._guarded(use, commands, read)
        finally:
            self._calls.release()

    def _guarded(
        self, use: Use, commands: Sequence[Command], read: Callable[[object], T]
    ) -> list[T | ResponseError] | None:
        if not self._breaker.allows(use):
            return None
        started_at = self._breaker.clock()
        try:
            replies = self._lines.exchange(self._client().connection_pool, commands)
            answers = [self._answer(reply, read) for reply in replies]
        except Exception as error:  # redis-py raises anything when it reads garbage
            self._note(error, use, started_at)
            return None
        self._breaker.succeeded(started_at, use)
        return answers

    def _note(self, error: Exception, use: Use, started_at: float) -> None:
        if isinstance(error, ResponseError) and use is not Use.READ:
            if use is not Use.TIDY:
                self._breaker.failed(started_at, Trouble.REFUSES_WRITES, error)
            return
        self._breaker.failed(started_at, Trouble.DOWN, error)
        with suppress(Exception):  # the other connections may be lost as well, and would be tried one after the other
            self._lines.give_up()

    def _answer(self, reply: object, read: Callable[[object], T]) -> T | ResponseError:
        if isinstance(reply, ResponseError) and self._is_harmless(reply):
            return reply
        if isinstance(reply, Exception):
            raise reply
        return read(reply)


class OneServer:
    """The `Servers` behind a client that finds its server by itself."""

    def __init__(self, client: redis.Redis, patience: Patience, *others: Closable) -> None:
        """Connect nothing yet.

        Args:
            client: what to ask with.
            patience: how long trouble may take.
            others: what is to be closed beside the client.
        """
        self._closables = (client, *others)
        self._patience = patience
        self._node = Node("redis", lambda: client, patience)

    def ask(self, use: Use, commands: Mapping[str, Command], read: Callable[[object], T]) -> dict[str, T]:
        """See `Servers.ask`."""
        answers = self._node.ask(use, list(commands.values()), read, self._patience.end_s()) or ()
        return {
            key: answer for key, answer in zip(commands, answers, strict=False) if not isinstance(answer, Exception)
        }

    def close(self) -> None:
        """See `Servers.close`."""
        for closable in self._closables:
            closable.close()


def one_server(url: RedisUrl, patience: Patience) -> OneServer:
    """The server that the URL itself names."""
    return OneServer(hurried(redis.Redis(**url.options)), patience)
