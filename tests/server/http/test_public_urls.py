"""The beginning of URLs in documents, behind proxies and in front of clients that lie."""

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from server.http.errors import BadRequest
from server.http.public_urls import PublicUrls
from tests.support.app import client, layer, settings
from tests.support.tiffs import gdal_tiff

FORWARDED = {
    "HTTP_X_FORWARDED_PROTO": "https",
    "HTTP_X_FORWARDED_HOST": "tiles.example.com",
    "HTTP_X_FORWARDED_PREFIX": "/maps/",
}


def environ(**more: str) -> dict[str, str]:
    usual = {"wsgi.url_scheme": "http", "HTTP_HOST": "10.1.2.3:8000", "REMOTE_ADDR": "10.9.9.9"}
    return {**usual, "SERVER_NAME": "127.0.0.1", "SERVER_PORT": "8000", "SCRIPT_NAME": "", **more}


def public_urls(folder: Path, server: str) -> PublicUrls:
    return settings(folder, f"[server]\n{server}\n").public_urls


def test_without_a_proxy_it_is_what_the_client_asked() -> None:
    asked = environ(**FORWARDED)
    assert (PublicUrls().base_url(asked), PublicUrls().link_prefix(asked)) == ("http://10.1.2.3:8000", "")


@pytest.mark.parametrize("trusted", ["1", "['10.0.0.0/8', '::1']"])
def test_a_trusted_proxy_is_believed(trusted: str, tmp_path: Path) -> None:
    urls = public_urls(tmp_path, f"trusted_proxies = {trusted}")
    assert urls.base_url(environ(**FORWARDED)) == "https://tiles.example.com/maps"
    assert urls.link_prefix(environ(**FORWARDED)) == "/maps"
    assert urls.base_url(environ()) == "http://10.1.2.3:8000"


@pytest.mark.parametrize("address", ["192.168.0.1", "::1", "", "unix:"])
def test_one_elsewhere_is_not(address: str, tmp_path: Path) -> None:
    urls = public_urls(tmp_path, "trusted_proxies = ['10.0.0.0/8']")
    assert urls.base_url(environ(**FORWARDED, REMOTE_ADDR=address)) == "http://10.1.2.3:8000"


@pytest.mark.parametrize(
    ("proxies", "host"), [(1, "nearest.example"), (2, "middle.example"), (3, "forged.example"), (9, "forged.example")]
)
def test_what_a_client_wrote_before_the_proxies_did_is_passed_over(proxies: int, host: str) -> None:
    asked = environ(HTTP_X_FORWARDED_HOST="forged.example, middle.example,nearest.example")
    assert PublicUrls(trusted=proxies).base_url(asked) == f"http://{host}"


def test_the_public_url_wins(tmp_path: Path) -> None:
    urls = public_urls(tmp_path, "public_url = 'https://a.example/b/'\ntrusted_proxies = 1")
    assert urls.base_url(environ(**FORWARDED)) == urls.link_prefix(environ(**FORWARDED)) == "https://a.example/b"


@pytest.mark.parametrize(
    "host", ["a b", "a/b", 'a"><script>', "a.example@evil.example", "a:b", "a:1:2", "[::1", "é.example", "a" * 300]
)
def test_a_host_that_is_none_is_refused(host: str) -> None:
    with pytest.raises(BadRequest):
        PublicUrls().base_url(environ(HTTP_HOST=host))
    with pytest.raises(BadRequest):
        PublicUrls(trusted=1).base_url(environ(HTTP_X_FORWARDED_HOST=host))


@pytest.mark.parametrize("host", ["localhost", "a-b.example:80", "[::1]:8000", "192.168.0.1", "under_score.internal"])
def test_a_usual_host_is_not(host: str) -> None:
    assert PublicUrls().base_url(environ(HTTP_HOST=host)) == f"http://{host}"


def test_a_client_without_a_host_gets_the_servers_own_address() -> None:
    assert PublicUrls().base_url(environ(HTTP_HOST="")) == "http://127.0.0.1:8000"


@pytest.mark.parametrize("prefix", ["maps", "/a b", "//evil.example", "/a/../b", "/.", "/a\nb", "/" + "a/" * 50, '/"'])
def test_a_prefix_that_is_no_path_is_passed_over(prefix: str) -> None:
    assert PublicUrls(trusted=1).link_prefix(environ(HTTP_X_FORWARDED_PREFIX=prefix)) == ""


@pytest.fixture
def app(tmp_path: Path) -> FlaskClient:
    (tmp_path / "a.tif").write_bytes(gdal_tiff("jpeg-ycbcr"))
    return client(tmp_path, "[server]\ntrusted_proxies = 1\n" + layer("a", "a.tif"))


def test_links_and_redirections_stay_below_the_proxys_path(app: FlaskClient) -> None:
    headers = {"X-Forwarded-Prefix": "/maps"}
    about = app.get("/layers/a", headers=headers).get_json()
    assert all(link["href"].startswith("/maps/") for link in about["links"])
    for path in ("/layers/a@0", "/layers/a@0/tiles/native/0/0/0.jpg"):
        assert app.get(path, headers=headers).headers["Location"] == f"/maps{path.replace('@0', '')}"


def test_a_prefix_that_a_client_wrote_is_in_no_document_that_caches_share_for_a_year(app: FlaskClient) -> None:
    """There are proxies that hand it on."""
    version = app.get("/layers/a").get_json()["version"]
    policy = app.get(f"/layers/a@{version}", headers={"X-Forwarded-Prefix": "/evil"}).headers["Cache-Control"]
    assert policy == "private, max-age=31536000, immutable"


def test_a_forged_host_gets_into_no_document(app: FlaskClient) -> None:
    for path in ("/?f=html", "/layers", "/layers/a", "/layers/a@0"):
        reply = app.get(path, headers={"Host": "evil.example"})
        assert "evil.example" not in reply.text + str(reply.headers)


def test_a_document_with_whole_urls_is_for_the_client_that_named_the_host(app: FlaskClient, tmp_path: Path) -> None:
    """So that one that is forged never gets into a shared cache; with a `public_url` there is nothing to forge."""
    fixed = client(tmp_path, "[server]\npublic_url = 'https://tiles.example.com/maps/'\n" + layer("a", "a.tif"))
    for path in ("/", "/api", "/collections", "/collections/a", "/collections/a/map/tiles/native", "/tileMatrixSets"):
        reply = app.get(path, headers={"Host": "evil.example"})
        assert (reply.status_code, reply.headers["Cache-Control"]) == (200, "private, no-cache")
        reply = fixed.get(path, headers={"Host": "evil.example"})
        assert (reply.status_code, reply.headers["Cache-Control"]) == (200, "no-cache")
        assert "evil.example" not in reply.text
        assert "https://tiles.example.com/maps" in reply.text
