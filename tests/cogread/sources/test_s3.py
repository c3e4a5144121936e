"""The s3 source: what it asks, on an origin of ours as the endpoint, and what it makes of S3's refusals."""

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import boto3
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from cogread.byterange import ByteRange
from cogread.deadline import Deadline
from cogread.errors import (
    SourceBusy,
    SourceError,
    SourceForbidden,
    SourceNotFound,
    SourceProtocolError,
    SourceTimeout,
)
from cogread.sources import SourceOptions, open_source
from cogread.sources.aws import Account, account_of
from tests.support import faults
from tests.support.faults import Status, WithHeaders
from tests.support.origin import Origin, Request
from tests.support.s3 import Store

DATA = Random(4).randbytes(10_000)
KEY, SECRET, TOKEN = "AKIDEXAMPLE", "hush-secret", "hush-token"
ODD_KEYS = [
    "a b.tif",
    "a+b.tif",
    "a%20b.tif",
    "ä/日本.tif",
    "x~*'()!$&,;=:@.tif",
    "a?b#c.tif",
    "a//b.tif",
    "a/../b/./c.tif",
]


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Only what a test says: no credentials, proxy or configuration of this machine, and no instance role."""
    for name in list(os.environ):
        if name.startswith("AWS_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin() as running:
        running.put("/imagery/a.tif", DATA)
        yield running


def options_of(origin: Origin, **others: Any) -> SourceOptions:
    keys = {"access_key_id": KEY, "secret_access_key": SECRET, "region": "eu-central-1"}
    return SourceOptions(**{"endpoint_url": origin.url, **keys, **others})


def read(options: SourceOptions, key: str = "a.tif") -> bytes:
    source = open_source(f"s3://imagery/{key}", options)
    try:
        return source.read(ByteRange(100, 2000)).data
    finally:
        source.close()


def code(status: int, name: str, extra: str = "") -> Status:
    return Status(status, body=f"<?xml?><Error><Code>{name}</Code>{extra}</Error>".encode())


def _plain_url_of(account: Account, bucket: str, key: str, url_of: Any = Account.url_of) -> str:
    """The object's URL without TLS."""
    return str(url_of(account, bucket, key)).replace("https://", "http://")


def signature_by_botocore(
    origin: Origin, request: Request, region: str = "eu-central-1", token: str | None = None
) -> str:
    """The signature that botocore gives the recorded request, at the instant that it names."""
    signed = request.headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    headers = {name: request.headers[name] for name in signed if name != "host"}
    theirs = AWSRequest("GET", f"{origin.url}{request.path}", headers=headers)
    theirs.context["timestamp"] = request.headers["x-amz-date"]
    auth = S3SigV4Auth(Credentials(KEY, SECRET, token), "s3", region)
    text = auth.string_to_sign(theirs, auth.canonical_request(theirs))
    return str(auth.signature(text, theirs))


class TestSigning:
    def test_the_signature_is_botocores(self, origin: Origin) -> None:
        assert read(options_of(origin, session_token=TOKEN, request_payer=True)) == DATA[100:2000]
        (request,) = origin.requests
        scope = f"{KEY}/{datetime.now(UTC):%Y%m%d}/eu-central-1/s3/aws4_request"
        authorization = request.headers["authorization"]
        assert authorization.startswith(f"AWS4-HMAC-SHA256 Credential={scope}, ")
        assert authorization.endswith(f"Signature={signature_by_botocore(origin, request, token=TOKEN)}")
        assert request.headers["x-amz-security-token"] == TOKEN
        assert request.headers["x-amz-request-payer"] == "requester"

    @pytest.mark.parametrize("key", ODD_KEYS)
    def test_odd_keys_are_asked_and_signed_as_boto3_spells_them(self, origin: Origin, key: str) -> None:
        origin.put(f"/imagery/{key}", DATA)
        assert read(options_of(origin), key) == DATA[100:2000]
        client = boto3.client(
            "s3",
            endpoint_url=origin.url,
            region_name="eu-central-1",
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
            config=Config(response_checksum_validation="when_required"),
        )
        with client.get_object(Bucket="imagery", Key=key, Range="bytes=100-1999")["Body"] as body:
            assert body.read() == DATA[100:2000]
        client.close()
        ours, theirs = origin.requests
        assert ours.path == theirs.path
        for request in (ours, theirs):
            assert request.headers["authorization"].endswith(signature_by_botocore(origin, request))

    def test_anonymous_requests_carry_nothing(self, origin: Origin) -> None:
        assert read(SourceOptions(endpoint_url=origin.url, anonymous=True)) == DATA[100:2000]
        assert not {name for name in origin.requests[0].headers if name.startswith("x-amz") or name == "authorization"}

    def test_netrc_is_not_asked(self, origin: Origin, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password hush\n")
        monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
        read(SourceOptions(endpoint_url=origin.url, anonymous=True, retries=5))
        assert "authorization" not in origin.requests[0].headers

    def test_if_match_carries_the_expected_etag(self, origin: Origin) -> None:
        source = open_source("s3://imagery/a.tif", options_of(origin))
        source.read(ByteRange(0, 9), expect=source.version())
        source.close()
        assert origin.requests[-1].headers["if-match"] == origin.resource("/imagery/a.tif").etag

    def test_profiles_of_the_configuration(self, origin: Origin, tmp_path: Path) -> None:
        (tmp_path / "credentials").write_text(f"[field]\naws_access_key_id={KEY}\naws_secret_access_key={SECRET}\n")
        (tmp_path / "config").write_text(f"[profile field]\nregion=ap-south-1\nendpoint_url={origin.url}\n")
        assert read(SourceOptions(profile="field")) == DATA[100:2000]
        (request,) = origin.requests
        assert request.headers["authorization"].endswith(signature_by_botocore(origin, request, "ap-south-1"))


class TestPlaces:
    @pytest.mark.parametrize(
        ("region", "virtual_hosting", "endpoint_url", "bucket"),
        [
            (None, None, None, "imagery"),
            ("eu-central-1", None, None, "imagery"),
            ("eu-central-1", False, None, "imagery"),
            ("eu-central-1", None, None, "ima.gery"),
            ("eu-central-1", None, "https://s3.example.com", "imagery"),
            ("eu-central-1", True, "https://s3.example.com", "imagery"),
            ("eu-central-1", True, "http://127.0.0.1:9000", "imagery"),
        ],
    )
    def test_are_those_of_boto3(
        self, region: str | None, virtual_hosting: bool | None, endpoint_url: str | None, bucket: str
    ) -> None:
        options = SourceOptions(
            region=region, virtual_hosting=virtual_hosting, endpoint_url=endpoint_url, anonymous=True
        )
        style = {None: {}, True: {"addressing_style": "virtual"}, False: {"addressing_style": "path"}}
        client = boto3.client(
            "s3",
            region_name=region,
            endpoint_url=endpoint_url,
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
            config=Config(s3=style[virtual_hosting], retries={"total_max_attempts": 1}),
        )
        asked: list[str] = []

        def stop(request: Any, **_: Any) -> None:
            asked.append(request.url)
            raise InterruptedError

        client.meta.events.register("before-send", stop)
        with pytest.raises(InterruptedError):
            client.get_object(Bucket=bucket, Key="a b.tif")
        client.close()
        assert account_of(options).url_of(bucket, "a b.tif") == asked[0]

    def test_style_is_seen_in_the_request(self, origin: Origin) -> None:
        read(options_of(origin))
        assert origin.requests[0].path == "/imagery/a.tif"

    @pytest.mark.parametrize(
        "told",
        [
            Status(301, {"x-amz-bucket-region": "eu-north-1"}),
            Status(400, {"x-amz-bucket-region": "eu-north-1"}),
            code(400, "AuthorizationHeaderMalformed", "<Region>eu-north-1</Region>"),
        ],
    )
    def test_a_wrong_region_is_mended_once_and_remembered(self, origin: Origin, told: Status) -> None:
        source = open_source("s3://imagery/a.tif", options_of(origin, retries=0))
        origin.fail("/imagery/a.tif", told)
        assert source.read(ByteRange(0, 100)).data == DATA[:100]
        assert source.read(ByteRange(0, 100)).data == DATA[:100]
        assert ["eu-north-1" in request.headers["authorization"] for request in origin.requests] == [False, True, True]
        origin.fail("/imagery/a.tif", Status(301, {"x-amz-bucket-region": "eu-north-1"}))
        with pytest.raises(SourceProtocolError):
            source.version()
        assert len(origin.requests) == 4
        source.close()

    @pytest.mark.parametrize("region", ["com", "cn-north-1", "us-iso-east-1", "s3"])
    def test_a_region_that_is_another_store_is_not_asked(
        self, origin: Origin, region: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """AWS's own endpoint, to which a proxy leads that answers in its place and would see the next requests."""
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "")
        monkeypatch.setenv("http_proxy", origin.url)
        monkeypatch.setattr(Account, "url_of", _plain_url_of)
        url = "http://imagery.s3.amazonaws.com/a.tif"
        origin.fail(url, Status(301, {"x-amz-bucket-region": region}))
        source = open_source("s3://imagery/a.tif", SourceOptions(anonymous=True, region="us-east-1"))
        with pytest.raises(SourceProtocolError, match="another store"):
            source.version()
        assert [request.path for request in origin.requests] == [url]

    @pytest.mark.parametrize("region", ["evil.example/", "a b", "../x", ""])
    def test_a_region_that_is_none_is_not_followed(self, origin: Origin, region: str) -> None:
        origin.fail("/imagery/a.tif", Status(301, {"x-amz-bucket-region": region}))
        with pytest.raises(SourceProtocolError):
            read(options_of(origin))
        assert len(origin.requests) == 1


class TestRefusals:
    @pytest.mark.parametrize(
        ("fault", "kind"),
        [
            (code(404, "NoSuchKey"), SourceNotFound),
            (code(404, "NoSuchBucket"), SourceNotFound),
            (code(403, "AccessDenied"), SourceForbidden),
            (code(403, "InvalidAccessKeyId"), SourceForbidden),
            (code(403, "SignatureDoesNotMatch"), SourceForbidden),
            (code(400, "ExpiredToken"), SourceForbidden),
            (code(400, "InvalidToken"), SourceForbidden),
            (code(400, "InvalidArgument"), SourceProtocolError),
            (Status(307, {"Location": "http://127.0.0.1:1/"}), SourceProtocolError),
            (faults.ignore_range, SourceProtocolError),
        ],
    )
    def test_are_final(self, origin: Origin, fault: Any, kind: type[SourceError]) -> None:
        origin.fail("/imagery/a.tif", fault)
        with pytest.raises(kind, match=r"s3://imagery/a\.tif: ") as caught:
            read(options_of(origin, session_token=TOKEN))
        assert len(origin.requests) == 1
        assert "hush" not in str(caught.value)

    def test_a_connection_that_leaves_http_is_not_used_again(self, origin: Origin) -> None:
        """The next reply may belong to the previous request, for another object."""
        source = open_source("s3://imagery/a.tif", options_of(origin))
        source.version()
        origin.fail("/imagery/a.tif", Status(101))
        with pytest.raises(SourceProtocolError, match="status 101"):
            source.version()
        source.version()
        source.close()
        assert origin.connections == 2

    def test_slow_down(self, origin: Origin) -> None:
        origin.fail("/imagery/a.tif", code(503, "SlowDown"), times=2)
        with pytest.raises(SourceBusy):
            read(options_of(origin))
        assert len(origin.requests) == 2

    def test_a_body_that_lies_about_the_range(self, origin: Origin) -> None:
        origin.fail("/imagery/a.tif", faults.shifted)
        assert read(options_of(origin)) == DATA[100:2000]

    def test_the_coding_of_an_upload_is_none(self, origin: Origin) -> None:
        """The SDKs of AWS send `aws-chunked`, and some stores keep it."""
        origin.fail("/imagery/a.tif", WithHeaders({"Content-Encoding": "aws-chunked"}))
        assert read(options_of(origin, retries=0)) == DATA[100:2000]

    def test_each_try_is_signed_anew(self, origin: Origin) -> None:
        origin.fail("/imagery/a.tif", Status(500))
        read(options_of(origin))
        for request in origin.requests:
            assert request.headers["authorization"].endswith(signature_by_botocore(origin, request))

    def test_no_credentials(self, origin: Origin) -> None:
        with pytest.raises(SourceForbidden, match="no AWS credentials"):
            read(SourceOptions(endpoint_url=origin.url))
        assert not origin.requests

    def test_a_provider_that_hangs_holds_up_only_who_asks_it(self, origin: Origin, tmp_path: Path) -> None:
        asked, answer = tmp_path / "asked", tmp_path / "answer"
        os.mkfifo(asked)
        os.mkfifo(answer)
        (tmp_path / "config").write_text(
            f"[profile slow]\ncredential_process=sh -c 'echo > {asked}; cat {answer}'\nregion=us-east-1\n"
        )
        slow = options_of(origin, access_key_id=None, secret_access_key=None, profile="slow")
        with ThreadPoolExecutor() as pool:
            first = pool.submit(read, slow)
            asked.read_text()
            try:
                with pytest.raises(SourceTimeout):
                    open_source("s3://imagery/a.tif", slow).read(ByteRange(0, 9), deadline=Deadline.after(0.05))
                assert read(options_of(origin, access_key_id="AKIAOTHER")) == DATA[100:2000]
            finally:
                answer.write_text(json.dumps({"Version": 1, "AccessKeyId": KEY, "SecretAccessKey": SECRET}))
            assert first.result() == DATA[100:2000]

    def test_unknown_profile(self, origin: Origin) -> None:
        with pytest.raises(SourceForbidden, match="ProfileNotFound"):
            read(SourceOptions(endpoint_url=origin.url, profile="nobody"))

    def test_half_of_a_key(self, origin: Origin) -> None:
        with pytest.raises(SourceForbidden):
            read(replace(options_of(origin), secret_access_key=None))

    @pytest.mark.parametrize("bucket", ["no_such_bucket!", "a"])
    def test_a_bucket_that_cannot_be(self, origin: Origin, bucket: str) -> None:
        with pytest.raises(SourceError, match="s3://"):
            open_source(f"s3://{bucket}/a.tif", options_of(origin)).version()

    @pytest.mark.parametrize("endpoint_url", ["nonsense", "http://", "ftp://127.0.0.1/"])
    def test_an_endpoint_that_cannot_be(self, endpoint_url: str) -> None:
        options = SourceOptions(endpoint_url=endpoint_url, anonymous=True)
        with pytest.raises(SourceError, match=r"s3://imagery/a\.tif: "):
            open_source("s3://imagery/a.tif", options).version()


class TestRealStore:
    def test_content_encodings_that_uploads_left_behind(self, store: Store) -> None:
        for coding, is_taken in (("utf-8", True), ("gzip", False)):
            uri = store.put("a.tif", DATA)
            store.client.put_object(Bucket=store.bucket, Key="a.tif", Body=DATA, ContentEncoding=coding)
            source = open_source(uri, store.options)
            if is_taken:
                assert source.read(ByteRange(5, 50)).data == DATA[5:50]
            else:
                with pytest.raises(SourceProtocolError, match="Content-Encoding 'gzip'"):
                    source.version()
            source.close()

    @pytest.mark.parametrize("key", ODD_KEYS)
    def test_odd_keys(self, store: Store, key: str) -> None:
        source = open_source(store.put(key, DATA), store.options)
        assert source.read(ByteRange(5, 50)).data == DATA[5:50]
        source.close()

    def test_missing_bucket(self, store: Store) -> None:
        source = open_source("s3://nobodys-bucket/a.tif", store.options)
        with pytest.raises(SourceNotFound):
            source.version()
        source.close()
