"""The load: wrk on a CPU of its own, with connections that are kept alive."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.cpus import LOAD_CPU
from bench.server import BenchError

SCRIPT: Final = Path(__file__).parent / "wrk.lua"


@dataclass(frozen=True, slots=True)
class Load:
    """The figures of wrk."""

    seconds: float
    requests: int
    size_bytes: int
    """Size of all replies, heads included."""
    errors: int
    """Replies of status 400 or more, and socket errors."""
    p50_ms: float
    p99_ms: float


def put_load(port: int, requests: Path, seconds: int, connections: int) -> Load:
    """Request the paths in a file (see wrk.lua) in a loop.

    Raises:
        BenchError: wrk failed.
    """
    wrk = [
        "wrk",
        "--threads=1",
        f"--connections={connections}",
        f"--duration={seconds}s",
        "--timeout=10s",
        f"--script={SCRIPT}",
    ]
    command = ["taskset", "-c", str(LOAD_CPU), *wrk, f"http://127.0.0.1:{port}", "--", str(requests)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"wrk: {done.stderr.strip() or done.stdout.strip()}")
    return Load(**json.loads(done.stdout.splitlines()[-1]))
