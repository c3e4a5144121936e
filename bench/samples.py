"""Samples of floats: stored tiles that pass through, beside tiles that the server decodes and codes anew.

Files of the same heights in four codecs. Each tile is read from the file again, so that no cached reply is measured,
except in the last row; all bodies are compared with the heights before. The client asks for one tile after the other:
the CPU time of the server counts.
"""

import http.client
import statistics
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

import imagecodecs
import numpy as np
import rasterio
from numpy.typing import NDArray

from bench.contest import Effort
from bench.cpus import LOAD_CPU, SERVER_CPU, pinned
from bench.imagery import PICTURE, TILE_PIXELS
from bench.processes import memory_of
from bench.report import Cell, Report, Table
from bench.server import THREADS, BenchError, Server, rawcog

SIDE: Final = 4 * TILE_PIXELS
PLACES: Final = [(x, y) for x in range(SIDE // TILE_PIXELS) for y in range(SIDE // TILE_PIXELS)]
CODECS: Final = ("DEFLATE", "ZSTD", "LZW", "LERC_ZSTD")
_DECODERS: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "deflate": zlib.decompress,
    "zstd": lambda data: bytes(imagecodecs.zstd_decode(data)),
    "identity": bytes,
}


class Case(NamedTuple):
    """A kind of request."""

    layer: str
    coding: str
    query: str = ""


CASES: Final[Mapping[str, Case]] = {
    "DEFLATE, passed on": Case("deflate", "deflate"),
    "ZSTD, passed on": Case("zstd", "zstd"),
    "LZW as identity": Case("lzw", "identity"),
    "LZW as deflate": Case("lzw", "deflate"),
    "LZW as zstd": Case("lzw", "zstd"),
    "LZW as zstd, predictor undone": Case("lzw", "zstd", "?predictor=none"),
    "LERC_ZSTD as zstd": Case("lerc_zstd", "zstd"),
    "DEFLATE as zstd": Case("deflate", "zstd"),
    "LZW as zstd, cached": Case("cached", "zstd"),
}


def run(effort: Effort) -> Report:
    """Measure all kinds of requests."""
    with TemporaryDirectory(prefix="rawcog-bench-") as scratch:
        folder, heights = Path(scratch), _heights()
        for codec in CODECS:
            _write(folder / f"{codec.lower()}.tif", codec, heights)
        config = "".join(_layer(codec.lower(), folder / f"{codec.lower()}.tif") for codec in CODECS)
        config += f"[layers.cached]\nuri = '{folder}/lzw.tif'\n"
        with rawcog("rawcog", config, folder) as server, pinned(LOAD_CPU):
            rows = {name: _measure(server, case, heights, effort) for name, case in CASES.items()}
            memory = memory_of(server.worker)
    notes = {
        "tiles": f"{len(PLACES)} of {TILE_PIXELS} x {TILE_PIXELS} float32, predictor 3 but for LERC",
        "server": f"one worker of {THREADS} threads on CPU {SERVER_CPU}; at the end "
        f"{memory.rss_mb:.0f} MB RSS, {memory.pss_mb:.0f} MB PSS",
        "load": f"a client on CPU {LOAD_CPU}, one request after the other; median of {effort.rounds} rounds",
    }
    return Report("Samples", notes, [Table(("request", "CPU ms", "kB"), rows)], ())


def _layer(name: str, path: Path) -> str:
    return f"[layers.{name}]\nuri = '{path}'\ncache_tiles = false\n"


def _heights() -> NDArray[np.float32]:
    """Make heights of a photograph's brightness, repeated out of step with the tiles."""
    with rasterio.open(PICTURE) as dataset:
        bands = dataset.read()[:, :701, :997].astype(np.float32)
    brightness = np.tensordot(np.array([0.299, 0.587, 0.114], np.float32), bands, 1)
    repeats = [-(-SIDE // length) for length in brightness.shape]
    tiled: NDArray[np.float32] = np.tile(brightness, repeats)[:SIDE, :SIDE]
    return tiled + np.float32(400)


def _write(path: Path, codec: str, heights: NDArray[np.float32]) -> None:
    profile = {"width": SIDE, "height": SIDE, "count": 1, "dtype": "float32", "crs": "EPSG:3857", "nodata": -9999}
    own = {"compress": codec, "blocksize": TILE_PIXELS, "overviews": "NONE"}
    own |= {} if codec.startswith("LERC") else {"predictor": "YES"}
    with rasterio.open(path, "w", driver="COG", **profile, **own) as dataset:
        dataset.write(heights, 1)


def _measure(server: Server, case: Case, heights: NDArray[np.float32], effort: Effort) -> Sequence[Cell]:
    paths = [f"/layers/{case.layer}/tiles/native/0/{x}/{y}.bin{case.query}" for x, y in PLACES]
    headers = {"Accept-Encoding": case.coding}
    cpu_ms = []
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)) as connection:
        sizes = [_checked(connection, path, headers, place, heights) for path, place in zip(paths, PLACES, strict=True)]
        for path in paths:  # the second request, after which replies are cached
            _get(connection, path, headers)
        for _ in range(effort.rounds):
            count, began_s, end_s = 0, server.cpu_s(), time.monotonic() + effort.seconds
            while time.monotonic() < end_s:
                _get(connection, paths[count % len(paths)], headers)
                count += 1
            cpu_ms.append((server.cpu_s() - began_s) * 1000 / count)
    return [statistics.median(cpu_ms), sum(sizes) / len(sizes) / 1000]


def _get(connection: http.client.HTTPConnection, path: str, headers: Mapping[str, str]) -> tuple[Any, bytes]:
    connection.request("GET", path, headers=dict(headers))
    reply = connection.getresponse()
    body = reply.read()
    if reply.status != 200 or reply.getheader("Content-Encoding", "identity") != headers["Accept-Encoding"]:
        raise BenchError(f"{path}: status {reply.status}, {reply.getheader('Content-Encoding')}")
    return reply, body


def _checked(
    connection: http.client.HTTPConnection,
    path: str,
    headers: Mapping[str, str],
    place: tuple[int, int],
    heights: NDArray[np.float32],
) -> int:
    """Compare the samples of a tile with the heights; returns the size of its body."""
    reply, body = _get(connection, path, headers)
    data = _DECODERS[headers["Accept-Encoding"]](body)
    left, top = (TILE_PIXELS * number for number in place)
    wanted = heights[top : top + TILE_PIXELS, left : left + TILE_PIXELS]
    samples = np.frombuffer(data, "<f4").reshape(wanted.shape)
    if reply.getheader("Rawcog-Predictor") == "3":
        samples = imagecodecs.floatpred_decode(samples, axis=1)
    if not np.array_equal(samples, wanted):
        raise BenchError(f"{path}: other samples")
    return len(body)
