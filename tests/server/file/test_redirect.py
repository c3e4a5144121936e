"""`file = "redirect"`: the client gets the right to read, and the bucket sends the bytes."""

from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from server.access.signature import signed_query
from server.settings.load import ConfigError
from tests.support.app import client, layer, problem, settings
from tests.support.azure import KEY, SAS, Blobs
from tests.support.s3 import KEYS, running_store, source_table
from tests.support.tiffs import gdal_tiff

FILE: Final = gdal_tiff("jpeg-ycbcr")
URL: Final = "/layers/a/cog.tif"
AZURE: Final = """
[sources.store]
type = "az"
endpoint_url = "{}"
account = "fieldwork"
{} = "SAS"
"""
AZURE_KEYS: Final = {"SAS": KEY}
REDIRECT: Final = "source = 'store'\nfile = 'redirect'"


def test_the_bucket_sends_the_bytes(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with running_store() as store:
        app = client(tmp_path, source_table(store.endpoint_url) + layer("a", store.put("a.tif", FILE), REDIRECT), KEYS)
        reply = app.get(URL, headers={"Range": "bytes=5-9"})
        location = reply.headers["Location"]
        assert (reply.status_code, reply.headers["Cache-Control"], reply.data) == (302, "no-store", b"")
        assert reply.headers["Access-Control-Allow-Origin"] == "*"
        assert location.startswith(f"{store.endpoint_url}/imagery/a.tif?")
        query = parse_qs(urlsplit(location).query)
        assert (query["X-Amz-Expires"], query["X-Amz-SignedHeaders"]) == (["3600"], ["host"])
        part = requests.get(location, headers={"Range": "bytes=5-9"}, timeout=10)
        assert (part.status_code, part.content) == (206, FILE[5:10])
        version = app.get("/layers/a").get_json()["version"]
        assert app.head(f"/layers/a@{version}/cog.tif").headers["Location"].startswith(store.endpoint_url)
        _ = store.put("a.tif", FILE + b"x")
        anew = client(tmp_path, source_table(store.endpoint_url) + layer("a", "s3://imagery/a.tif", REDIRECT), KEYS)
        assert anew.get(f"/layers/a@{version}/cog.tif").headers["Location"] == URL
        _ = store.client.delete_object(Bucket=store.bucket, Key="a.tif")
        gone = client(tmp_path, source_table(store.endpoint_url) + layer("a", "s3://imagery/a.tif", REDIRECT), KEYS)
        _ = problem(gone.get(URL), 404)
    assert "X-Amz" not in "".join(capfd.readouterr())


def test_the_url_of_the_bucket_ends_with_the_signature(tmp_path: Path) -> None:
    key = "k" * 32
    with running_store() as store:
        table = layer("a", store.put("a.tif", FILE), f"{REDIRECT}\naccess = 'signed'")
        app = client(tmp_path, source_table(store.endpoint_url) + table, {**KEYS, "RAWCOG_SIGNING_KEYS": key})
        location = app.get(f"{URL}?{signed_query(key.encode(), 'a', 60)}").headers["Location"]
        assert 1 <= int(parse_qs(urlsplit(location).query)["X-Amz-Expires"][0]) <= 120


def test_google_sends_the_bytes_with_hmac_keys(tmp_path: Path) -> None:
    with running_store() as store:
        uri = store.put("a.tif", FILE).replace("s3:", "gs:")
        source = source_table(store.endpoint_url).replace('"s3"', '"gs"').replace('region = "us-east-1"\n', "")
        location = client(tmp_path, source + layer("a", uri, REDIRECT), KEYS).get(URL).headers["Location"]
        assert requests.get(location, headers={"Range": "bytes=5-9"}, timeout=10).content == FILE[5:10]


def test_azure_sends_the_bytes_with_the_key_of_the_account(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with Blobs() as blobs:
        uri = blobs.store("imagery", "ä/a b.tif", FILE)
        app = client(tmp_path, AZURE.format(blobs.endpoint, "access_key_env") + layer("a", uri, REDIRECT), AZURE_KEYS)
        location = app.get(URL).headers["Location"]
        assert requests.get(location, headers={"Range": "bytes=5-9"}, timeout=10).content == FILE[5:10]
        secret = parse_qs(urlsplit(location).query)["sig"][0]
        assert secret not in "".join(capfd.readouterr())
        other = location.replace("a%20b.tif", "b.tif")
        assert requests.get(other, timeout=10).status_code == 403


@pytest.mark.parametrize(
    ("source", "uri"),
    [
        ("[sources.store]\ntype = 'gs'\nbearer_token_env = 'SAS'\n", "gs://imagery/a.tif"),
        ("[sources.store]\ntype = 'gs'\n", "gs://imagery/a.tif"),
        (AZURE.format("http://127.0.0.1", "sas_token_env"), "az://imagery/a.tif"),
    ],
)
def test_a_token_signs_no_urls(source: str, uri: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"layers\.a\.file: found 'redirect', .* as no key signs its URLs"):
        _ = settings(tmp_path, source + layer("a", uri, REDIRECT), {"SAS": SAS})


@pytest.mark.parametrize("uri", ["a.tif", "http://127.0.0.1/a.tif"])
def test_only_buckets_have_such_urls(uri: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"layers\.a\.file: found 'redirect', wanted true or false"):
        _ = settings(tmp_path, layer("a", uri, "file = 'redirect'"))


def test_the_key_takes_nothing_else(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"layers\.a\.file: found 'proxy', wanted true or false or 'redirect'"):
        _ = settings(tmp_path, layer("a", "a.tif", "file = 'proxy'"))
