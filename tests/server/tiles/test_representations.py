"""Every representation of tiles of every kind of file, through the running server, against GDAL's view of the file."""

from collections.abc import Iterator, Sequence
from io import BytesIO
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
import rasterio
import rasterio.shutil
import tifffile
from rasterio.enums import ColorInterp

from tests.support.app import layer
from tests.support.corpus import CORPUS, Record, corpus_folder, manifest
from tests.support.gunicorn import Gunicorn
from tests.support.rasters import noise, raster
from tests.support.representations import faults
from tests.support.spots import IMAGE, MASK, Client, Datasets, Spot, sha
from tests.support.tiffs import KINDS, gdal_tiff

MOST: Final = 3
"""Tiles of a plane of a level that are compared."""

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")

with_corpus = pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus is not beside this checkout")

CODEC_FORMATS: Final = {
    "JPEG": {"jpg"},
    "WEBP": {"webp"},
    "JXL": {"jxl"},
    "JPEG2000": set(),
}
"""Codec -> formats of its tiles beside `tif`, and beside `png`, which depends on more; others have `bin`."""

NO_PICTURE: Final = {"jpeg_cmyk", "rasterio-rasterio.alpha", "cmyk"}
"""JPEG of four bands, which is no picture of the web."""

KINDS_MORE: Final[dict[str, dict[str, Any]]] = {
    "palette": {
        "pixels": noise(1, "uint8") % 16,
        "colors": {index: (16 * index, 255 - index, index, 255) for index in range(16)},
        "options": {"compress": "LZW"},
    },
    "palette-nodata": {
        "pixels": noise(1, "uint8") % 4,
        "colors": {index: (60 * index, 9, 255 - index, 255) for index in range(4)},
        "nodata": 2,
        "options": {"compress": "DEFLATE"},
    },
    "one-bit": {"pixels": noise(1, "uint8") % 2, "options": {"compress": "DEFLATE", "nbits": "1"}},
    "white-is-zero": {"pixels": noise(1, "uint8"), "options": {"compress": "PACKBITS", "photometric": "MINISWHITE"}},
    "grey-alpha": {
        "pixels": noise(2, "uint8"),
        "interpretation": (ColorInterp.gray, ColorInterp.alpha),
        "options": {"compress": "LZMA", "photometric": "MINISBLACK", "alpha": "NON-PREMULTIPLIED"},
    },
    "rgba-16-bit": {
        "pixels": noise(4, "uint16"),
        "options": {"compress": "ZSTD", "predictor": "2", "photometric": "RGB", "alpha": "NON-PREMULTIPLIED"},
    },
    "cmyk": {"pixels": noise(4, "uint8"), "options": {"compress": "JPEG", "photometric": "CMYK"}},
    "complex": {"pixels": noise(1, "complex64"), "options": {"compress": "DEFLATE"}, "factors": (2,)},
    "mask-in-planes": {
        "pixels": noise(3, "uint16"),
        "mask": np.where(noise(1, "uint8")[0] % 3 > 0, 255, 0).astype(np.uint8),
        "options": {"compress": "DEFLATE", "interleave": "band"},
        "factors": (2,),
    },
    "mask-with-holes": {
        "pixels": np.where(np.arange(110) < 48, noise(1, "uint8"), 0).astype(np.uint8),
        "mask": np.where(np.arange(110) < 20, 255, 0).astype(np.uint8) * np.ones((70, 1), np.uint8),
        "options": {"compress": "DEFLATE", "sparse_ok": "TRUE"},
    },
    "nan": {"pixels": noise(1, "float64"), "nodata": float("nan"), "options": {"compress": "ZSTD", "predictor": "3"}},
}
"""Name -> arguments of `raster`, beside the kinds that `tiffs` knows."""


def spots_of_file(name: str, path: Path) -> Iterator[Spot]:
    """Tiles at the corners and in the middle of every level and mask, where tifffile finds their bytes."""
    data = path.read_bytes()
    with tifffile.TiffFile(path) as file:
        pages = sorted((page.aspage() for page in file.pages), key=lambda page: -page.imagewidth)
    for kind in (IMAGE, MASK):
        levels = [page for page in pages if bool(page.subfiletype & 4) == (kind == MASK)]
        for level, page in enumerate(levels):
            across, down = -(-page.imagewidth // page.tilewidth), -(-page.imagelength // page.tilelength)
            places = [(col, row) for row in sorted({0, down // 2, down - 1}) for col in sorted({0, across - 1})]
            for plane in range(page.samplesperpixel if page.planarconfig == 2 else 1):
                for col, row in places:
                    number = (plane * down + row) * across + col
                    start, size = page.dataoffsets[number], page.databytecounts[number]
                    left, top = col * page.tilewidth, row * page.tilelength
                    width, height = (
                        min(page.tilewidth, page.imagewidth - left),
                        min(page.tilelength, page.imagelength - top),
                    )
                    stored = sha(data[start : start + size]) if size else None
                    overview = level - 1 if level else None
                    window = (left, top, width, height)
                    yield Spot(name, path, kind, level, overview, col, row, plane, window, stored)


def spots_of_record(folder: Path, record: Record) -> Iterator[Spot]:
    """The tiles that a manifest samples."""
    for tile in record["tiles"]:
        yield Spot(
            name_of(record),
            folder / record["path"],
            {"image": IMAGE, "mask": MASK}[tile["kind"]],
            tile["z_full"],
            record["levels"][tile["z_full"]]["gdal_overview"],
            tile["x"],
            tile["y"],
            tile["plane"],
            tuple(tile["window"]),
            tile.get("sha256"),
        )


def name_of(record: Record) -> str:
    name: str = record["name"]
    return name.replace("/", ".")


def sampled(spots: Sequence[Spot]) -> Iterator[Spot]:
    """Some of each plane, the last one among them."""
    for _, group in groupby(spots, lambda spot: (spot.layer, spot.kind, spot.level, spot.plane)):
        of_plane = list(group)
        yield from of_plane[: -1 : -(-len(of_plane) // MOST)]
        yield of_plane[-1]


def serving(layers: dict[str, Path]) -> Gunicorn:
    """One worker with these layers."""
    environment = {"WEB_CONCURRENCY": "1", "LOG_LEVEL": "warning"}
    return Gunicorn(environment, "".join(layer(name, path) for name, path in layers.items()))


def all_faults(client: Client, spots: Sequence[Spot]) -> Iterator[str]:
    """In what served tiles differ from GDAL's, and layers from what their codecs allow."""
    with Datasets() as datasets:
        for spot in sampled(spots):
            for extension in client.formats(spot):
                yield from faults(client, spot, extension, datasets)
    yield from (fault for name in {spot.layer for spot in spots} for fault in offer_faults(client.layer(name)))


def offer_faults(about: Any) -> Iterator[str]:
    """In what a layer's levels are not offered as their codec has it."""
    for level in about["levels"]:
        wanted = {"tif"} | (set() if about["name"] in NO_PICTURE else CODEC_FORMATS.get(level["compression"], {"bin"}))
        formats = set(level["formats"])
        if formats - {"png"} != wanted:
            yield f"{about['name']}, level {level['level']} of {level['compression']}: {formats}, wanted {wanted}"
        if level["mask"] and not {"png", "tif", "bin"} <= set(level["mask_formats"]):
            yield f"{about['name']}, level {level['level']}: its mask is offered as {level['mask_formats']}"


def strip_faults(client: Client, name: str) -> Iterator[str]:
    """In what a file in strips is not refused as it should be: with the line that mends it."""
    for url in (f"/layers/{name}", f"/layers/{name}/tiles/native/0/0/0.tif"):
        reply = client.ask("GET", url)
        if reply.status != 502 or "gdal_translate -of COG" not in reply.json()["detail"]:
            yield f"{url}: {reply.status}, {reply.data!r}"


def test_tiles_of_what_gdal_writes_are_gdals_in_every_representation(tmp_path: Path) -> None:
    files = {name: gdal_tiff(name) for name in KINDS} | {name: raster(**kind) for name, kind in KINDS_MORE.items()}
    paths = {name: tmp_path / f"{name}.tif" for name in files}
    for name, path in paths.items():
        path.write_bytes(files[name])
    with rasterio.open(paths["odd-factors"], "r+") as dataset:
        dataset.scales, dataset.offsets, dataset.units = (0.01, 2.5, 1), (273.15, -3.0, 0), ("K", "m", "")
    spots = [spot for name, path in paths.items() for spot in spots_of_file(name, path)]
    strips = tmp_path / "strips.tif"
    rasterio.shutil.copy(paths["deflate"], strips, driver="GTiff", tiled="NO")
    with serving({**paths, "strips": strips}) as server:
        client = Client(server.port)
        assert [*all_faults(client, spots), *strip_faults(client, "strips")] == []


@pytest.fixture
def folder(request: pytest.FixtureRequest, pytestconfig: pytest.Config) -> Path:
    """The corpus's real files, or those that it makes."""
    assert pytestconfig.cache is not None
    return CORPUS / "real" if request.param == "real" else corpus_folder("data", pytestconfig.cache.mkdir("corpus"))


@with_corpus
@pytest.mark.parametrize("folder", ["real", "corpus_folder"], indirect=True)
def test_tiles_of_the_corpus_are_gdals_in_every_representation(folder: Path) -> None:
    records = {
        expect: [record for record in manifest(folder)["files"] if record["expect"] == expect]
        for expect in ("serve", "reject")
    }
    readable = [record for record in records["serve"] if "error" not in record["gdal"]]
    assert len(readable) > 40
    assert records["reject"]
    layers = {name_of(record): folder / record["path"] for some in records.values() for record in some}
    with serving(layers) as server:
        client = Client(server.port)
        faults = list(all_faults(client, [spot for record in readable for spot in spots_of_record(folder, record)]))
        for record in records["serve"]:
            if record not in readable:
                faults += tifffile_faults(client, list(spots_of_record(folder, record)), record)
        for record in records["reject"]:
            faults += strip_faults(client, name_of(record))
        assert faults == []


def tifffile_faults(client: Client, spots: Sequence[Spot], record: Record) -> Iterator[str]:
    """In what tiles differ from tifffile's, where GDAL lacks the codec."""
    for spot, tile in zip(spots, record["tiles"], strict=True):
        assert {"tif", "png"} <= set(client.formats(spot))
        reply = client.get(spot, "tif")
        pixels = np.moveaxis(tifffile.imread(BytesIO(reply.body)), -1, 0)
        if sha(pixels.tobytes()) != tile["pixels"]["sha256"]:
            yield f"{spot}: other pixels"
        if sha(reply.body[-tile["count"] :]) != spot.stored:
            yield f"{spot}: not the stored bytes"
