"""`rawcog warm`: tiles are in Redis, or were asked of a running server, before a client comes."""

import re
from pathlib import Path

import pytest
import rasterio

from tests.support.app import ROOT, client, layer
from tests.support.exports import FILES, rawcog, served
from tests.support.gunicorn import Gunicorn
from tests.support.origin import Origin
from tests.support.redis import RedisServer
from tests.support.wait import wait_until


@pytest.fixture
def data(tmp_path: Path) -> bytes:
    FILES["jpeg-mask"](tmp_path / "a.tif")
    return (tmp_path / "a.tif").read_bytes()


def test_a_worker_needs_no_read_of_the_origin_for_tiles_in_redis(data: bytes, tmp_path: Path) -> None:
    with Origin() as origin, RedisServer() as redis:
        origin.put("/a.tif", data)
        config = layer("a", f"{origin.url}/a.tif")
        (tmp_path / "layers.toml").write_text(config)
        environment = {"RAWCOG_CONFIG": f"{tmp_path}/layers.toml", "REDIS_URL": redis.url}
        done = rawcog("warm", "a", "--rate", "1000", **environment)
        assert (done.returncode, done.stderr) == (0, "")
        assert "reads of the origin" in done.stdout
        before = len(origin.ranges("/a.tif"))
        assert before > 20
        assert len(served(client(tmp_path, config, {"REDIS_URL": redis.url}), "a")) > 20
        assert len(origin.ranges("/a.tif")) == before
        again = rawcog("warm", "a", "--rate", "1000", **environment)
        assert "from origin" not in again.stdout
        assert "from redis" in again.stdout


def test_a_running_server_is_asked_at_the_urls_of_its_documents(data: bytes, tmp_path: Path) -> None:
    config = layer("a", tmp_path / "a.tif")
    (tmp_path / "layers.toml").write_text(config)
    with Gunicorn({"WEB_CONCURRENCY": "1"}, config) as server:
        words = ("warm", "a", "--zooms", "12-13", "--rate", "1000", "--url", server.url)
        done = rawcog(*words, RAWCOG_CONFIG=f"{tmp_path}/layers.toml")
        assert (done.returncode, done.stderr) == (0, "")
        assert "with status 200" in done.stdout
        wait_until(lambda: "layer=a@" in server.log())
    assert rawcog(*words, RAWCOG_CONFIG=f"{tmp_path}/layers.toml").returncode == 1, "the server has ended"


def test_the_native_grid_of_a_layer_off_the_grid_of_web_maps_is_warmed(tmp_path: Path) -> None:
    source = ROOT / "data/netherlands.tif"
    config = layer("a", source, "cache_tiles = true")
    (tmp_path / "layers.toml").write_text(config)
    with Gunicorn({"WEB_CONCURRENCY": "1"}, config) as server:
        with rasterio.open(source) as dataset:
            side = dataset.profile["blockxsize"]
            west, north = dataset.transform * (side + 1, 1)
            east, south = dataset.transform * (dataset.width - 1, side - 1)
        words = ("--grid", "native", "--url", server.url, f"--bbox={west},{south},{east},{north}")
        done = rawcog("warm", "a", *words, RAWCOG_CONFIG=f"{tmp_path}/layers.toml")
        assert (done.returncode, done.stderr) == (0, "")
        wait_until(lambda: server.log().count("layer=a@") == 2)
        paths = re.findall(r"layer=a@\S+ tile=(native/[0-9/]+)", server.log())
        assert sorted(paths) == ["native/0/0/0", "native/1/1/0"], "the upper right one of 2 x 2, and the overview"
    done = rawcog("warm", "a", "--zooms", "2", "--grid", "native", RAWCOG_CONFIG=f"{tmp_path}/layers.toml")
    assert done.stderr == "Error: no tile in the zooms 2 to 2: the file has 0 to 1\n"
    done = rawcog("warm", "a", RAWCOG_CONFIG=f"{tmp_path}/layers.toml")
    assert "not aligned" in done.stderr
    assert done.stderr.endswith("; --grid native warms the tiles of the file's own grid\n")


def test_what_no_cache_would_keep_is_refused(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "layers.toml").write_text(layer("a", tmp_path / "a.tif"))
    environment = {"RAWCOG_CONFIG": f"{tmp_path}/layers.toml"}
    done = rawcog("warm", "a", **environment)
    assert (done.returncode, done.stderr) == (
        1, "Error: no cache that workers share: set REDIS_URL, or give the --url of a running server\n"
    )  # fmt: skip
    done = rawcog("warm", "a", REDIS_URL="redis://127.0.0.1:1/0", **environment)
    assert (done.returncode, done.stderr) == (1, "Error: layer 'a': its tiles are in no shared cache (cache_tiles)\n")
    done = rawcog("warm", "a", "--url", "tiles.example.com", **environment)
    assert done.returncode == 2
    assert "found 'tiles.example.com', wanted a URL that begins with http:// or https://" in done.stderr
    done = rawcog("warm", "b", **environment)
    assert done.stderr == f"Error: b: no such file, and no such layer in {tmp_path}/layers.toml\n"
