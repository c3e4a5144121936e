"""Credentials that are nearly right, and what they must not open; collections and their members."""

import time
from base64 import b64encode
from pathlib import Path
from typing import Final

import pytest
from flask.testing import FlaskClient

from server import Assembly
from server.access.signature import signature_of, signed_query
from tests.support.app import ROOT, client, layer, settings

KEY: Final = "key-" + "k" * 40
SECRETS: Final = {"TEAM": "Team-" + "t" * 32, "WHOLE": "whole-" + "w" * 32}
ENVIRONMENT: Final = {**SECRETS, "RAWCOG_SIGNING_KEYS": KEY}
CONFIG: Final = f"""
[tokens.team]
env = "TEAM"
layers = ["secret", "sheets:val*"]
[tokens.whole]
env = "WHOLE"
layers = ["sheets:*"]
[collections.sheets]
uri = '{ROOT}/data/{{sheet}}.tif'
access = "signed"
[collections.tokens]
folder = '{ROOT}/data'
access = "token"
{layer("secret", ROOT / "data" / "valley.tif", "access = 'signed'")}
{layer("token", ROOT / "data" / "valley.tif", "access = 'token'")}
{layer("other", ROOT / "data" / "valley.tif", "access = 'signed'")}
"""
TILE: Final = "tiles/native/0/0/0.webp"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    return client(tmp_path_factory.mktemp("attacks"), CONFIG, ENVIRONMENT)


def status(app: FlaskClient, path: str, query: str = "", **headers: str) -> int:
    """The status of a GET with this query, as it is spelled."""
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return app.get(path, environ_overrides={"QUERY_STRING": query}, headers=fields).status_code


def bearer(name: str) -> str:
    return f"Bearer {SECRETS[name]}"


def basic(credentials: str) -> str:
    return f"Basic {b64encode(credentials.encode()).decode()}"


def test_a_signature_has_one_spelling(app: FlaskClient) -> None:
    path, query = f"/layers/secret/{TILE}", signed_query(KEY.encode(), "secret", 3600)
    expires, signature = (pair.partition("=")[2] for pair in query.split("&"))
    right = (query, f"signature={signature}&expires={expires}", f"a=b&{query}&c", f"{query}&")
    assert {status(app, path, each) for each in right for _ in range(2)} == {200}
    later = str(int(expires) + 1)
    wrong = {
        403: (
            f"expires={expires}&signature={signature[:-1]}",
            f"expires={expires}&signature={signature}0",
            f"expires={expires}&signature={signature.upper()}",
            f"expires={expires}&signature=%{ord(signature[0]):x}{signature[1:]}",
            f"expires={expires}&signature={signature[::-1]}",
            f"expires={expires}&signature=",
            f"expires={expires}&signature=é",
            f"expires={later}&signature={signature}",
            f"expires=0{expires}&signature={signature}",
            f"expires=+{expires}&signature={signature}",
            f"expires={expires}.0&signature={signature}",
            f"expires=&signature={signature}",
            f"expires={expires}",
            f"signature={signature}",
            f"{query}&{query}",
            f"{query}&signature={'0' * 64}",
            f"{query}&expires={later}",
            f"expires={expires}&signature={signature_of(b'another', 'secret', expires)}",
            f"expires={expires}&signature={signature_of(KEY.encode(), 'other', expires)}",
            f"expires={expires}&signature={signature_of(KEY.encode(), 'Secret', expires)}",
            f"expires={expires}&signature={signature_of(b'', 'secret', expires)}",
            f"expires=9999999999999&signature={signature_of(KEY.encode(), 'secret', '9999999999999')}",
        ),
        401: (query.replace("e", "E"), query.replace("=", "%3D"), ""),
    }
    for code, queries in wrong.items():
        assert [each for each in queries if status(app, path, each) != code] == []


def test_a_signature_ends_with_its_expiry(app: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though it was verified before and its tile is cached; shared caches forget the tile at the same time."""
    path, query = f"/layers/secret/{TILE}", signed_query(KEY.encode(), "secret", 600)
    expires_s = int(query.partition("&")[0].partition("=")[2])
    for _ in range(3):
        before_s = time.time()
        reply = app.get(f"{path}?{query}")
        age_s = int(reply.headers["Cache-Control"].removeprefix("public, max-age="))
        assert expires_s - time.time() - 1 <= age_s <= expires_s - before_s
    monkeypatch.setattr(time, "time", lambda: expires_s + 0.5)
    for headers in ({}, {"If-None-Match": reply.headers["ETag"]}, {"Range": "bytes=0-9"}):
        reply = app.get(f"{path}?{query}", headers=headers)
        assert reply.status_code == 403
        assert reply.get_json(force=True)["detail"] == "the signature has expired"


def test_a_token_has_one_spelling(app: FlaskClient) -> None:
    path, secret = f"/layers/secret/{TILE}", SECRETS["TEAM"]
    assert {status(app, path, Authorization=f"{scheme} {secret}") for scheme in ("Bearer", "bearer", "BEARER")} == {200}
    wrong = ("", secret[:-1], secret + "t", secret.lower(), secret[::-1], f"{secret},{secret}", f'"{secret}"', "é")
    assert {status(app, path, Authorization=f"Bearer {each}") for each in wrong} == {401}
    assert {status(app, path, Authorization=each) for each in (secret, f"Basic {secret}", f"Token {secret}")} == {401}
    assert {status(app, path, Authorization=basic(f"{user}:{secret}")) for user in ("", "any", "é")} == {200}
    no_password = (f"{secret}:", secret, f"any:{secret} ", f"any::{secret}", "", ":", f"{secret}:wrong")
    assert {status(app, path, Authorization=basic(each)) for each in no_password} == {401}
    assert {status(app, path, Authorization=f"Basic {each}") for each in ("", "YQ", "YTpi*", "/w==", "é")} == {401}
    queries = (f"token={secret}&token={secret}", f"Token={secret}", f"token={secret}x", "token=", f"xtoken={secret}")
    assert {status(app, path, each) for each in queries} == {401}
    assert status(app, path, f"token={secret}", Authorization="Bearer wrong") == 401


def test_a_password_for_a_proxy_in_front_is_as_good_as_none(app: FlaskClient) -> None:
    token, proxys = f"token={SECRETS['TEAM']}", basic("me:hush")
    assert [status(app, "/layers/secret", query, Authorization=proxys) for query in ("", token)] == [401, 200]
    listed = [app.get("/layers", headers=headers).get_json() for headers in ({}, {"Authorization": proxys})]
    assert listed[0] == listed[1]
    assert status(app, "/layers", Authorization="Bearer hush") == 401


def test_paths_that_differ_open_no_other_layer(app: FlaskClient) -> None:
    query = signed_query(KEY.encode(), "other", 3600)
    paths = (
        f"/layers/other/../secret/{TILE}",
        f"/layers/other/tiles/../../secret/{TILE}",
        f"/layers/other/%2e%2e/secret/{TILE}",
        f"/layers/other%2f..%2fsecret/{TILE}",
        f"/layers/SECRET/{TILE}",
        f"/layers/secret%00/{TILE}",
        f"/layers//secret/{TILE}",
        f"/layers/secret@other/{TILE}",
        f"/layers/secret:x/{TILE}",
        "/tileMatrixSets/native.secret",
        "/wmts/1.0.0/other/default/native.secret/0/0/0.webp",
    )
    assert {status(app, path, query) for path in paths} <= {401, 403, 404}
    kvp = "service=WMTS&request=GetTile&version=1.0.0&style=default&format=image/webp&tilematrix=0&tilerow=0&tilecol=0"
    assert status(app, "/wmts", f"{query}&{kvp}&layer=other&layer=secret&tilematrixset=native.other") == 200
    assert status(app, "/wmts", f"{query}&{kvp}&layer=secret&layer=other&tilematrixset=native.secret") == 403


def test_one_signature_opens_the_members_of_a_collection(app: FlaskClient) -> None:
    query = signed_query(KEY.encode(), "sheets:valley", 3600)
    assert query == signed_query(KEY.encode(), "sheets", 3600)
    urls = (
        "/layers/sheets",
        f"/layers/sheets:valley/{TILE}",
        "/layers/sheets:itaipu",
        "/layers/sheets:elk-mountains/gdal.vrt",
    )
    assert {status(app, url, query) for url in urls} == {200}
    assert {status(app, url) for url in (*urls, "/layers/sheets:none")} == {401}
    assert {status(app, url, signed_query(KEY.encode(), "secret", 60)) for url in urls} == {403}
    assert status(app, "/layers/sheets:none", query) == 404
    assert status(app, "/layers/tokens", query) == status(app, "/layers/tokens:valley", query) == 401


def test_tokens_open_members_by_their_names(app: FlaskClient) -> None:
    member, others = f"/layers/sheets:valley/{TILE}", ("/layers/sheets:itaipu", "/layers/sheets:none", "/layers/sheets")
    assert status(app, member, Authorization=bearer("TEAM")) == 200
    assert {status(app, url, Authorization=bearer("TEAM")) for url in others} == {403}
    assert status(app, member, Authorization=bearer("WHOLE")) == 200
    assert [status(app, url, Authorization=bearer("WHOLE")) for url in others] == [200, 404, 200]


def test_collections_are_in_the_lists_of_those_that_may_read_them(app: FlaskClient) -> None:
    for url in ("/layers", "/collections", "/?f=html", "/wmts/1.0.0/WMTSCapabilities.xml"):
        for authorization, is_listed in (("", False), (bearer("TEAM"), False), (bearer("WHOLE"), True)):
            reply = app.get(url, headers={"Authorization": authorization} if authorization else {})
            assert "tokens" not in reply.text
            assert ("sheets" in reply.text) is (is_listed and "wmts" not in url)


def test_a_layer_that_becomes_private_is_closed_at_once(tmp_path: Path) -> None:
    """With a tile and documents of its open time in memory."""

    table = layer("secret", ROOT / "data" / "valley.tif")
    assembly = Assembly(settings(tmp_path, table))
    opened = assembly.app.test_client()
    urls = (f"/layers/secret/{TILE}", "/layers/secret", "/layers/secret/gdal.vrt", "/collections/secret")
    assert {opened.get(url).status_code for url in urls for _ in range(3)} == {200}
    assembly.change(settings(tmp_path, CONFIG, ENVIRONMENT))
    assert {opened.get(url).status_code for url in urls} == {401}
