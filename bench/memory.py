"""Memory of a worker beside the master and another worker, as the Procfile starts them."""

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from bench.clients import ask_each
from bench.contest import Effort
from bench.imagery import make_grid
from bench.origin import serving_files
from bench.processes import Memory, memory_of
from bench.report import Report, Table, at_most
from tests.support.gunicorn import Gunicorn

LAYERS: Final = 10_000
MEMBERS: Final = 12_000
"""Files of 54 kB of which two workers read a tile: enough to fill the caches of both."""
WORKERS: Final = 2
START: Final = "at the start"
MANY: Final = f"with {LAYERS:,} layers"
FULL: Final = "with full caches"


def run(_: Effort) -> Report:
    """Measure a worker in each state, after its first tile."""
    with TemporaryDirectory(prefix="rawcog-bench-") as scratch, ExitStack() as stack:
        folder = Path(scratch)
        make_grid(folder / "tiles.tif", 2, copies=True)
        origin = stack.enter_context(serving_files(folder))
        layers = [f'[layers.l{n}]\nuri = "{folder}/{"" if n == 0 else n}tiles.tif"\n' for n in range(LAYERS)]
        template = f'[collections.any]\nuri = "{origin.endpoint}/0ms/{{number}}/tiles.tif"\n'
        first = ["/layers/l0/tiles/native/0/0/0.jpg"] * 64
        members = [f"/layers/any:{number}/tiles/native/0/0/0.jpg" for number in range(MEMBERS)]
        memory = {
            START: _measure(layers[0], first),
            MANY: _measure("".join(layers), first),
            FULL: _measure(layers[0] + template, members),
        }
    notes = {
        "worker": f"the larger of {WORKERS}, beside the master; private: pages that it does not share with them",
        "full": f"after a tile of each of {MEMBERS:,} files; `memory_bytes` bounds the caches at 128 MiB",
    }
    table = Table(("MB of a worker", "RSS", "PSS", "private"), {name: list(one) for name, one in memory.items()})
    return Report("Memory", notes, [table], [at_most("MB (PSS) of a worker at the start", memory[START].pss_mb, 25)])


def _measure(config: str, paths: list[str]) -> Memory:
    with Gunicorn({"WEB_CONCURRENCY": str(WORKERS)}, config) as server:
        ask_each(server.port, paths, 200)
        return max(map(memory_of, server.pids()))
