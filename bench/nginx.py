"""`config/nginx.conf` in front of the server: cached tiles, beside what the same nginx serves without rawcog.

That is files of the same bytes, and byte ranges of the COG. nginx cannot serve a range that the client did not ask for:
a map has the range of each tile, with which nginx asks itself for the COG, by a Unix socket.
"""

from contextlib import ExitStack
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from bench.contest import Contestant, Effort, described, take_turns
from bench.cpus import LOAD_CPU, SERVER_CPU, pinned
from bench.hot_tile import PATHS, PLACES
from bench.imagery import make_cog, ranges_of
from bench.recording import check_same, mean_body_bytes, record, write_requests
from bench.report import Report, at_least
from bench.server import BenchError, Server, rawcog
from tests.support.nginx import Nginx

CACHED: Final = "tiles through the cache"
FILES: Final = "static files"
RANGES: Final = "byte ranges of the COG"
OWN: Final = "rawcog itself"


def run(effort: Effort) -> Report:
    """Measure all, those of nginx by the same processes."""
    with TemporaryDirectory(prefix="rawcog-bench-") as scratch, ExitStack() as stack:
        folder = Path(scratch)
        folder.chmod(0o755)  # nginx's workers are another user where it is started by root
        cog = folder / "tiles.tif"
        make_cog(cog)
        own = stack.enter_context(rawcog("rawcog", f'[layers.bench]\nuri = "{cog}"\n', folder))
        wanted = dict.fromkeys(PATHS, "")
        tiles = record(own, wanted, HTTPStatus.OK)
        for path, reply in tiles.items():
            file = folder / f"static{path}"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(reply.body)
        ranges = dict(zip(PATHS, ranges_of(cog, PLACES), strict=True))
        with pinned(SERVER_CPU):
            nginx = stack.enter_context(Nginx(own.port, _locations(folder), _servers(folder, ranges)))
        server = Server(nginx.port, nginx.pid, folder / "rawcog.log", 0)
        cached = write_requests(wanted, folder / "cached")
        check_same("nginx", record(server, wanted, HTTPStatus.OK), tiles)
        files = record(server, {f"/static{path}": "" for path in PATHS}, HTTPStatus.OK)
        parts = record(server, {f"/ranges{path}": "" for path in PATHS}, HTTPStatus.PARTIAL_CONTENT)
        content = cog.read_bytes()
        for (start, stop), reply in zip(ranges.values(), parts.values(), strict=True):
            if reply.body != content[start:stop]:
                raise BenchError(f"nginx: bytes {start} to {stop} of the COG differ")
        contestants = {
            CACHED: Contestant(server, cached, mean_body_bytes(tiles)),
            FILES: Contestant(
                server, write_requests(dict.fromkeys(files, ""), folder / "files"), mean_body_bytes(files)
            ),
            RANGES: Contestant(
                server, write_requests(dict.fromkeys(parts, ""), folder / "parts"), mean_body_bytes(parts)
            ),
            OWN: Contestant(own, cached, mean_body_bytes(tiles)),
        }
        rounds = take_turns(contestants, effort)
    notes = {
        "tiles": f"{len(PATHS)} JPEG tiles; those by byte ranges lack the JPEG tables, which rawcog adds",
        "servers": f"nginx as config/nginx.conf has it, all its processes on CPU {SERVER_CPU}",
        "byte ranges": "a map has the range of each tile; nginx asks itself for it by a Unix socket",
        "load": f"{described(effort)}, on CPU {LOAD_CPU}",
    }
    pairs = [(CACHED, FILES), (CACHED, RANGES), (CACHED, OWN), (OWN, RANGES)]
    bound_by = "wrk on one CPU, where req/s are alike; CPU µs show the difference."
    targets = [at_least(f"{CACHED} / {FILES}", rounds.ratio(CACHED, FILES), 0.8, bound_by)]
    return Report("Behind nginx", notes, [rounds.medians(), rounds.ratios(pairs)], targets, raw=rounds.raw())


def _locations(folder: Path) -> str:
    return f"""
        location /static/ {{ root {folder}; types {{ image/jpeg jpg; }} }}
        location /ranges/ {{
            rewrite ^ /tiles.tif break;
            proxy_set_header Range $tile_range;
            proxy_set_header Connection "";
            proxy_buffers 32 64k;
            proxy_pass http://files;
        }}"""


def _servers(folder: Path, ranges: dict[str, tuple[int, int]]) -> str:
    lines = "".join(f'"/ranges{path}" "bytes={start}-{stop - 1}";\n' for path, (start, stop) in ranges.items())
    return f"""
        map_hash_bucket_size 128;
        map $request_uri $tile_range {{ default ""; {lines} }}
        upstream files {{ server unix:{folder}/files.socket; keepalive 64; }}
        server {{
            listen unix:{folder}/files.socket;
            access_log off;
            sendfile on;
            keepalive_requests 100000;
            open_file_cache max=100;
            location = /tiles.tif {{ root {folder}; types {{ }} default_type image/jpeg; }}
        }}"""
