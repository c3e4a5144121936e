"""Files of every kind and hostile ones, against the answers of tifffile and GDAL that their manifests hold."""

import hashlib
import struct
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cogread.crs.lookup import crs_of
from cogread.errors import CogError, UnsupportedFormat
from cogread.image import Image
from cogread.reader import CogReader, open_cog
from cogread.tiff.parse import drive
from cogread.tile_index import locate
from cogread.wrap import Wrapper, wrappers_of
from tests.support.corpus import CORPUS, ERROR, Answers, Record, corpus_folder, manifest, unexpected

REAL = CORPUS / "real"
REAL_MANIFEST = manifest(REAL)

MOST_TILES = 5000
"""Indexes that are larger are not compared whole."""

FACTS = ("width", "height", "tile_width", "tile_height", "tiles_across", "tiles_down", "planes", "samples", "planar")
"""Keys that images and IFDs of the manifest share."""


@pytest.fixture(scope="session")
def corpus_cache(pytestconfig: pytest.Config) -> Path:
    assert pytestconfig.cache is not None
    return pytestconfig.cache.mkdir("corpus")


@pytest.fixture(scope="session")
def data(corpus_cache: Path) -> Path:
    return corpus_folder("data", corpus_cache)


@pytest.fixture(scope="session")
def hostile(corpus_cache: Path) -> Path:
    return corpus_folder("hostile", corpus_cache)


def sha(stored: bytes) -> str:
    return hashlib.sha256(stored).hexdigest()


def image_faults(image: Image, ifd: Record, reader: CogReader) -> Iterator[str]:
    """In what an image differs from what tifffile says of its IFD."""
    for fact in FACTS:
        if getattr(image, fact) != ifd[fact]:
            yield f"{fact} {getattr(image, fact)}, wanted {ifd[fact]}"
    if image.directory.offset != ifd["offset"]:
        yield f"at byte {image.directory.offset}, wanted {ifd['offset']}"
    if (image.compression, {image.bits}) != (ifd["compression"], set(ifd["bits"])):
        yield f"compression {image.compression} of {image.bits} bits"
    if image.photometric_name != ifd["photometric"].replace("_", "") and ifd["photometric"] != "SEPARATED":
        yield f"photometric {image.photometric_name}, wanted {ifd['photometric']}"
    tables = ifd["jpeg_tables"]
    if (sha(image.jpeg_tables) if image.jpeg_tables else None) != (tables["sha256"] if tables else None):
        yield "JPEGTables"
    if ifd["tile_count"] <= MOST_TILES:
        actual = [drive(locate(image, n, reader.version.size_bytes), reader._read) for n in range(ifd["tile_count"])]
        pairs = [struct.pack("<QQ", place.start, place.size_bytes) for place in actual if place]
        if actual.count(None) != ifd["sparse_tiles"]:
            yield f"{actual.count(None)} sparse tiles, wanted {ifd['sparse_tiles']}"
        elif not ifd["sparse_tiles"] and sha(b"".join(pairs)) != ifd["index_sha256"]:
            yield "tile index"


def level_faults(reader: CogReader, record: Record) -> Iterator[str]:
    """In what the levels and their masks differ."""
    levels, ifds = reader.cog.levels, record["ifds"]
    if len(levels) != len(record["levels"]):
        yield f"{len(levels)} levels, wanted {len(record['levels'])}"
        return
    for number, (level, wanted) in enumerate(zip(levels, record["levels"], strict=True)):
        yield from (f"level {number}: {fault}" for fault in image_faults(level.image, ifds[wanted["ifd"]], reader))
        if (level.mask is None) != (wanted["mask_ifd"] is None):
            yield f"level {number}: mask {level.mask is not None}, wanted IFD {wanted['mask_ifd']}"
        elif level.mask is not None:
            faults = image_faults(level.mask, ifds[wanted["mask_ifd"]], reader)
            yield from (f"mask of level {number}: {fault}" for fault in faults)


def tile_faults(reader: CogReader, record: Record) -> Iterator[str]:
    """In what the sampled tiles differ."""
    for tile in record["tiles"]:
        level = reader.cog.levels[tile["z_full"]]
        image = level.image if tile["kind"] == "image" else level.mask
        where = f"{tile['kind']} tile {tile['z_full']}/{tile['x']}/{tile['y']}, plane {tile['plane']}"
        assert image is not None
        stored = reader.stored(image, tile["x"], tile["y"], tile["plane"])
        if (stored is None) != tile["sparse"]:
            yield f"{where}: sparse {stored is None}"
        elif stored is not None:
            if (len(stored), sha(stored)) != (tile["count"], tile["sha256"]):
                yield f"{where}: {len(stored)} bytes, wanted {tile['count']}"
            for wrapper in wrappers_of(level) if tile["kind"] == "image" else []:
                reader.wrapped(tile["z_full"], tile["x"], tile["y"], wrapper.extension)


def geo_faults(reader: CogReader, record: Record) -> Iterator[str]:
    """In what the georeferencing differs."""
    geo, gdal = reader.cog.geo, record["gdal"]
    if "error" in gdal:  # GDAL lacks the codec
        return
    crs, code = crs_of(geo), gdal["crs_epsg"] and f"EPSG:{gdal['crs_epsg']}"
    if (crs.code if crs else None) != code:
        yield f"{crs}, wanted {code}"
    if geo.transform is None:
        if gdal["transform"] not in ([0, 1, 0, 0, 0, 1], [0, 1, 0, 0, 0, -1]):
            yield f"no transform, wanted {gdal['transform']}"
        return
    if geo.transform != pytest.approx(gdal["transform"], rel=1e-12, abs=1e-12):
        yield f"transform {geo.transform}, wanted {gdal['transform']}"
    left, bottom, right, top = gdal["bounds"]  # of a south-up image GDAL's bottom is above its top
    if geo.bounds != pytest.approx((left, min(bottom, top), right, max(bottom, top)), rel=1e-12):
        yield f"bounds {geo.bounds}, wanted {gdal['bounds']}"


Faults = Callable[[CogReader, Record], Iterator[str]]
ASPECTS: tuple[Faults, ...] = (level_faults, tile_faults, geo_faults)


def faults_of(folder: Path, record: Record, *aspects: Faults) -> list[str]:
    """In what a file differs from its record; the name goes with each."""
    try:
        with open_cog(str(folder / record["path"])) as reader:
            actual = ["opened, wanted a refusal"] if record["expect"] == "reject" else []
            actual += [fault for aspect in aspects for fault in aspect(reader, record)]
    except UnsupportedFormat as error:
        actual = [] if record["expect"] in ("reject", "either") else [repr(error)]
    except CogError as error:
        actual = [] if record["expect"] == "either" else [repr(error)]
    return [f"{record['name']}: {fault}" for fault in actual]


@pytest.mark.parametrize("record", REAL_MANIFEST["files"], ids=lambda record: record["name"])
def test_real_files_are_read_as_tifffile_and_gdal_read_them(record: Record) -> None:
    assert faults_of(REAL, record, *ASPECTS) == []


@pytest.mark.parametrize("name", [record["name"] for record in REAL_MANIFEST["skipped"]])
def test_real_files_with_loops_end(name: str) -> None:
    with pytest.raises(CogError):
        open_cog(str(REAL / name))


@pytest.mark.parametrize("aspect", ASPECTS)
def test_generated_files_are_read_as_tifffile_and_gdal_read_them(data: Path, aspect: Faults) -> None:
    records = manifest(data)["files"]
    assert len(records) > 80
    assert [fault for record in records for fault in faults_of(data, record, aspect)] == []


def answers_of(reader: CogReader, probe: Record) -> Answers:
    """The answers of all representations that are offered; of the stored bytes where there is none."""
    level, col, row = probe["z_full"], probe["x"], probe["y"]
    try:
        stored = reader.stored(reader.image(level), col, row, probe["plane"])
    except CogError:
        return ERROR
    if stored is None:
        return frozenset({"empty"})
    wrappers = wrappers_of(reader.cog.levels[level])
    return frozenset(wrapped(reader, level, col, row, wrapper) for wrapper in wrappers) or frozenset({sha(stored)})


def wrapped(reader: CogReader, level: int, col: int, row: int, wrapper: Wrapper) -> str:
    try:
        reader.wrapped(level, col, row, wrapper.extension)
    except CogError:
        return "error"
    stored = reader.tile(level, col, row)
    assert stored is not None
    return sha(stored)


def case_faults(folder: Path, case: Record) -> list[str]:
    """In what a hostile file ends otherwise than it may."""
    try:
        with open_cog(str(folder / case["path"])) as reader:
            answers = [answers_of(reader, probe) for probe in case["probe"]]
    except CogError:
        answers = [ERROR] * len(case["probe"])
    return unexpected(case, answers)


@pytest.mark.parametrize("kind", ["reject-at-open", "tile-error", "serve", "any"])
def test_hostile_files_end_as_they_may(hostile: Path, kind: str) -> None:
    cases = [case for case in manifest(hostile)["cases"] if case["class"] == kind]
    assert len(cases) > 20
    actual: list[str] = []
    for case in cases:
        tracemalloc.start()
        actual += case_faults(hostile, case)
        _, peak_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        if peak_bytes > 16 << 20:
            actual.append(f"{case['name']}: {peak_bytes} bytes of memory")
    assert actual == []
