"""Local files."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cogread.byterange import ByteRange
from cogread.errors import SourceChanged, SourceError, SourceForbidden, SourceNotFound, SourceProtocolError
from cogread.sources import open_source
from cogread.sources.file import FileSource


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a.tif"
    path.write_bytes(bytes(range(200)))
    return path


def test_a_file_rewritten_in_place_is_noticed(path: Path) -> None:
    source = FileSource(str(path))
    old = source.version()
    path.write_bytes(bytes(200))
    os.utime(path, ns=(0, 1_700_000_000_000_000_001))
    with pytest.raises(SourceChanged):
        source.read(ByteRange(0, 9), expect=old)
    with pytest.raises(SourceChanged):
        source.read_each([ByteRange(0, 9)], old)
    assert source.read(ByteRange(0, 9)).data == bytes(9)


def test_several_ranges_are_read_whole(path: Path) -> None:
    source = FileSource(str(path))
    places = [ByteRange(7, 9), None, ByteRange(0, 1), ByteRange(8, 11)]
    source.prefetch([ByteRange(0, 500)])
    assert source.read_each(places, source.version()) == [b"\7\x08", None, b"\0", b"\x08\x09\x0a"]
    with pytest.raises(SourceProtocolError, match=r"a\.tif: 1 bytes at \[199, 201\), wanted 2"):
        source.read_each([ByteRange(199, 201)], source.version())


def test_a_deleted_file_is_noticed(path: Path) -> None:
    source = FileSource(str(path))
    version = source.version()
    path.unlink()
    for read in (
        source.read,
        lambda wanted: source.read_each([wanted], version),
        lambda wanted: source.prefetch([wanted]),
    ):
        with pytest.raises(SourceNotFound):
            read(ByteRange(0, 9))


@pytest.mark.parametrize("method", ["read", "version"])
def test_neither_a_folder_nor_a_pipe_is_read(tmp_path: Path, method: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    for place, kind in ((tmp_path, "a directory"), (tmp_path / "pipe", "pipe"), (Path("/dev/zero"), "device")):
        source = FileSource(str(place))
        with pytest.raises(SourceError, match=kind):
            source.read(ByteRange(0, 9)) if method == "read" else source.version()


def test_odd_places_end_in_source_errors(path: Path, tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for place, kind in (
        (f"{path}/x.tif", SourceNotFound),
        (f"{tmp_path}/{'x' * 300}", SourceError),
        (f"{tmp_path}/a\0b", SourceError),
        (f"{tmp_path}/loop", SourceError),
    ):
        with pytest.raises(kind):
            FileSource(place).read(ByteRange(0, 9))


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_no_permission_is_forbidden(path: Path) -> None:
    path.chmod(0)
    with pytest.raises(SourceForbidden):
        FileSource(str(path)).read(ByteRange(0, 9))


def test_an_empty_file_has_a_version_but_no_bytes(path: Path) -> None:
    path.write_bytes(b"")
    assert FileSource(str(path)).version().size_bytes == 0
    with pytest.raises(SourceProtocolError):
        FileSource(str(path)).read(ByteRange(0, 1))


def test_no_descriptor_is_left_open(path: Path, tmp_path: Path) -> None:
    source, before = FileSource(str(path)), len(os.listdir("/proc/self/fd"))
    for wanted in (ByteRange(0, 9), ByteRange(500, 600)):
        for place in (source, FileSource(str(tmp_path))):
            try:
                place.read_each([wanted], place.read(wanted).version)
            except SourceError:
                continue
    assert len(os.listdir("/proc/self/fd")) == before


def test_file_uris_are_unquoted(tmp_path: Path) -> None:
    (tmp_path / "ä b.tif").write_bytes(b"abc")
    source = open_source(f"file://{tmp_path}/%C3%A4%20b.tif")
    assert source.read(ByteRange(0, 3)).data == b"abc"


def test_importing_the_sources_loads_no_http_client() -> None:
    code = "import sys, cogread.sources; print([m for m in ('requests', 'boto3', 'urllib3') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
