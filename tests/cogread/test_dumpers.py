"""COGDumper's three commands, run as they are documented, against real servers."""

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner

from cogread import __version__, filedumper, httpdumper, s3dumper
from tests.support.commands import DATA, ROOT, Checkout
from tests.support.faults import hang, ignore_range
from tests.support.origin import Origin
from tests.support.pictures import block, decode
from tests.support.s3 import Store, running_store
from tests.support.wait import wait_until

RGB = DATA / "cog_rgb.tif"
"""3 x 2 tiles."""


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout.make(tmp_path)


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin() as running:
        yield running


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    with running_store() as running:
        yield running


def assert_one_line(done: "subprocess.CompletedProcess[str]", *words: str) -> None:
    assert done.returncode == 1, done.stderr
    assert done.stderr.startswith("Error: ")
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
    for word in words:
        assert word in done.stderr


def test_documented_command_dumps_the_tile_that_gdal_reads(checkout: Checkout) -> None:
    done = checkout.run("python cogread/filedumper.py --file data/cog.tif --xyz 0 0 0")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert checkout.files() == {"file_0_0_0.jpg"}
    picture = decode((checkout.folder / "file_0_0_0.jpg").read_bytes())
    np.testing.assert_array_equal(picture[:, :64, :64], block(ROOT / "data" / "cog.tif", 0, 0, 0))


def test_three_dumpers_give_the_same_bytes(checkout: Checkout, origin: Origin, store: Store) -> None:
    data = RGB.read_bytes()
    origin.put("/data/rgb.tif", data)
    store.put("a folder/rgb.tif", data)
    aws = {
        "AWS_ENDPOINT_URL": store.endpoint_url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    for line in (
        f"filedumper.py --file {RGB}",
        f"httpdumper.py --server {origin.url} --path data --resource rgb.tif",
        f"s3dumper.py --bucket {store.bucket} --key 'a folder/rgb.tif'",
    ):
        done = checkout.run(f"python cogread/{line} --xyz 2 1 0", aws)
        assert (done.returncode, done.stderr) == (0, "")
    dumped = {name: (checkout.folder / name).read_bytes() for name in checkout.files()}
    assert set(dumped) == {"file_2_1_0.jpg", "http_2_1_0.jpg", "s3_2_1_0.jpg"}
    assert len(set(dumped.values())) == 1
    wanted = block(RGB, 0, 2, 1)
    np.testing.assert_array_equal(decode(dumped["s3_2_1_0.jpg"])[:, : wanted.shape[1], : wanted.shape[2]], wanted)


def test_s3_is_found_by_gdals_variables(checkout: Checkout, store: Store) -> None:
    store.put("cog.tif", (ROOT / "data" / "cog.tif").read_bytes())
    store.client.put_object_acl(Bucket=store.bucket, Key="cog.tif", ACL="public-read")
    gdal = {
        "AWS_S3_ENDPOINT": store.endpoint_url.removeprefix("http://"),
        "AWS_HTTPS": "NO",
        "AWS_VIRTUAL_HOSTING": "FALSE",
        "AWS_NO_SIGN_REQUEST": "YES",
    }
    done = checkout.run(f"python cogread/s3dumper.py --bucket {store.bucket} --key cog.tif", gdal)
    assert (done.returncode, done.stderr) == (0, "")
    assert checkout.files() == {"s3_0_0_0.jpg"}


@pytest.mark.parametrize(
    ("server", "path", "resource"),
    [("", "data", "cog.tif"), ("/", "/data/", "/cog.tif"), ("/data", "", "cog.tif"), ("", "", "data/cog.tif")],
)
def test_parts_of_the_url_are_joined_by_one_slash(
    tmp_path: Path, origin: Origin, server: str, path: str, resource: str
) -> None:
    origin.put("/data/cog.tif", RGB.read_bytes())
    options = ["--server", origin.url + server, "--path", path, "--resource", resource, "--output", str(tmp_path)]
    assert CliRunner().invoke(httpdumper.main, options).exit_code == 0
    assert {request.path for request in origin.requests} == {"/data/cog.tif"}


def test_a_module_runs_as_its_script_does(checkout: Checkout) -> None:
    script = checkout.run("python cogread/filedumper.py --file data/cog.tif --output script.jpg")
    module = checkout.run("python -m cogread.filedumper --file data/cog.tif --output module.jpg")
    assert (script.returncode, module.returncode) == (0, 0)
    assert (checkout.folder / "script.jpg").read_bytes() == (checkout.folder / "module.jpg").read_bytes()


@pytest.mark.parametrize("way", ["cogread", "link/cogread"])
def test_modules_beside_a_script_hide_no_others(checkout: Checkout, way: str) -> None:
    (checkout.folder / "link").symlink_to(".")
    for name in ("logging", "click", "requests"):
        (checkout.folder / "cogread" / f"{name}.py").write_text("raise SystemExit('the wrong module')")
    done = checkout.run(f"python {way}/filedumper.py --file data/cog.tif")
    assert (done.returncode, done.stderr) == (0, "")


def test_verbose_tells_the_ranges_that_are_read(checkout: Checkout) -> None:
    line = "python cogread/filedumper.py --file data/cog.tif --verbose"
    done = checkout.run(line, {"COG_INGESTED_BYTES_AT_OPEN": "1000", "GDAL_INGESTED_BYTES_AT_OPEN": "2000"})
    assert done.stderr.startswith("INFO read data/cog.tif bytes 0-999\n")
    assert all(text.startswith("INFO ") for text in done.stderr.splitlines())
    assert (checkout.folder / "file_0_0_0.jpg").exists()


def test_size_of_the_first_read_is_checked(checkout: Checkout) -> None:
    done = checkout.run("python cogread/filedumper.py --file data/cog.tif", {"COG_INGESTED_BYTES_AT_OPEN": "many"})
    assert_one_line(done, "COG_INGESTED_BYTES_AT_OPEN", "'many'")
    assert not checkout.files()


def test_a_server_without_ranges_is_named_in_one_line(checkout: Checkout, origin: Origin) -> None:
    origin.put("/cog.tif", (ROOT / "data" / "cog.tif").read_bytes())
    origin.fail("/cog.tif", ignore_range, times=2)
    done = checkout.run(f"python cogread/httpdumper.py --server {origin.url} --resource cog.tif")
    assert_one_line(done, f"{origin.url}/cog.tif", "200")
    assert not checkout.files()


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("filedumper.py --file data/none.tif", "data/none.tif"),
        ("filedumper.py --file data/README.md", "data/README.md: not a TIFF"),
        ("httpdumper.py --server http://user:secret@127.0.0.1:1 --resource cog.tif", "http://127.0.0.1:1/cog.tif"),
        ("s3dumper.py --bucket b --key k", "s3://b/k"),
    ],
)
def test_what_cannot_be_read_is_one_line(checkout: Checkout, line: str, word: str) -> None:
    done = checkout.run(f"python cogread/{line}")
    assert_one_line(done, word)
    assert "secret" not in done.stderr
    assert not checkout.files()


@pytest.mark.parametrize(
    ("command", "line"),
    [
        (filedumper.main, ""),
        (filedumper.main, "--file data/cog.tif --xyz 0 0"),
        (filedumper.main, "--file data/cog.tif --xyz 0 0 x"),
        (filedumper.main, "--file s3://bucket/key"),
        (httpdumper.main, "--server http://127.0.0.1:1"),
        (httpdumper.main, "--server 127.0.0.1:1 --resource cog.tif"),
        (s3dumper.main, "--bucket b"),
    ],
)
def test_usage_errors_are_2(command: click.Command, line: str) -> None:
    result = CliRunner().invoke(command, line)
    assert result.exit_code == 2
    assert "Error: " in result.stderr


@pytest.mark.parametrize("command", [filedumper.main, httpdumper.main, s3dumper.main])
def test_help_and_version(command: click.Command) -> None:
    told = CliRunner().invoke(command, "--help").stdout
    assert all(option in told for option in ("--xyz", "--output", "--verbose", "--version", "--mask", "Off by default"))
    assert CliRunner().invoke(command, "--version").stdout == f"{__version__}\n"


def test_interrupt_is_quiet_and_leaves_nothing(checkout: Checkout, origin: Origin) -> None:
    origin.put("/cog.tif", b"")
    origin.fail("/cog.tif", hang, times=2)
    with checkout.start(f"python cogread/httpdumper.py --server {origin.url} --resource cog.tif") as process:
        wait_until(lambda: bool(origin.requests))
        process.send_signal(signal.SIGINT)
        assert process.communicate() == ("", "")
    assert process.returncode == 130
    assert not checkout.files()


def test_tile_goes_to_a_pipe_that_may_close(checkout: Checkout) -> None:
    line = f"python cogread/filedumper.py --file {RGB} --output -"
    done = checkout.run(f"{line} | head -c 2 | od -An -tx1")
    assert (done.stdout.strip(), done.stderr) == ("ff d8", "")
    assert checkout.run(f"{line} | true").stderr == ""


@pytest.mark.parametrize("where", [">/dev/full", ">&-"])
@pytest.mark.parametrize("command", ["tile data/cog.tif 0 0 0 -o -", "info data/cog.tif"])
def test_output_that_cannot_be_written_is_one_line(checkout: Checkout, command: str, where: str) -> None:
    assert_one_line(checkout.run(f"python -m cogread {command} {where}"), "standard output")
