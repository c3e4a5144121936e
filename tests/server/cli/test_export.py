"""`rawcog export`: selections, refusals, interrupted exports, lists of files."""

import math
import os
import random
import shutil
import signal
import subprocess
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from server.export.journal import RECORD, Journal
from server.export.part import Part
from tests.support.app import ROOT, client, layer
from tests.support.exports import COMMAND, FILES, Tiles, rawcog, served, tiles_of
from tests.support.faults import Drip
from tests.support.origin import Connection, Origin, Reply, send
from tests.support.wait import wait_until


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scene") / "scene.tif"
    FILES["jpeg-mask"](path)
    return path


def all_tiles(scene: Path, folder: Path) -> Tiles:
    return served(client(folder, layer("scene", scene)), "scene")


def test_a_bounding_box_and_zooms_select_tiles(scene: Path, tmp_path: Path) -> None:
    every = all_tiles(scene, tmp_path)
    finest = max(z for z, _, _ in every)
    x, y = next((x, y) for z, x, y in every if z == finest and (z, x + 1, y + 1) in every)
    west, east = (column / 2**finest * 360 - 180 for column in (x + 0.25, x + 1.75))
    north, south = (latitude(finest, row) for row in (y + 0.25, y + 1.75))
    done = rawcog(
        "export", scene, tmp_path / "a.pmtiles",
        "--zooms", f"{finest - 1}-{finest}", f"--bbox={west},{south},{east},{north}",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    places = {(finest, x + right, y + down) for right in (0, 1) for down in (0, 1)}
    places |= {(z - 1, column // 2, row // 2) for z, column, row in places}
    assert tiles_of(tmp_path / "a.pmtiles") == {place: every[place] for place in places if place in every}


def latitude(z: int, row: float) -> float:
    return math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * row / 2**z))))


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--zooms", "3"], "no tile in the zooms 3 to 3: the file has 10 to 14"),
        (["--bbox=10,10,11,11"], "no tile within the bounding box: the file has (west, south, east, north) 5.27"),
        (["--zooms", "9-4"], "Invalid value for '--zooms': found '9-4', wanted a zoom or two, such as 12 or 8-14"),
        (["--bbox=1,2,3"], "wanted four numbers with commas: west,south,east,north"),
        (["--bbox=11,2,10,4"], "wanted degrees with west < east and south < north"),
        (["--format", "webp"], "format 'webp': the tiles are JPEG, not WebP"),
        (["--format", "tif"], "image/tiff;application=geotiff, wanted one of image/jpeg"),
    ],
)
def test_a_selection_that_has_no_tile_is_an_error(words: list[str], error: str, scene: Path, tmp_path: Path) -> None:
    done = rawcog("export", scene, tmp_path / "a.pmtiles", *words)
    assert done.returncode in (1, 2)
    assert error in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "a.pmtiles").exists()


def test_a_file_off_the_grid_is_told_the_line_that_aligns_it(tmp_path: Path) -> None:
    done = rawcog("export", ROOT / "data/netherlands.tif", tmp_path / "a.mbtiles")
    assert done.returncode == 1
    assert "not aligned" in done.stderr
    assert "gdal_translate -of COG -co TILING_SCHEME=GoogleMapsCompatible" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a.pmtiles", "a.mbtiles", "a"])
def test_a_target_is_replaced_only_on_demand(name: str, scene: Path, tmp_path: Path) -> None:
    target = tmp_path / name
    assert rawcog("export", scene, target, "--zooms", "11").returncode == 0
    before = tiles_of(target)
    done = rawcog("export", scene, target)
    assert (done.returncode, done.stderr) == (1, f"Error: {target} exists: --overwrite replaces it\n")
    assert tiles_of(target) == before
    assert rawcog("export", scene, target, "--overwrite").returncode == 0
    assert len(tiles_of(target)) > len(before)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    os.mkfifo(tmp_path / f"pipe.{name}")
    assert rawcog("export", scene, tmp_path / f"pipe.{name}", "--overwrite").returncode == 1
    assert (tmp_path / f"pipe.{name}").is_fifo()


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("home", "a folder without tilejson.json, which no export wrote"),
        (".", "wanted the name of a new file or folder"),
        ("..", "wanted the name of a new file or folder"),
    ],
)
def test_a_folder_of_other_files_is_never_replaced(
    name: str, error: str, scene: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home/letter").touch()
    monkeypatch.chdir(tmp_path)
    done = rawcog("export", scene, name, "--overwrite")
    assert done.returncode == 1
    assert error in done.stderr
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")] == ["home", "home/letter"]


def test_a_damaged_tile_stops_the_export_unless_it_is_left_out(scene: Path, tmp_path: Path) -> None:
    every = all_tiles(scene, tmp_path)
    jpeg = next(place for place, body in every.items() if body.startswith(b"\xff\xd8"))
    data = scene.read_bytes()
    tail = every[jpeg][-400:]
    assert data.count(tail) == 1
    at = data.index(tail) + len(tail) - 2
    (tmp_path / "bad.tif").write_bytes(data[:at] + b"\0\1" + data[at + 2 :])
    done = rawcog("export", tmp_path / "bad.tif", tmp_path / "a.pmtiles")
    assert done.returncode == 1
    assert f"tile {jpeg[0]}/{jpeg[1]}/{jpeg[2]}: JPEG tile: wanted ffd8 at its start and ffd9 at its end" in done.stderr
    assert not (tmp_path / "a.pmtiles").exists()
    done = rawcog("export", tmp_path / "bad.tif", tmp_path / "a.pmtiles", "--skip-broken")
    assert done.returncode == 0, done.stderr
    assert f"left out: tile {jpeg[0]}/{jpeg[1]}/{jpeg[2]}" in done.stderr
    assert "1 damaged ones left out" in done.stdout
    assert tiles_of(tmp_path / "a.pmtiles") == {place: body for place, body in every.items() if place != jpeg}


def test_an_interrupted_export_of_another_file_or_selection_is_not_continued(scene: Path, tmp_path: Path) -> None:
    source, target = tmp_path / "scene.tif", tmp_path / "a.pmtiles"
    shutil.copy(scene, source)
    interrupt(source, target)
    done = rawcog("export", source, target, "--zooms", "12")
    assert done.returncode == 1
    assert "a.pmtiles.part.journal: the interrupted export has tiles '10/" in done.stderr
    os.utime(source, (1, 1))
    done = rawcog("export", source, target)
    assert done.returncode == 1
    assert "the source was replaced since this export was interrupted; --overwrite begins anew" in done.stderr
    assert rawcog("export", source, target, "--overwrite").returncode == 0
    assert tiles_of(target) == all_tiles(scene, tmp_path)


SLOW = """
import os, signal, sys, time
from server.cli.main import main
from server.export import ledger, part, pictures
pause_s = float(sys.argv.pop())
if pause_s < 0:
    part.Part.publish = lambda self: os.kill(os.getpid(), signal.SIGKILL)
pictures._CHUNK = 3
enter = ledger.Ledger.enter
ledger.Ledger.enter = lambda self, batch: (time.sleep(max(0, pause_s)), enter(self, batch))[1]
main(sys.argv[1:], prog_name="rawcog")
"""
"""The command with small batches and a pause before each, so that there is a time to kill it; a negative pause: it
kills itself when all is written."""


def start(source: Path, target: Path, pause_s: float = 0.05) -> "subprocess.Popen[bytes]":
    command = [COMMAND[0], "-c", SLOW, "export", str(source), str(target), str(pause_s)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def interrupt(source: Path, target: Path, progress_bytes: int = 700) -> None:
    """Kill an export after so many bytes of its journal."""
    journal = target.with_name(f"{target.name}.part.journal")
    limit = (journal.stat().st_size if journal.exists() else 0) + progress_bytes
    process = start(source, target)
    wait_until(lambda: process.poll() is not None or (journal.exists() and journal.stat().st_size >= limit))
    process.kill()
    _, errors = process.communicate()
    assert process.returncode == -signal.SIGKILL, errors
    assert not target.exists()


@pytest.mark.parametrize(("name", "kills"), [("a.pmtiles", 10), ("a.mbtiles", 2), ("a", 2)])
def test_an_export_that_is_killed_again_and_again_has_the_bytes_of_one_that_is_not(
    name: str, kills: int, scene: Path, tmp_path: Path
) -> None:
    whole, target = tmp_path / f"whole-{name}", tmp_path / name
    process = start(scene, whole, 0)
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    chance = random.Random(name)
    for _ in range(kills):
        interrupt(scene, target, chance.randrange(1, 300))
    for pause_s, status in ((-1, -signal.SIGKILL), (0, 0)):
        process = start(scene, target, pause_s)
        _, errors = process.communicate()
        assert process.returncode == status, errors
    assert content(target) == content(whole)
    assert not [*tmp_path.glob("*.part*")]


def content(target: Path) -> dict[str, bytes]:
    files = [target] if target.is_file() else [file for file in target.rglob("*") if file.is_file()]
    return {str(file.relative_to(target)): file.read_bytes() for file in files}


def test_a_source_that_is_replaced_meanwhile_stops_the_export(scene: Path, tmp_path: Path) -> None:
    source, target = tmp_path / "scene.tif", tmp_path / "a.pmtiles"
    shutil.copy(scene, source)
    process = start(source, target, 0.1)
    journal = target.with_name("a.pmtiles.part.journal")
    wait_until(lambda: process.poll() is not None or (journal.exists() and journal.stat().st_size > 700))
    shutil.copy(scene, tmp_path / "new.tif")
    os.replace(tmp_path / "new.tif", source)
    _, errors = process.communicate()
    assert process.returncode == 1
    assert b"replaced or rewritten since its header was read" in errors
    assert not target.exists()


def test_a_file_behind_http_is_read_in_few_ranges(scene: Path, tmp_path: Path) -> None:
    with Origin() as origin:
        origin.put("/scene.tif", scene.read_bytes())
        done = rawcog("export", f"{origin.url}/scene.tif", tmp_path / "a.pmtiles")
        assert done.returncode == 0, done.stderr
        every = all_tiles(scene, tmp_path)
        assert len(every) > 50
        assert len(origin.ranges("/scene.tif")) < 20
    assert tiles_of(tmp_path / "a.pmtiles") == every


def drip_tiles(connection: Connection, reply: Reply) -> None:
    """Ranges of many tiles take longer than a read may take, those of the header do not."""
    (Drip() if len(reply.body) > 100_000 else send)(connection, reply)


@pytest.mark.parametrize("command", ["export", "export --from-list", "crop", "warm"])
def test_an_interrupt_ends_a_command_whose_origin_hangs(command: str, scene: Path, tmp_path: Path) -> None:
    with Origin() as origin:
        origin.put("/scene.tif", scene.read_bytes())
        origin.fail("/scene.tif", drip_tiles, times=1000)
        target, uri, listed = tmp_path / "out/scene.pmtiles", f"{origin.url}/scene.tif", tmp_path / "files.txt"
        target.parent.mkdir()
        listed.write_text(uri)
        words = {
            "export": ["export", uri, target],
            "export --from-list": ["export", "--from-list", listed, target.parent],
            "crop": ["crop", uri, target.with_suffix(".tif"), "--window", "0,0,2000,2000"],
            "warm": ["warm", scene, "--url", f"{origin.url}/hang"],
        }[command]
        if command == "warm":
            origin.latency_s = 1000
        process = subprocess.Popen(
            [*COMMAND, *map(str, words)], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        asked = origin.requests
        wait_until(lambda: any("/hang/" in each.path or is_of_tiles(each.range) for each in list(asked)))
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=25) == (b"", b""), "less than the timeout of a request"
        assert process.returncode == 130
        assert not target.exists()
        origin.mend("/scene.tif")
        if command.startswith("export"):
            assert rawcog(*words).returncode == 0
            assert tiles_of(target) == all_tiles(scene, tmp_path)
            assert [path.name for path in target.parent.iterdir()] == ["scene.pmtiles"]
        else:
            assert list(target.parent.iterdir()) == []


def is_of_tiles(wanted: tuple[int, int] | None) -> bool:
    return wanted is not None and wanted[1] - wanted[0] > 100_000


def test_two_exports_do_not_write_one_target(scene: Path, tmp_path: Path) -> None:
    target = tmp_path / "a.pmtiles"
    process = start(scene, target, 3)
    wait_until(lambda: target.with_name("a.pmtiles.part.journal").exists())
    done = rawcog("export", scene, target)
    process.kill()
    process.communicate()
    assert (done.returncode, done.stderr) == (1, f"Error: {target}.part.journal: another process writes this export\n")


def test_a_list_of_files_is_exported_and_one_failure_stops_no_other(scene: Path, tmp_path: Path) -> None:
    shutil.copy(scene, tmp_path / "b.tif")
    (tmp_path / "c.tif").write_bytes(b"no TIFF")
    listed = tmp_path / "files.txt"
    listed.write_text(f"# scenes\n{scene}\n{tmp_path}/b.tif\n\n{tmp_path}/c.tif\n{tmp_path}/none.tif\n")
    out = tmp_path / "out"
    done = rawcog("export", "--from-list", listed, out, "--to", "mbtiles", "--jobs", "2")
    assert done.returncode == 1
    assert done.stdout.endswith("2 exported, 0 there before, 2 failed\n")
    assert "c.tif: not a TIFF" in done.stderr
    assert "none.tif: no such file" in done.stderr
    assert "Traceback" not in done.stderr
    every = all_tiles(scene, tmp_path)
    assert tiles_of(out / "scene.mbtiles") == tiles_of(out / "b.mbtiles") == every
    done = rawcog("export", "--from-list", listed, out, "--to", "mbtiles", "--jobs", "2")
    assert done.stdout == "0 exported, 2 there before, 2 failed\n"


@pytest.mark.parametrize(
    ("name", "missing", "error"),
    [
        ("a.pmtiles", 1_500_000, "File too large"),
        ("a.pmtiles", 1, "File too large"),
        ("a.mbtiles", 1_500_000, "disk I/O error"),
    ],
)
def test_no_space_is_one_line_and_the_rest_follows_when_there_is_some(
    name: str, missing: int, error: str, scene: Path, tmp_path: Path
) -> None:
    """A limit on the size of files stands for a full disk, which may cut any write short, the last one too."""
    target, whole = tmp_path / name, tmp_path / f"whole-{name}"
    assert rawcog("export", scene, whole).returncode == 0
    limit = whole.stat().st_size - missing
    limited = "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
    limited += f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n" + COMMAND[2]
    done = subprocess.run(
        [COMMAND[0], "-c", limited, "export", str(scene), str(target)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, f"Error: {target}.part: {error}\n")
    assert not target.exists()
    assert rawcog("export", scene, target).returncode == 0
    assert target.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize("name", ["a.pmtiles", "a.mbtiles", "a"])
def test_a_journal_without_its_tiles_gives_no_broken_target(
    name: str, scene: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / name
    part, journal = target.with_name(f"{name}.part"), target.with_name(f"{name}.part.journal")

    def interrupted(self: Part) -> None:
        raise OSError("interrupted")

    with monkeypatch.context() as patch:
        patch.setattr(Part, "publish", interrupted)
        assert rawcog("export", scene, target).returncode == 1
    part.rename(tmp_path / "away")
    part.touch()
    assert rawcog("export", scene, target).returncode == 1
    assert not target.exists()
    part.unlink()
    assert journal.stat().st_size > 1000
    assert rawcog("export", scene, target).returncode == 0
    assert tiles_of(target) == all_tiles(scene, tmp_path)


@pytest.mark.parametrize("damage", [b"tile\xff\xff\xff\xff", b"tile\0\0\0\1", b"mile"])
def test_a_garbled_journal_is_used_up_to_the_damage(damage: bytes, tmp_path: Path) -> None:
    batch = np.zeros(3, RECORD)
    with closing(Journal(tmp_path / "journal", {})) as journal:
        journal.append(batch)
        journal.append(batch)
    data = (tmp_path / "journal").read_bytes()
    second = data.rindex(b"tile")
    (tmp_path / "journal").write_bytes(data[:second] + damage + data[second + len(damage) :])
    with closing(Journal(tmp_path / "journal", {})) as journal:
        assert [records.tobytes() for records in journal.batches] == [batch.tobytes()]
        journal.append(batch)
    assert (tmp_path / "journal").read_bytes() == data
