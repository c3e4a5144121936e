"""The gs source: what it asks of Google's XML API, with HMAC keys, with tokens by Google's own package, and without."""

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from random import Random
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from cogread.byterange import ByteRange
from cogread.errors import SourceError, SourceForbidden
from cogread.sources import SourceOptions, open_source
from cogread.sources.protocol import PresigningSource
from cogread.sources.token import _TOKENS
from tests.support.faults import Status
from tests.support.origin import Origin, Request

DATA = Random(4).randbytes(10_000)
KEY, SECRET, TOKEN = "GOOG1EXAMPLE", "hush-secret", "hush-token"
URI = "gs://imagery/ä/a b+c.tif"
PATH = "/imagery/%C3%A4/a%20b%2Bc.tif"
METADATA = "/computeMetadata/v1/instance/service-accounts/default"


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, origin: Origin) -> Iterator[None]:
    """Without credentials of this machine; the metadata server is the origin."""
    for name in list(os.environ):
        if name.startswith(("GOOGLE_", "GS_", "GCE_", "CLOUDSDK_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("CLOUDSDK_CONFIG", "/nowhere")
    for name in ("GCE_METADATA_HOST", "GCE_METADATA_IP", "GCE_METADATA_ROOT"):
        monkeypatch.setenv(name, origin.host)
    _TOKENS["gs"].forget()
    yield
    _TOKENS["gs"].forget()


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin() as running:
        running.put("/imagery/ä/a b+c.tif", DATA)
        yield running


def read(options: SourceOptions, uri: str = URI) -> bytes:
    source = open_source(uri, options)
    try:
        return source.read(ByteRange(100, 2000)).data
    finally:
        source.close()


def keys(origin: Origin, **others: Any) -> SourceOptions:
    return SourceOptions(endpoint_url=origin.url, access_key_id=KEY, secret_access_key=SECRET, **others)


def asked(origin: Origin) -> list[Request]:
    return [request for request in origin.requests if request.path.startswith("/imagery/")]


def serve_tokens(origin: Origin) -> None:
    """Be the metadata server of a machine at Google; the tokens are numbered."""
    google = {"Metadata-Flavor": "Google", "Content-Type": "application/json"}

    def reply(value: object) -> Status:
        return Status(200, google, json.dumps(value).encode())

    origin.fail("/", Status(200, google), times=9)
    origin.fail("/computeMetadata/v1/project/project-id", Status(200, google, b"field"), times=9)
    account = {"aliases": ["default"], "email": "a@field.example", "scopes": ["all"]}
    origin.fail(f"{METADATA}/", reply(account), times=9)
    for number in range(9):
        token = {"access_token": f"{TOKEN}-{number}", "expires_in": 3600, "token_type": "Bearer"}
        for path in (f"{METADATA}/token", "/computeMetadata/v1/instance/service-accounts/a@field.example/token"):
            origin.fail(path, reply(token))


@pytest.mark.parametrize("project", [None, "field-1"])
def test_hmac_keys_sign_as_botocore_does(origin: Origin, project: str | None) -> None:
    assert read(keys(origin, user_project=project)) == DATA[100:2000]
    (request,) = origin.requests
    assert request.path == PATH + ("" if project is None else f"?userProject={project}")
    signed = request.headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    theirs = AWSRequest("GET", f"{origin.url}{request.path}", headers={n: request.headers[n] for n in signed[1:]})
    theirs.context["timestamp"] = request.headers["x-amz-date"]
    auth = S3SigV4Auth(Credentials(KEY, SECRET), "s3", "auto")
    text = auth.string_to_sign(theirs, auth.canonical_request(theirs))
    assert request.headers["authorization"].endswith(f"Signature={auth.signature(text, theirs)}")


def test_hmac_keys_sign_urls(origin: Origin) -> None:
    source: PresigningSource = open_source(URI, keys(origin, user_project="field-1"))  # type: ignore[assignment]
    place = urlsplit(source.presigned_url(60))
    query = parse_qs(place.query)
    assert f"{place.scheme}://{place.netloc}{place.path}" == f"{origin.url}{PATH}"
    assert (query["userProject"], query["X-Amz-Expires"]) == (["field-1"], ["60"])
    assert "/auto/s3/aws4_request" in query["X-Amz-Credential"][0]


def test_public_buckets_get_no_credentials(origin: Origin, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password hush\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert read(replace(keys(origin), anonymous=True)) == DATA[100:2000]
    assert "authorization" not in origin.requests[0].headers


def test_a_token_of_the_settings(origin: Origin) -> None:
    assert read(SourceOptions(endpoint_url=origin.url, bearer_token=TOKEN)) == DATA[100:2000]
    assert origin.requests[0].headers["authorization"] == f"Bearer {TOKEN}"
    source: PresigningSource = open_source(  # type: ignore[assignment]
        URI, SourceOptions(endpoint_url=origin.url, bearer_token=TOKEN)
    )
    with pytest.raises(SourceForbidden, match="a token signs no URLs"):
        source.presigned_url(60)


def test_threads_and_sources_share_a_token_of_the_machine(origin: Origin) -> None:
    serve_tokens(origin)
    options = SourceOptions(endpoint_url=origin.url)
    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(lambda _: read(options), range(64))) == {DATA[100:2000]}
    sent = {request.headers["authorization"] for request in asked(origin)}
    assert len(sent) == 1
    assert sent.pop().startswith(f"Bearer {TOKEN}-")
    assert len([request for request in origin.requests if request.path.partition("?")[0].endswith("/token")]) == 1


def test_a_machine_without_identity(origin: Origin, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    path = tmp_path / "key.json"
    path.write_text('{"type": "hush"}')
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    with pytest.raises(SourceForbidden, match="the machine has none") as caught:
        read(SourceOptions(endpoint_url=origin.url))
    assert "hush" not in str(caught.value)
    assert not asked(origin)


def test_a_missing_package_is_named(origin: Origin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "google.auth", None)
    with pytest.raises(SourceForbidden, match=r"gs://imagery/.*install rawcog\[gs\]"):
        read(SourceOptions(endpoint_url=origin.url))


def test_half_of_a_key(origin: Origin) -> None:
    with pytest.raises(SourceForbidden, match="half of a key is set"):
        read(replace(keys(origin), secret_access_key=None))


@pytest.mark.parametrize(
    ("status", "code"), [(403, "SignatureDoesNotMatch"), (403, "AccessDenied"), (400, "UserProjectMissing")]
)
def test_refusals_name_their_cause(origin: Origin, status: int, code: str) -> None:
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Details>hush</Details></Error>".encode()
    origin.fail("/imagery/ä/a b+c.tif", Status(status, {}, body))
    with pytest.raises(SourceForbidden, match=rf"the store refuses us \(status {status}, {code}\)$") as caught:
        read(keys(origin))
    assert "hush" not in str(caught.value)
    assert len(origin.requests) == 1


def test_a_wrong_clock_is_named(origin: Origin) -> None:
    dated = {"Date": "Sat, 01 Jan 2000 00:00:00 GMT"}
    origin.fail("/imagery/ä/a b+c.tif", Status(403, dated, b"<Error><Code>RequestTimeTooSkewed</Code></Error>"))
    with pytest.raises(SourceForbidden, match=r"RequestTimeTooSkewed\); the clock of this machine is off by \d+ s"):
        read(keys(origin))


@pytest.mark.parametrize("endpoint_url", ["nonsense", "http://", "ftp://127.0.0.1/"])
def test_an_endpoint_that_cannot_be(endpoint_url: str) -> None:
    with pytest.raises(SourceError, match=r"gs://imagery/"):
        read(SourceOptions(endpoint_url=endpoint_url, anonymous=True))
