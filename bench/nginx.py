"""`config/nginx.conf` in front of the server: hot tiles beside the same nginx's own static files of the same bytes."""

from contextlib import ExitStack
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from bench.contest import Contestant, Effort, described, take_turns
from bench.cpus import LOAD_CPU, SERVER_CPU, pinned
from bench.hot_tile import PATHS
from bench.imagery import make_cog
from bench.recording import check_same, mean_body_bytes, record, write_requests
from bench.report import Report, at_least
from bench.server import Server, rawcog
from tests.support.nginx import Nginx

PAIR: Final = ("tiles through the cache", "static files")


def run(effort: Effort) -> Report:
    """Measure both, served by the same nginx processes."""
    with TemporaryDirectory(prefix="rawcog-bench-") as scratch, ExitStack() as stack:
        folder = Path(scratch)
        folder.chmod(0o755)  # nginx's workers are another user where it is started by root
        make_cog(folder / "tiles.tif")
        own = stack.enter_context(rawcog("rawcog", f'[layers.bench]\nuri = "{folder}/tiles.tif"\n', folder))
        wanted = dict.fromkeys(PATHS, "")
        tiles = record(own, wanted, HTTPStatus.OK)
        for path, reply in tiles.items():
            file = folder / f"static{path}"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(reply.body)
        static = f"location /static/ {{ root {folder}; types {{ image/jpeg jpg; }} }}"
        with pinned(SERVER_CPU):
            nginx = stack.enter_context(Nginx(own.port, static))
        server = Server(nginx.port, nginx.pid, folder / "rawcog.log", 0)
        cached = write_requests(wanted, folder / "cached")
        plain = {f"/static{path}": "" for path in PATHS}
        check_same("nginx", record(server, wanted, HTTPStatus.OK), tiles)
        record(server, plain, HTTPStatus.OK)
        size = mean_body_bytes(tiles)
        contestants = {
            PAIR[0]: Contestant(server, cached, size),
            PAIR[1]: Contestant(server, write_requests(plain, folder / "plain"), size),
            "rawcog itself": Contestant(own, cached, size),
        }
        rounds = take_turns(contestants, effort)
    notes = {
        "tiles": f"{len(PATHS)} JPEG tiles, {size / 1000:.1f} kB on average",
        "servers": f"nginx as config/nginx.conf has it, all its processes on CPU {SERVER_CPU}",
        "load": f"{described(effort)}, on CPU {LOAD_CPU}",
    }
    pairs = [PAIR, (PAIR[0], "rawcog itself")]
    bound_by = "wrk on one CPU, where req/s are alike; CPU µs show the difference."
    targets = [at_least(" / ".join(PAIR), rounds.ratio(*PAIR), 0.8, bound_by)]
    return Report("Behind nginx", notes, [rounds.medians(), rounds.ratios(pairs)], targets, raw=rounds.raw())
