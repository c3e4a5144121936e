"""Layers on the grid of web maps, their tiles as the app serves them, and the tiles that exports have."""

import json
import os
import sqlite3
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Final, NamedTuple

import numpy as np
import rasterio
from click.testing import CliRunner
from flask.testing import FlaskClient
from pmtiles.reader import Reader, all_tiles
from pmtiles.tile import Compression, deserialize_directory, zxy_to_tileid
from rasterio.windows import Window

from server.cli.main import main
from tests.support.app import ROOT
from tests.support.corpus import CORPUS
from tests.support.webmercator import WORLD_M, web_mercator_dem, web_mercator_tiff

Place = tuple[int, int, int]
"""z, x, y."""
Tiles = dict[Place, bytes]

COMMAND: Final = [sys.executable, "-c", "from server.cli.main import main; main(prog_name='rawcog')"]


def sparse_tiff(path: Path) -> None:
    """A GeoTIFF on the grid of 5 x 3 tiles, of which some are not stored and others are equal; one overview."""
    size = WORLD_M / 2**14
    place = rasterio.Affine(size / 256, 0, 8190 * size - WORLD_M / 2, 0, -size / 256, WORLD_M / 2 - 4094 * size)
    options = {"TILED": "YES", "BLOCKXSIZE": 256, "BLOCKYSIZE": 256, "SPARSE_OK": "TRUE", "COMPRESS": "DEFLATE"}
    profile = {"driver": "GTiff", "count": 1, "dtype": "uint8", "crs": "EPSG:3857", "transform": place}
    noise = np.random.default_rng(5).integers(1, 255, (256, 256), np.uint8)
    with rasterio.open(path, "w", width=1280, height=768, **profile, **options) as target:
        for col, row in ((0, 0), (2, 1), (3, 1)):
            target.write(np.full((256, 256), 77, np.uint8), 1, window=Window(256 * col, 256 * row, 256, 256))
        for col, row in ((1, 0), (4, 2)):
            target.write(noise + np.uint8(col), 1, window=Window(256 * col, 256 * row, 256, 256))
        target.build_overviews([2])


def _tiff(**options: Any) -> Callable[[Path], None]:
    return lambda path: (path.write_bytes(web_mercator_tiff(**options)), None)[1]


FILES: Final[Mapping[str, Callable[[Path], None]]] = {
    "jpeg-mask": _tiff(compress="JPEG", has_mask=True),
    "webp-512": _tiff(side=512, compress="WEBP"),
    "deflate-alpha": _tiff(compress="DEFLATE", has_mask=True),
    "sparse": sparse_tiff,
    "dem": lambda path: (path.write_bytes(web_mercator_dem()), None)[1],
}
"""Name -> writer of a file on the grid."""
REAL: Final = [
    path
    for path in (
        ROOT / "data/valley.tif",
        ROOT / "tests/data/usda_naip_512_jpeg_z5.tif",
        ROOT / "tests/data/usda_naip_512_webp_z5.tif",
        CORPUS / "real/maplibre-martin/usda_naip_256_lzw_z3.tif",
        CORPUS / "real/image-rs-image-tiff/usda_naip_256_webp_z3.tif",
        CORPUS / "real/cogeotiff-rio-cogeo/image_web_z5_z11.tif",
    )
    if path.exists()
]


def served(app: FlaskClient, name: str, suffix: str = "") -> Tiles:
    """All tiles that the app has of a layer on the grid of web maps, by its own places of the corners."""
    about = app.get(f"/layers/{name}").get_json()
    tiles: Tiles = {}
    left, bottom, right, top = about["bounds"]
    for z in range(about["web_mercator"]["minzoom"], about["web_mercator"]["maxzoom"] + 1):
        size = WORLD_M / 2**z
        for x in range(int((left + WORLD_M / 2) / size + 0.001), int((right + WORLD_M / 2) / size - 0.001) + 1):
            for y in range(int((WORLD_M / 2 - top) / size + 0.001), int((WORLD_M / 2 - bottom) / size - 0.001) + 1):
                reply = app.get(f"/layers/{name}/tiles/WebMercatorQuad/{z}/{x}/{y}{suffix}")
                assert reply.status_code in (200, 204), reply.text
                if reply.data:
                    tiles[z, x, y] = reply.data
    return tiles


class Done(NamedTuple):
    """The end of a command."""

    returncode: int
    stdout: str
    stderr: str


def rawcog(*words: object, **environment: str) -> Done:
    """Run the command in this process; it writes past Python's standard output."""
    with TemporaryFile() as output:
        stdout = os.dup(1)
        os.dup2(output.fileno(), 1)
        try:
            result = CliRunner(env=environment).invoke(main, [str(word) for word in words])
        finally:
            os.dup2(stdout, 1)
            os.close(stdout)
        output.seek(0)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Done(result.exit_code, output.read().decode(), result.stderr)


def tiles_of(path: Path) -> Tiles:
    """The tiles of an export, by the readers of its format."""
    if path.suffix == ".pmtiles":
        data = path.read_bytes()
        return dict(all_tiles(lambda offset, length: data[offset : offset + length]))
    if path.suffix == ".mbtiles":
        with sqlite3.connect(path) as database:
            rows = database.execute("SELECT zoom_level, tile_column, tile_row, tile_data FROM tiles").fetchall()
        database.close()
        return {(z, x, 2**z - 1 - row): data for z, x, row, data in rows}
    files = [file for file in path.rglob("*/*/*.*") if file.is_file()]
    return {(int(file.parts[-3]), int(file.parts[-2]), int(file.stem)): file.read_bytes() for file in files}


def check_pmtiles(path: Path) -> dict[str, Any]:
    """Check an archive by the specification, as `pmtiles verify` does; returns its header and metadata."""
    data = path.read_bytes()
    reader = Reader(lambda offset, length: data[offset : offset + length])
    header, metadata = reader.header(), reader.metadata()
    assert header["root_offset"] + header["root_length"] <= 16384
    lengths = ("metadata_length", "leaf_directory_length", "tile_data_length")
    assert len(data) == 16384 + sum(header[name] for name in lengths), "pmtiles verify wants no other gaps"
    assert header["internal_compression"] is Compression.GZIP
    entries = []
    places = [(header["root_offset"], header["root_length"])]
    for offset, length in places:
        for entry in deserialize_directory(data[offset : offset + length]):
            if entry.run_length == 0:
                places.append((header["leaf_directory_offset"] + entry.offset, entry.length))
            else:
                entries.append(entry)
    ids = [entry.tile_id for entry in entries]
    assert ids == sorted(set(ids))
    end = 0
    for entry in entries:  # clustered: each body follows the one before, unless it was there already
        assert entry.offset <= end
        end = max(end, entry.offset + entry.length)
    assert end == header["tile_data_length"]
    assert header["addressed_tiles_count"] == sum(entry.run_length for entry in entries)
    assert header["tile_entries_count"] == len(entries)
    assert header["tile_contents_count"] == len({entry.offset for entry in entries})
    assert ids[0] >= zxy_to_tileid(header["min_zoom"], 0, 0)
    assert ids[-1] < zxy_to_tileid(header["max_zoom"] + 1, 0, 0)
    assert header["min_zoom"] <= header["center_zoom"] <= header["max_zoom"]
    assert header["min_lon_e7"] < header["max_lon_e7"]
    assert header["min_lat_e7"] < header["max_lat_e7"]
    return {**header, **json.loads(json.dumps(metadata))}
