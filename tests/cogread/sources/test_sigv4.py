"""Signatures for S3, beside those of botocore at the same instant."""

from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlsplit

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials

from cogread.sources.sigv4 import sign, sign_query

RANGE = {"Range": "bytes=100-1999"}
KEYS = ReadOnlyCredentials("AKIDEXAMPLE", "hush", None)
ROLE = ReadOnlyCredentials("ASIAEXAMPLE", "hush-too", "hush/token==")


@pytest.mark.parametrize("credentials", [KEYS, ROLE], ids=["keys", "role"])
@pytest.mark.parametrize(
    ("url", "headers", "region"),
    [
        ("https://imagery.s3.eu-central-1.amazonaws.com/a%20b/%C3%A4.tif", RANGE, "eu-central-1"),
        ("https://IMAGERY.example:443/a//b/../c.tif", {**RANGE, "If-Match": '"a  b"'}, "eu-central-1"),
        ("http://store:80/imagery/a~b.tif", {**RANGE, "x-amz-request-payer": "requester"}, "us-east-1"),
        ("http://127.0.0.1:9000/imagery/a.tif", {"If-None-Match": '"a"'}, ""),
        ("http://[::1]:9000/imagery/a.tif", RANGE, "us-east-1"),
        ("https://store/imagery?list-type=2&prefix=a%2Fb&start-after=&encoding-type=url", {}, "us-west-2"),
        ("https://store/imagery?a-b=2&a=1&versioning&a=0&a=", RANGE, "us-west-2"),
    ],
)
def test_are_those_of_botocore(
    url: str, headers: dict[str, str], region: str, credentials: ReadOnlyCredentials
) -> None:
    sent = sign(url, headers, credentials, region)
    authorization = sent.pop("Authorization")
    assert {name: sent[name] for name in headers} == headers
    theirs = AWSRequest("GET", url, headers=sent)
    theirs.context["timestamp"] = sent["X-Amz-Date"]
    auth = S3SigV4Auth(credentials, "s3", region)
    text = auth.string_to_sign(theirs, auth.canonical_request(theirs))
    names = auth.signed_headers(auth.headers_to_sign(theirs))
    wanted = f"Credential={auth.scope(theirs)}, SignedHeaders={names}, Signature={auth.signature(text, theirs)}"
    assert authorization == f"AWS4-HMAC-SHA256 {wanted}"
    assert sent.get("X-Amz-Security-Token") == credentials.token


@pytest.mark.parametrize("credentials", [KEYS, ROLE], ids=["keys", "role"])
@pytest.mark.parametrize("query", ["", "?x-amz-request-payer=requester", "?userProject=a%20b"])
def test_those_of_urls_are_those_of_botocore(
    query: str, credentials: ReadOnlyCredentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"https://imagery.example:9000/a%20b/~%C3%A4//c.tif{query}"
    signed = urlsplit(sign_query(url, credentials, "eu-central-1", 60))
    fields = dict(parse_qsl(signed.query))
    instant = datetime.strptime(fields["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: instant)
    theirs = AWSRequest("GET", url)
    S3SigV4QueryAuth(credentials, "s3", "eu-central-1", 60).add_auth(theirs)
    wanted = urlsplit(theirs.url)
    assert fields == dict(parse_qsl(wanted.query))
    assert signed[:3] == wanted[:3]
