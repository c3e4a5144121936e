"""`rawcog verify`: faults of files and of exports."""

import re
import sqlite3
from pathlib import Path

import pytest

from tests.support import handmade as hm
from tests.support.app import ROOT
from tests.support.exports import FILES, rawcog, tiles_of
from tests.support.tiffs import gdal_tiff


@pytest.mark.parametrize("kind", ["jpeg-mask", "webp-lossy", "deflate-mask", "lerc"])
def test_a_file_of_gdal_has_no_fault(kind: str, tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(gdal_tiff(kind))
    done = rawcog("verify", tmp_path / "a.tif")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(" MB: no fault\n")


def test_damaged_bytes_are_found_where_they_are(tmp_path: Path) -> None:
    FILES["sparse"](tmp_path / "a.tif")
    tile = rawcog("tile", tmp_path / "a.tif", "0", "4", "2", "-o", tmp_path / "tile")
    assert tile.returncode == 0
    stored = (tmp_path / "tile").read_bytes()
    data = (tmp_path / "a.tif").read_bytes()
    assert data.count(stored) == 1
    at = data.index(stored) + len(stored) // 2
    (tmp_path / "a.tif").write_bytes(data[:at] + bytes(64) + data[at + 64 :])
    done = rawcog("verify", tmp_path / "a.tif")
    assert done.returncode == 1
    assert done.stderr.startswith("fault: level 0, tile col 4, row 2, plane 0: DEFLATE tile")
    assert ": 1 fault" in done.stdout or ": 2 faults" in done.stdout


def test_broken_entries_of_the_index_are_counted_and_the_others_checked(tmp_path: Path) -> None:
    counts = [512] * 2 + [10**6] + [512] * 5 + [10**6]
    (tmp_path / "a.tif").write_bytes(hm.tiff(hm.image().having({hm.COUNTS: (hm.LONG, counts)})))
    done = rawcog("verify", tmp_path / "a.tif")
    assert done.returncode == 1
    assert re.findall(r"fault: .*: tile ([0-9]+): the bytes", done.stderr) == ["2", "8"]
    assert re.fullmatch(r"9 tiles, .* MB: 2 faults\n", done.stdout)


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("verify")
    FILES["jpeg-mask"](folder / "a.tif")
    for name in ("a.pmtiles", "a.mbtiles", "a"):
        assert rawcog("export", folder / "a.tif", folder / name).returncode == 0
    return folder


@pytest.mark.parametrize("name", ["a.pmtiles", "a.mbtiles", "a"])
def test_an_export_is_compared_with_what_is_served(name: str, exports: Path) -> None:
    count = len(tiles_of(exports / name))
    for words in ((exports / "a.tif", exports / name), (exports / name,)):
        done = rawcog("verify", *words)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith(f"{count} tiles, ")
        assert done.stdout.endswith(": no fault\n")


def test_another_body_and_a_missing_tile_are_faults(exports: Path, tmp_path: Path) -> None:
    target = tmp_path / "a.mbtiles"
    target.write_bytes((exports / "a.mbtiles").read_bytes())
    with sqlite3.connect(target) as database:
        rows = database.execute(
            "SELECT zoom_level, tile_column, tile_row, tile_id FROM map ORDER BY 1, 2, 3"
        ).fetchall()
        (z, x, row, _), (_, _, _, other) = rows[0], rows[-1]
        database.execute(
            "UPDATE map SET tile_id = ? WHERE (zoom_level, tile_column, tile_row) = (?, ?, ?)", (other, z, x, row)
        )
        lost = rows[1][:3]
        database.execute("DELETE FROM map WHERE (zoom_level, tile_column, tile_row) = (?, ?, ?)", lost)
    database.close()
    done = rawcog("verify", exports / "a.tif", target)
    assert done.returncode == 1
    assert f"fault: tile {z}/{x}/{2**z - 1 - row}: " in done.stderr
    assert f"fault: tile {lost[0]}/{lost[1]}/{2 ** lost[0] - 1 - lost[2]}: missing; the server sends" in done.stderr
    assert done.stdout.endswith(": 2 faults\n")
    done = rawcog("verify", exports / "a.tif", exports / "a.pmtiles", "--zooms", "10", "--format", "jpg")
    assert done.returncode == 1, "of another selection and another format"


@pytest.mark.parametrize(
    ("start", "data"),
    [
        (23, b"\x40"),  # length of the root directory
        (24, b"\x01"),  # place of the metadata
        (63, b"\x80"),  # place of the tiles
        (72, b"\x07"),  # number of tiles
        (140, b"\xff\x00\xff\x00\xff"),  # the root directory, which is compressed
    ],
)
def test_a_damaged_header_or_directory_of_an_archive_is_one_line(
    start: int, data: bytes, exports: Path, tmp_path: Path
) -> None:
    archive = (exports / "a.pmtiles").read_bytes()
    (tmp_path / "a.pmtiles").write_bytes(archive[:start] + data + archive[start + len(data) :])
    for words in ([tmp_path / "a.pmtiles"], [exports / "a.tif", tmp_path / "a.pmtiles"]):
        done = rawcog("verify", *words)
        assert done.returncode == 1
        assert "no archive of PMTiles, or a damaged one" in done.stderr
        assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "error"),
    [("b.pmtiles", "no archive of PMTiles, or a damaged one"), ("b.mbtiles", "no MBTiles, or a damaged one")],
)
def test_what_is_no_export_is_one_line(name: str, error: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes((ROOT / "data/valley.tif").read_bytes()[:3000])
    done = rawcog("verify", tmp_path / name)
    assert done.returncode == 1
    assert error in done.stderr
    assert done.stderr.count("\n") == 1
