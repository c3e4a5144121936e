"""The caching tier of `config/nginx.conf`, in front of the real server."""

import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path

import pytest
import requests

from tests.support.app import ROOT, layer
from tests.support.gunicorn import Gunicorn, wait_for
from tests.support.nginx import Nginx, nginx_program
from tests.support.tiffs import gdal_tiff

TILE = "/layers/a/tiles/native/0/0/0.jpg"
FILE = gdal_tiff("jpeg-ycbcr") + bytes(range(256)) * 20_000
"""The file itself is of several slices."""
COG = "/layers/a/cog.tif"
SHORT = "/layers/short/tiles/native/0/0/0.jpg"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Gunicorn]:
    (tmp_path / "a.tif").write_bytes(FILE)
    config = (
        "[server]\nmetrics = true\n"
        + layer("a", tmp_path / "a.tif")
        + layer("short", tmp_path / "a.tif", "max_age_s = 1")
    )
    with Gunicorn({"WEB_CONCURRENCY": "1"}, config) as running:
        yield running


@pytest.fixture
def nginx(server: Gunicorn) -> Iterator[Nginx]:
    with Nginx(server.port) as running:
        yield running


def asked(server: Gunicorn, tile: str = "native/0/0/0.jpg") -> int:
    """Count the requests for tiles that reached the server itself."""
    return server.log().count(f"tile={tile}")


def test_the_file_is_valid_on_a_system_with_no_folder_of_its_own(tmp_path: Path) -> None:
    """Below the folders that the Filesystem Hierarchy Standard has."""
    for folder in ("var/cache", "run", "temp"):
        (tmp_path / folder).mkdir(parents=True)
    text = re.sub(r"(?<= )/(?=var/|run/)", f"{tmp_path}/", (ROOT / "config/nginx.conf").read_text())
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{kind}_temp_path {tmp_path}/temp/{kind};\n" for kind in kinds)  # else of the nginx package
    (tmp_path / "nginx.conf").write_text(text.replace("http {", f"http {{\n{temporary}", 1))
    command = [nginx_program(), "-t", "-e", "stderr", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")]
    checked = subprocess.run(command, check=False, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr


def test_a_tile_is_asked_for_once(nginx: Nginx, server: Gunicorn) -> None:
    own = requests.get(server.url + TILE, timeout=30)
    with ThreadPoolExecutor(16) as clients:
        replies = list(clients.map(lambda _: requests.get(nginx.url + TILE, timeout=30), range(64)))
    assert {reply.content for reply in replies} == {own.content}
    assert {reply.headers["ETag"] for reply in replies} == {own.headers["ETag"]}
    assert {reply.headers["Content-Type"] for reply in replies} == {"image/jpeg"}
    wait_for(lambda: asked(server) >= 2, "the log")
    assert asked(server) == 2
    assert requests.get(nginx.url + TILE, timeout=30).headers["X-Cache"] == "HIT"


def test_a_client_that_has_the_tile_is_told_so_without_us(nginx: Nginx, server: Gunicorn) -> None:
    etag = requests.get(nginx.url + TILE, timeout=30).headers["ETag"]
    reply = requests.get(nginx.url + TILE, headers={"If-None-Match": etag}, timeout=30)
    assert (reply.status_code, reply.content, reply.headers["X-Cache"]) == (304, b"", "HIT")


def test_a_part_of_a_tile_is_cut_from_the_one_that_is_kept(nginx: Nginx, server: Gunicorn) -> None:
    """Not kept as if it were the whole."""
    whole = requests.get(server.url + TILE, timeout=30)
    for _ in range(2):
        part = requests.get(nginx.url + TILE, headers={"Range": "bytes=5-14"}, timeout=30)
        assert (part.status_code, part.content) == (206, whole.content[5:15])
        assert part.headers["Content-Range"] == f"bytes 5-14/{len(whole.content)}"
    assert requests.get(nginx.url + TILE, timeout=30).content == whole.content
    assert part.headers["X-Cache"] == "HIT"


def test_ranges_of_the_file_itself_are_cut_from_slices_that_are_kept(
    nginx: Nginx, server: Gunicorn, tmp_path: Path
) -> None:
    head = requests.head(nginx.url + COG, timeout=30)
    assert (head.status_code, int(head.headers["Content-Length"])) == (200, len(FILE))
    assert head.headers["ETag"] == requests.head(server.url + COG, timeout=30).headers["ETag"]
    for start, stop in ((0, 16_384), (1_000_000, 3_500_000), (len(FILE) - 10, len(FILE))) * 2:
        part = requests.get(nginx.url + COG, headers={"Range": f"bytes={start}-{stop - 1}"}, timeout=30)
        assert (part.status_code, part.content == FILE[start:stop]) == (206, True)
        assert part.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{len(FILE)}"
        assert part.headers["Content-Type"].startswith("image/tiff")
    slices = len(FILE) // (1 << 20) + 1
    assert requests.get(nginx.url + COG, timeout=30).content == FILE
    wait_for(lambda: server.log().count(f"path={COG} status=206") == slices, "each slice once")


def test_slices_of_two_versions_never_meet(nginx: Nginx, tmp_path: Path) -> None:
    assert requests.get(nginx.url + COG, headers={"Range": "bytes=0-1"}, timeout=30).content == FILE[:2]
    (tmp_path / "a.tif").write_bytes(FILE[:1000] + FILE[::-1])
    with pytest.raises(requests.RequestException):  # nginx has the first slice of the old one
        _ = requests.get(nginx.url + COG, timeout=30).content


def test_urls_that_name_a_version_are_kept_and_redirections_are_not(nginx: Nginx) -> None:
    version = requests.get(f"{nginx.url}/layers/a", timeout=30).json()["version"]
    url = nginx.url + TILE.replace("/a/", f"/a@{version}/")
    replies = [requests.get(url, timeout=30) for _ in range(2)]
    assert [reply.headers["X-Cache"] for reply in replies] == ["MISS", "HIT"]
    assert "immutable" in replies[1].headers["Cache-Control"]
    old = nginx.url + TILE.replace("/a/", "/a@0/")
    led = [requests.get(old, timeout=30, allow_redirects=False) for _ in range(2)]
    assert [(reply.status_code, reply.headers["X-Cache"]) for reply in led] == [(302, "MISS")] * 2


def test_errors_are_not_kept(nginx: Nginx) -> None:
    for _ in range(2):
        reply = requests.get(nginx.url + TILE.replace("native/0", "native/99"), timeout=30)
        assert (reply.status_code, reply.headers["X-Cache"]) == (404, "MISS")


def test_an_old_tile_is_confirmed_not_sent_again(nginx: Nginx, server: Gunicorn) -> None:
    assert requests.get(nginx.url + SHORT, timeout=30).headers["X-Cache"] == "MISS"
    seen: set[str] = set()

    def is_confirmed() -> bool:
        seen.add(requests.get(nginx.url + SHORT, timeout=30).headers["X-Cache"])
        return "status=304" in server.log()

    wait_for(is_confirmed, "a 304 of the server")
    assert seen <= {"HIT", "STALE", "UPDATING", "REVALIDATED"}
    assert server.log().count("layer=short tile=native/0/0/0.jpg status=200") == 1


def test_tiles_outlive_the_server(nginx: Nginx, server: Gunicorn) -> None:
    body = requests.get(nginx.url + SHORT, timeout=30).content
    server.stop()

    def is_stale() -> bool:
        reply = requests.get(nginx.url + SHORT, timeout=30)
        assert (reply.status_code, reply.content) == (200, body)
        return reply.headers["X-Cache"] in ("STALE", "UPDATING")

    wait_for(is_stale, "a stale tile")


OUTSIDE = "127.0.0.2"
"""An address of this machine that the configuration does not allow."""


def test_metrics_stay_inside(nginx: Nginx) -> None:
    """In whatever spelling, as nginx passes the path on as it came."""
    assert "rawcog_workers" in requests.get(f"{nginx.url}/metrics", timeout=30).text
    for path in ("/metrics", "/metrics/", "//metrics", "/%6detrics", "/./metrics", "/a/../metrics", "/metrics?a=b"):
        connection = HTTPConnection("127.0.0.1", nginx.port, timeout=30, source_address=(OUTSIDE, 0))
        connection.request("GET", path)
        reply = connection.getresponse()
        assert reply.status == 403, path
        assert b"rawcog_" not in reply.read(), path
        connection.close()
    connection = HTTPConnection("127.0.0.1", nginx.port, timeout=30, source_address=(OUTSIDE, 0))
    connection.request("GET", TILE)
    assert connection.getresponse().status == 200
    connection.close()


def test_each_reply_has_the_identifier_of_its_own_request(nginx: Nginx, server: Gunicorn) -> None:
    """A cached one too; the one that reached the server is in its log."""
    ids = [requests.get(nginx.url + TILE, timeout=30).headers["X-Request-ID"] for _ in range(3)]
    assert len(set(ids)) == 3
    wait_for(lambda: f"request_id={ids[0]}" in server.log(), "the line of the first request")


@pytest.mark.parametrize("path", ["/", "/layers", "/layers/a", "/wmts/1.0.0/WMTSCapabilities.xml", "/api"])
def test_no_document_that_names_a_forged_host_is_kept(path: str, nginx: Nginx) -> None:
    requests.get(nginx.url + path, headers={"Host": "evil.example"}, timeout=30)
    assert "evil.example" not in requests.get(nginx.url + path, timeout=30).text
