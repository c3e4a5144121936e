"""Time and peak memory of the first tile of files in a fresh process.

    python -m bench.apps.first_tile cogread|cogdumper|gdal LEVEL/COL/ROW@FILE …        # paths or URLs

Prints a line of JSON for each file: ms, peak_mb and a digest of the stored bytes ("" from GDAL, which gives pixels).
The first file pays for what a process does once; the caller leaves its line out.
"""

import hashlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

FirstTile = Callable[[str, int, int, int], bytes]
"""Open the file, and read the tile at level, col, row."""


def cogread() -> FirstTile:
    """Ours."""
    from cogread.reader import open_cog  # noqa: PLC0415

    def read(place: str, level: int, col: int, row: int) -> bytes:
        with open_cog(place) as cog:
            tile = cog.wrapped(level, col, row)
        assert tile is not None
        return tile.data

    return read


def cogdumper() -> FirstTile:
    """COGDumper, with the reader of its file or HTTP command."""
    from cogdumper import filedumper, httpdumper  # type: ignore[import-not-found]  # noqa: PLC0415
    from cogdumper.cog_tiles import COGTiff  # type: ignore[import-not-found]  # noqa: PLC0415

    def read(place: str, level: int, col: int, row: int) -> bytes:
        parts = urlsplit(place)
        if parts.scheme:
            folder, _, name = parts.path.strip("/").rpartition("/")
            reader = httpdumper.Reader(f"{parts.scheme}://{parts.netloc}", folder, name)
        else:
            reader = filedumper.Reader(open(place, "rb"))  # noqa: SIM115 - as its command does
        data: bytes = COGTiff(reader.read).get_tile(col, row, level)[1]
        return data

    return read


def gdal() -> FirstTile:
    """GDAL, by rasterio: the tile is decoded."""
    import rasterio  # noqa: PLC0415
    from rasterio.windows import Window  # noqa: PLC0415

    def read(place: str, level: int, col: int, row: int) -> bytes:
        options = {"overview_level": level - 1} if level else {}
        with rasterio.open(place, **options) as dataset:
            height, width = dataset.block_shapes[0]
            dataset.read(window=Window(col * width, row * height, width, height))
        return b""

    return read


READERS = {"cogread": cogread, "cogdumper": cogdumper, "gdal": gdal}


def _memory_mb(field: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:")) / 1024


def main(reader: str, *tiles: str) -> None:
    """Measure one file after the other."""
    read = READERS[reader]()
    for tile in tiles:
        numbers, _, place = tile.partition("@")
        level, col, row = map(int, numbers.split("/"))
        Path("/proc/self/clear_refs").write_text("5")  # the height is measured from here on
        before_mb, began_s = _memory_mb("VmRSS"), time.perf_counter()
        data = read(place, level, col, row)
        ms, peak_mb = (time.perf_counter() - began_s) * 1000, _memory_mb("VmHWM") - before_mb
        digest = hashlib.sha256(data).hexdigest() if data else ""
        print(json.dumps({"ms": ms, "peak_mb": max(peak_mb, 0.0), "digest": digest}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
