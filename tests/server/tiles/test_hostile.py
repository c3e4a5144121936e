"""Broken, lying and oversized files through the running server: what comes back, what it costs, what the log says."""

import json
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import imagecodecs
import numpy as np
import pytest
from rasterio.io import MemoryFile
from urllib3 import HTTPConnectionPool
from urllib3.response import BaseHTTPResponse

from tests.support import handmade as hm
from tests.support.corpus import CORPUS, Answers, Record, corpus_folder, manifest, unexpected
from tests.support.gunicorn import Gunicorn
from tests.support.memory import peak_bytes
from tests.support.samples import numbers
from tests.support.spots import CODINGS, sha

CACHE_BYTES: Final = 16 << 20
MOST_BYTES: Final = 128 << 20
"""Bound of a worker's peak memory; half of it is the server itself with its decoders."""

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")


class Visitor:
    """Asks for tiles of hostile files, and takes note of what was worth no answer at all."""

    def __init__(self, server: Gunicorn) -> None:
        self._server = server
        self._pool = HTTPConnectionPool("127.0.0.1", server.port, retries=False)
        self.refused = 0
        """Replies of status 502."""
        self.faults: list[str] = []

    def answers(self, case: Record) -> list[Answers]:
        """Replies to each probe, in all formats that are offered."""
        reply = self._ask(case, "")
        if reply.status != 200:
            levels = [{"level": level, "formats": []} for level in range(case["levels"])]
        else:
            levels = reply.json()["levels"]
        return [self._answers(case, probe, levels) for probe in case["probe"]]

    def _answers(self, case: Record, probe: Record, levels: list[Record]) -> Answers:
        formats = {name for level in levels if level["level"] == probe["z_full"] for name in level["formats"]}
        place = f"{len(levels) - 1 - probe['z_full']}/{probe['x']}/{probe['y']}"
        return frozenset(self._answer(case, probe, place, extension) for extension in formats | {"tif"})

    def _answer(self, case: Record, probe: Record, place: str, extension: str) -> str:
        reply = self._ask(case, f"/tiles/native/{place}.{extension}")
        if reply.status in (404, 502):
            return "error"
        if reply.status == 204:
            return "empty"
        return str(probe["tile"]["sha256"]) if "tile" in probe and is_tile(reply, extension, probe["tile"]) else "other"

    def _ask(self, case: Record, url: str) -> BaseHTTPResponse:
        url = f"/layers/{case['name']}{url}"
        reply = self._pool.request(
            "GET", url, headers={"Accept-Encoding": CODINGS}, decode_content=False, timeout=case["limits"]["seconds"]
        )
        self.refused += reply.status == 502
        if reply.status not in (200, 204, 404, 502):
            self.faults.append(f"{url}: status {reply.status}")
        elif reply.status > 400 and not reply.json()["detail"]:
            self.faults.append(f"{url}: status {reply.status} without a reason")
        return reply


def is_tile(reply: BaseHTTPResponse, extension: str, tile: Record) -> bool:
    """Tell whether it holds the good file's tile: the stored bytes, or its pixels among others."""
    if extension in ("jpg", "png") and "pixels" in tile:
        with MemoryFile(reply.data) as memory, memory.open() as picture:
            _, _, width, height = tile["window"]
            bands = list(range(1, tile["pixels"]["shape"][0] + 1))
            return bool(sha(picture.read(bands)[:, :height, :width].tobytes()) == tile["pixels"]["sha256"])
    if extension == "bin" and sha(reply.data) != tile["sha256"] and "pixels" in tile:
        _, _, width, height = tile["window"]
        samples = numbers(reply.data, reply.headers)[:height, :width]
        return bool(sha(np.moveaxis(samples, -1, 0).tobytes()) == tile["pixels"]["sha256"])
    return bool(sha(reply.data[-tile["count"] :] if extension == "tif" else reply.data) == tile["sha256"])


def check(folder: Path, cases: list[Record]) -> None:
    """Serve the files from one worker, and have each end as it may."""
    config = f"[server]\nmemory_bytes = {CACHE_BYTES}\n"
    for case in cases:
        config += f"[layers.{case['name']}]\nuri = {json.dumps(str(folder / case['path']), ensure_ascii=False)}\n"
    with Gunicorn({"WEB_CONCURRENCY": "1", "LOG_LEVEL": "warning"}, config) as server:
        visitor = Visitor(server)
        workers = server.pids()
        faults = [fault for case in cases for fault in unexpected(case, visitor.answers(case))]
        assert faults + visitor.faults == []
        assert server.pids() == workers, "none died"
        assert peak_bytes(*workers) < MOST_BYTES
        assert visitor.refused > 0
        assert len(re.findall(r' status=502 .* cause="\w+: .+"', server.log())) == visitor.refused
        assert "Traceback" not in server.log()


def own_files() -> Iterator[tuple[str, bytes, str, str]]:
    """Name, content, and what is expected of the first and of the last tile, of files that lie in the usual ways."""
    good, tiles = hm.image(), TILES
    deflated = good.having({hm.COMPRESSION: (hm.SHORT, [8])}).but(tiles=DEFLATED)
    offset = hm.tiff(good).index(tiles[-1])
    yield "good", hm.tiff(good), "tile", "tile"
    yield "page", b"<!DOCTYPE html><title>404</title>", "error", "error"
    yield "loop", hm.tiff(good.but(following=8)), "error", "error"
    yield "cut", hm.tiff(good)[:-1], "tile", "error"
    yield "cut-header", hm.tiff(good)[:200], "error", "error"
    yield "claim", hm.tiff(good.having({hm.OFFSETS: hm.Claim(hm.LONG, 2**32 - 1, 8)})), "error", "error"
    yield "far", hm.tiff(good.having({hm.OFFSETS: (hm.LONG, [2**32 - 9] * 8 + [offset])})), "error", "tile"
    yield "short", hm.tiff(good.but(tiles=(b"short", *tiles[1:]))), "error", "tile"
    yield "no-jpeg", hm.tiff(good.having({hm.COMPRESSION: (hm.SHORT, [7])})), "error", "error"
    yield "bomb", hm.tiff(deflated.but(tiles=(BOMB, *DEFLATED[1:]))), "bytes", "tile"
    lzw = good.having({hm.COMPRESSION: (hm.SHORT, [5])})
    for name in ("lzw-bomb", "lzw-cut", "lzw-junk"):
        yield name, hm.tiff(lzw.but(tiles=(DAMAGED[name], *LZW[1:]))), "bytes", "tile"


TILES: Final = tuple(tile for tile in hm.image().tiles if tile is not None)
DEFLATED: Final = tuple(zlib.compress(tile) for tile in TILES)
LZW: Final = tuple(bytes(imagecodecs.lzw_encode(tile)) for tile in TILES)
BOMB: Final = zlib.compress(bytes(200 << 20), 9)
DAMAGED: Final = {
    "bomb": BOMB,
    "lzw-bomb": bytes(imagecodecs.lzw_encode(bytes(1 << 20))),
    "lzw-cut": bytes(imagecodecs.lzw_encode(bytes(range(256)) * 2))[:100],
    "lzw-junk": b"no stream of LZW",
}
"""File -> its first tile, which is not decoded."""


def own_cases(folder: Path) -> Iterator[Record]:
    """The same as the corpus describes its files."""
    for name, data, *expected in own_files():
        (folder / name).write_bytes(data)
        last = {"bomb": DEFLATED[-1]}.get(name, LZW[-1] if name.startswith("lzw") else TILES[-1])
        stored = (DAMAGED.get(name, TILES[0]), last)
        places = ((0, 0, 32, 16), (64, 32, 16, 8))
        probes = [
            {"x": left // 32, "y": top // 16, "z_full": 0, "plane": 0, "expect": expect}
            | {"tile": tile_record(data, (left, top, width, height), TILES[number][: width * height])}
            for number, expect, data, (left, top, width, height) in zip((0, -1), expected, stored, places, strict=True)
        ]
        yield {"name": name, "path": name, "accept": [], "levels": 1, "limits": {"seconds": 10}, "probe": probes}


def tile_record(stored: bytes, window: tuple[int, int, int, int], pixels: bytes) -> Record:
    """A tile of one band of bytes, as the corpus describes it."""
    shape = [1, window[3], window[2]]
    return {
        "sha256": sha(stored),
        "count": len(stored),
        "window": window,
        "pixels": {"shape": shape, "sha256": sha(pixels)},
    }


def test_files_that_lie_cost_an_error_and_no_memory(tmp_path: Path) -> None:
    check(tmp_path, list(own_cases(tmp_path)))


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus is not beside this checkout")
def test_hostile_files_of_the_corpus_end_as_they_may(pytestconfig: pytest.Config) -> None:
    assert pytestconfig.cache is not None
    folder = corpus_folder("hostile", pytestconfig.cache.mkdir("corpus"))
    cases = manifest(folder)["cases"]
    assert len(cases) > 300
    check(folder, cases)
