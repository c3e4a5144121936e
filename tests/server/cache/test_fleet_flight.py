"""Single flight across real processes."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from server.cache.memory import MemoryCache
from server.cache.redis.cache import RedisCache
from server.cache.single_flight import SingleFlight
from tests.support.fleet_worker import BLOCK_BYTES, DATA
from tests.support.redis import RedisServer

ROOT = Path(__file__).parents[3]


def _worker(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.support.fleet_worker", *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _line(worker: subprocess.Popen[str]) -> str:
    assert worker.stdout is not None
    return worker.stdout.readline().strip()


def test_four_processes_of_16_threads_read_each_block_once(redis_server: RedisServer, tmp_path: Path) -> None:
    log = tmp_path / "reads"
    with ExitStack() as stack:
        workers = [stack.enter_context(_worker("read", redis_server.url, str(log), "16")) for _ in range(4)]
        assert [_line(worker) for worker in workers] == ["ready"] * 4
        for worker in workers:
            assert worker.stdin is not None
            worker.stdin.write("go\n")
            worker.stdin.close()
            worker.stdin = None
        assert [worker.wait(120) for worker in workers] == [0] * 4
    reads = [line.split() for line in log.read_text().splitlines()]
    starts = [start for first, stop in reads for start in range(int(first), int(stop), BLOCK_BYTES)]
    assert sorted(starts) == list(range(0, len(DATA), BLOCK_BYTES))


def test_when_the_holder_of_a_lock_is_killed_another_process_takes_over(redis_server: RedisServer) -> None:
    loads: list[Sequence[str]] = []

    def load(keys: Sequence[str]) -> Mapping[str, bytes]:
        loads.append(keys)
        return dict.fromkeys(keys, b"value")

    with _worker("hang", redis_server.url, "0.3") as holder:
        assert _line(holder) == "loading"
        holder.kill()
    shared = RedisCache(redis_server.url, timeout_s=10)
    assert SingleFlight(MemoryCache(1000), shared, lock_ttl_s=30).fetch(["key"], load, 100) == {"key": b"value"}
    assert loads == [["key"]]
    assert redis_server.command("EXISTS", "{key}:lock") == b":0\r\n"
    shared.close()
