"""One process of a fleet: reads a source through the tiers, and leaves a line in a file for each read at the origin.

python -m tests.support.fleet_worker read URL LOG THREADS    says "ready", begins at a line from stdin
python -m tests.support.fleet_worker hang URL LOCK_TTL_S     says "loading" while it holds the lock of "key"
"""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random

from cogread.byterange import ByteRange, SourceBytes, Version
from cogread.deadline import NEVER, Deadline
from server.cache.memory import MemoryCache
from server.cache.redis.cache import RedisCache
from server.cache.single_flight import SingleFlight
from server.origin.cached_source import CachedSource
from tests.support.counting_source import run_threads
from tests.support.guard import wide_guard
from tests.support.memory_source import MemorySource

BLOCK_BYTES = 4096
DATA = Random(1).randbytes(40 * BLOCK_BYTES + 77)


class LoggedSource(MemorySource):
    """Appends its reads to a file, in one write each, which no other's can cut."""

    is_local = False

    def __init__(self, path: Path) -> None:
        super().__init__(DATA, "origin")
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def read(self, wanted: ByteRange, expect: Version | None = None, deadline: Deadline = NEVER) -> SourceBytes:
        os.write(self._file, f"{wanted.start} {min(wanted.stop, len(DATA))}\n".encode())
        return super().read(wanted, expect, deadline)

    def version(self, deadline: Deadline = NEVER) -> Version:
        os.write(self._file, b"probe probe\n")
        return super().version(deadline)


def read(url: str, path: str, threads: str) -> None:
    flight = SingleFlight(MemoryCache(10_000_000), RedisCache(url, timeout_s=20), lock_ttl_s=60)
    source = CachedSource(
        LoggedSource(Path(path)),
        flight,
        key="fleet",
        revalidate_s=600,
        cache_tiles=True,
        guard=wide_guard(),
        block_bytes=BLOCK_BYTES,
    )

    def work(number: int) -> None:
        random = Random(number)
        for _ in range(12):
            start = random.randrange(len(DATA))
            stop = min(len(DATA), start + random.randrange(1, 3 * BLOCK_BYTES))
            assert source.read(ByteRange(start, stop)).data == DATA[start:stop]
        assert source.read(ByteRange(0, len(DATA))).data == DATA

    print("ready", flush=True)
    sys.stdin.readline()
    run_threads(int(threads), work)


def hang(url: str, lock_ttl_s: str) -> None:
    def load(keys: Sequence[str]) -> Mapping[str, bytes]:
        print("loading", flush=True)
        sys.stdin.read()
        raise SystemExit

    SingleFlight(MemoryCache(1000), RedisCache(url, timeout_s=20), lock_ttl_s=float(lock_ttl_s)).fetch(
        ["key"], load, 100
    )


if __name__ == "__main__":
    ACTIONS: dict[str, Callable[..., None]] = {"read": read, "hang": hang}
    ACTIONS[sys.argv[1]](*sys.argv[2:])
