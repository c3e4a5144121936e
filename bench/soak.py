"""A soak: minutes of load while origin and Redis fail at random; counts errors and memory.

    python -m bench.soak --seconds 600

One layer is a local file; the other has an origin that is slow, fails in all ways of `FAULTS`, and replaces its file.
Redis is killed, frozen and emptied. Uses the servers of the tests.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from tests.support import faults
from tests.support.gunicorn import Gunicorn
from tests.support.origin import Fault, Origin
from tests.support.redis import RedisServer

DATA: Final = Path(__file__).resolve().parent.parent / "data"
SCRIPT: Final = Path(__file__).with_suffix(".lua")
REMOTE: Final = "/remote.tif"

FAULTS: Final[dict[str, Fault]] = {
    "500": faults.Status(500),
    "503": faults.Status(503, {"Retry-After": "60"}),
    "403": faults.Status(403),
    "cut": faults.Cut(100),
    "reset": faults.HangUp(reset=True),
    "shifted": faults.shifted,
    "200 for a range": faults.ignore_range,
    "multipart": faults.multipart,
    "hang": faults.hang,
}


def main() -> None:
    """Run the soak and print its figures."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=600, help="of load (600)")
    parser.add_argument("--seed", type=int, default=1, help="of the faults (1)")
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("bench: wrk is missing: sudo apt-get install wrk")
    print(json.dumps(soak(options.seconds, random.Random(options.seed)), indent=2))


def soak(seconds: int, chance: random.Random) -> dict[str, Any]:
    """Put load on a server for so long; what came of it."""
    contents = [(DATA / name).read_bytes() for name in ("world.tif", "netherlands.tif")]
    done: Counter[str] = Counter()
    with Origin(latency_s=0.02) as origin, RedisServer() as redis, tempfile.TemporaryDirectory() as folder:
        origin.put(REMOTE, contents[0])
        paths = Path(folder) / "paths"
        paths.write_text("".join(f"{path}\n" for path in _paths()))
        config = (
            f"[server]\nrevalidate_s = 2\n[layers.local]\nuri = '{DATA}/world.tif'\n"
            f"[layers.remote]\nuri = '{origin.url}{REMOTE}'\n"
        )
        environment = {"WEB_CONCURRENCY": "2", "REDIS_URL": redis.url, "LOG_LEVEL": "error"}
        with Gunicorn(environment, config) as server:
            _load(server, paths, 5)
            workers = set(server.pids())
            before = _memory_mb(workers)
            load = _start_load(server, paths, seconds)
            actions = _actions(origin, redis, contents, chance)
            while load.poll() is None:
                name, act = chance.choice(actions)
                act()
                done[name] += 1
                time.sleep(chance.uniform(0.2, 2.0))
            survivors = workers & set(server.pids())
            after = _memory_mb(survivors)
        return {
            "load": json.loads(load.communicate()[0].splitlines()[-1]),
            "memory_mb": {str(pid): [before[pid], after[pid]] for pid in sorted(survivors)},
            "origin_requests": len(origin.requests),
            "done": dict(done),
        }


def _paths() -> list[str]:
    tiles = [f"{z}/{x}/{y}" for z, side in enumerate((1, 2, 4)) for x in range(side) for y in range(side)]
    return [
        f"/layers/{layer}/tiles/native/{tile}.{kind}"
        for layer in ("local", "remote")
        for tile in tiles
        for kind in ("jpg", "tif")
    ] + ["/layers", "/layers/remote", "/"]


def _actions(
    origin: Origin, redis: RedisServer, contents: list[bytes], chance: random.Random
) -> list[tuple[str, Callable[[], None]]]:
    """Faults by name."""

    def freeze() -> None:
        redis.freeze()
        time.sleep(0.5)
        redis.thaw()

    def restart() -> None:
        redis.kill()
        time.sleep(0.5)
        redis.start()

    def fail(fault: Fault) -> Callable[[], None]:
        return lambda: origin.fail(REMOTE, fault, times=chance.randint(1, 4))

    return [
        *((f"origin: {name}", fail(fault)) for name, fault in FAULTS.items()),
        ("origin: replaced", lambda: origin.put(REMOTE, chance.choice(contents))),
        ("redis: frozen", freeze),
        ("redis: killed and started", restart),
        ("redis: emptied", redis.flushall),
    ]


def _start_load(server: Gunicorn, paths: Path, seconds: int) -> subprocess.Popen[str]:
    command = ["wrk", "-t1", "-c32", f"-d{seconds}s", "--timeout", "15s", f"--script={SCRIPT}", server.url, "--"]
    return subprocess.Popen([*command, str(paths)], stdout=subprocess.PIPE, text=True)


def _load(server: Gunicorn, paths: Path, seconds: int) -> None:
    _start_load(server, paths, seconds).communicate()


def _memory_mb(pids: set[int]) -> dict[int, float]:
    """Resident memory of processes."""
    page_mb = os.sysconf("SC_PAGE_SIZE") / 2**20
    return {pid: round(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * page_mb, 1) for pid in pids}


if __name__ == "__main__":
    main()
