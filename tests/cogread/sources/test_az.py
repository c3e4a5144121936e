"""The az source: each way of authorization at an account that refuses what Azure refuses."""

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from random import Random
from urllib.parse import parse_qs, urlsplit

import pytest

from cogread.byterange import ByteRange
from cogread.errors import SourceError, SourceForbidden, SourceNotFound, SourceProtocolError, SourceUnreachable
from cogread.sources import SourceOptions, SourceUri, open_source, parse_uri
from cogread.sources.listing import list_keys
from cogread.sources.protocol import PresigningSource
from cogread.sources.token import _TOKENS
from tests.support.azure import ACCOUNT, KEY, SAS, TOKEN, Blobs, is_signed_by_azure
from tests.support.faults import Status
from tests.support.origin import Origin
from tests.support.wait import wait_until

DATA = Random(4).randbytes(10_000)
ODD_NAMES = ["a b.tif", "a+b.tif", "a%20b.tif", "ä/日本.tif", "x~*'()!$&,;=:@.tif", "a?b#c.tif", "a//b.tif"]


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in list(os.environ):
        if name.startswith(("AZURE_", "IDENTITY_", "MSI_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    _TOKENS["az"].forget()
    yield
    _TOKENS["az"].forget()


def page(name: str, marker: str) -> bytes:
    """A page of a list, as Azure sends it, with a byte order mark."""
    blobs = f"<Blobs><Blob>{name}<Properties /></Blob></Blobs><NextMarker>{marker}</NextMarker>"
    return f"\ufeff<?xml version='1.0'?><EnumerationResults>{blobs}</EnumerationResults>".encode()


def read(uri: str, options: SourceOptions) -> bytes:
    source = open_source(uri, options)
    try:
        return source.read(ByteRange(100, 2000), source.version()).data
    finally:
        source.close()


@pytest.mark.parametrize("name", ODD_NAMES)
def test_the_key_of_the_account_signs_names_of_all_kinds(blobs: Blobs, name: str) -> None:
    assert read(blobs.store("imagery", name, DATA), blobs.options) == DATA[100:2000]
    assert read(f"az://imagery/{name}", replace(blobs.options, access_key=None, sas_token=SAS)) == DATA[100:2000]


def test_lists_have_the_names_of_all_pages(blobs: Blobs) -> None:
    for name in [*ODD_NAMES, "other.tif"]:
        blobs.store("imagery", f"+ (1)/{name}", b"x")
    blobs.store("imagery", "a.tif", b"x")
    for options in (blobs.options, replace(blobs.options, access_key=None, sas_token=f"?{SAS}")):
        pages = list(list_keys(parse_uri("az://imagery/+ (1)/"), options))
        names = {f"+ (1)/{name}" for name in [*ODD_NAMES, "other.tif"]}
        assert {name for page in pages for name in page} == names
        everything = [name for page in list_keys(SourceUri("az", "az://imagery/"), options) for name in page]
        assert len(everything) == len(names) + 1
        assert len(pages) > 1


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (page('<Name Encoded="true">a%EF%BF%BE.tif</Name>', ""), ["a\ufffe.tif"]),
        (page("<Name>a%20b.tif</Name>", ""), ["a%20b.tif"]),
        (page("<Name>a.tif</Name>", "2!3"), "a page of the list that does not go on"),
        (b"<html>hush", "the reply is no list of a bucket"),
        (b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY hush 'x'>]><EnumerationResults/>", "is no list of a bucket"),
    ],
)
def test_a_page_of_a_list(body: bytes, wanted: list[str] | str, blobs: Blobs) -> None:
    blobs.fail(f"/{ACCOUNT}/imagery", Status(200, {}, body), times=9)
    keys = list_keys(parse_uri("az://imagery/a"), blobs.options)
    if isinstance(wanted, list):
        assert list(keys) == [wanted]
    else:
        with pytest.raises(SourceProtocolError, match=wanted) as caught:
            list(keys)
        assert "hush" not in str(caught.value)


def test_public_containers_and_tokens(blobs: Blobs) -> None:
    public = blobs.store(Blobs.public, "a.tif", DATA)
    assert read(public, replace(blobs.options, anonymous=True)) == DATA[100:2000]
    assert "authorization" not in blobs.requests[-1].headers
    private = blobs.store("imagery", "a.tif", DATA)
    assert read(private, replace(blobs.options, bearer_token=TOKEN)) == DATA[100:2000]
    with pytest.raises(SourceForbidden, match="AuthenticationFailed"):
        read(private, replace(blobs.options, anonymous=True))


def test_the_identity_of_the_machine(blobs: Blobs, origin: Origin, monkeypatch: pytest.MonkeyPatch) -> None:
    """By Microsoft's package, from the endpoint that App Service gives its programs."""
    uri = blobs.store("imagery", "a.tif", DATA)
    options = replace(blobs.options, access_key=None)
    token = {"access_token": TOKEN, "expires_on": "4102444800", "resource": "r", "token_type": "Bearer"}
    origin.fail("/token", Status(200, {"Content-Type": "application/json"}, json.dumps(token).encode()), times=9)
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{origin.url}/token")
    monkeypatch.setenv("IDENTITY_HEADER", "header")
    for _ in range(3):
        assert read(uri, options) == DATA[100:2000]
    (request,) = origin.requests
    assert parse_qs(urlsplit(request.path).query)["resource"] == ["https://storage.azure.com"]
    monkeypatch.setattr("cogread.sources.token._AGAIN_S", 0.0)
    blobs.fail(f"/{ACCOUNT}/imagery/a.tif", Status(401, {"x-ms-error-code": "InvalidAuthenticationInfo"}))
    with pytest.raises(SourceForbidden, match="InvalidAuthenticationInfo"):
        read(uri, options)
    wait_until(lambda: len(origin.requests) == 2)
    assert read(uri, options) == DATA[100:2000]
    monkeypatch.setitem(sys.modules, "azure.identity", None)
    _TOKENS["az"].forget()
    with pytest.raises(SourceForbidden, match=r"az://imagery/a\.tif: .*install rawcog\[az\]"):
        read(uri, options)


def test_signed_urls_are_those_of_microsofts_client(blobs: Blobs) -> None:
    source: PresigningSource = open_source(  # type: ignore[assignment]
        blobs.store("imagery", "ä/a b.tif", DATA), blobs.options
    )
    url = source.presigned_url(60)
    assert url.startswith(f"{blobs.endpoint}/imagery/%C3%A4/a%20b.tif?")
    assert is_signed_by_azure(url.removeprefix(blobs.url))
    assert not is_signed_by_azure(url.removeprefix(blobs.url).replace("a%20b", "c"))
    for options in (replace(blobs.options, access_key=None, sas_token=SAS), replace(blobs.options, bearer_token=TOKEN)):
        unable: PresigningSource = open_source("az://imagery/ä/a b.tif", options)  # type: ignore[assignment]
        with pytest.raises(SourceForbidden, match="only the key of the account signs URLs"):
            unable.presigned_url(60)


def test_the_second_region_of_an_account_is_signed_for_by_the_name_of_the_account(blobs: Blobs) -> None:
    uri = blobs.store("imagery", "a.tif", DATA)
    assert read(uri, replace(blobs.options, account=f"{ACCOUNT}-secondary")) == DATA[100:2000]


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (403, "AuthenticationFailed", SourceForbidden),
        (403, "AuthorizationPermissionMismatch", SourceForbidden),
        (409, "PublicAccessNotPermitted", SourceForbidden),
        (404, "ContainerNotFound", SourceNotFound),
    ],
)
def test_refusals_name_their_cause_and_no_secret(blobs: Blobs, status: int, code: str, kind: type[SourceError]) -> None:
    uri = blobs.store("imagery", "a.tif", DATA)
    blobs.fail(f"/{ACCOUNT}/imagery/a.tif", Status(status, {"x-ms-error-code": code}, b"hush"))
    with pytest.raises(kind, match=rf"^az://imagery/a\.tif: .*{status}") as caught:
        read(uri, replace(blobs.options, access_key=None, sas_token=SAS))
    assert "hush" not in f"{caught.value!r}"
    assert kind is not SourceForbidden or code in str(caught.value)


@pytest.mark.parametrize(
    ("options", "kind", "reason"),
    [
        (SourceOptions(), SourceForbidden, "found no account, wanted the name of a storage account"),
        (SourceOptions(account="a/b.example"), SourceForbidden, "found the account 'a/b.example'"),
        (SourceOptions(account="https://b.example?sv=1&sig=hush"), SourceForbidden, "found the account 'https://b"),
        (SourceOptions(account=ACCOUNT, access_key="hush!"), SourceForbidden, "is not the base64 that Azure shows"),
        (SourceOptions(endpoint_url="http://127.0.0.1:1", access_key=KEY), SourceForbidden, "found no account"),
        (
            SourceOptions(endpoint_url="https://none.invalid", account=ACCOUNT, access_key=KEY),
            SourceUnreachable,
            "the host name 'none.invalid' is unknown",
        ),
    ],
)
def test_accounts_that_cannot_be(options: SourceOptions, kind: type[SourceError], reason: str) -> None:
    with pytest.raises(kind, match=reason) as caught:
        read("az://imagery/a.tif", options)
    assert "hush" not in str(caught.value)
