"""Which sources share what is cached: those of the same place that are asked as the same user, whatever proves it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from tests.support.app import ROOT, client, layer, problem, settings
from tests.support.origin import Connection, Origin, Reply, send
from tests.support.redis import RedisServer

DATA = (ROOT / "data" / "world.tif").read_bytes()
TILE = "tiles/native/0/0/0.jpg"
SIGNED = "access_key_id_env = 'K1'\nsecret_access_key_env = 'S1'\n"
SECRETS = {f"{kind}{number}": f"{kind}-{number}" for kind in "KST" for number in (1, 2)}
ENV_KEYS = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret"}
BEARER = "bearer_token_env = 'T1'\n"
BASIC = "username_env = 'K1'\npassword_env = 'S1'\n"

S3: dict[str, tuple[str, dict[str, str]]] = {
    "none": ("", {}),
    "keys": (SIGNED, {}),
    "other keys": (SIGNED.replace("1", "2"), {}),
    "another secret": (SIGNED, {"S1": "wrong"}),
    "keys and a token": (f"{SIGNED}session_token_env = 'T1'\n", {}),
    "keys and another token": (f"{SIGNED}session_token_env = 'T2'\n", {}),
    "keys of the environment": ("", ENV_KEYS),
    "another secret of the environment": ("", {**ENV_KEYS, "AWS_SECRET_ACCESS_KEY": "wrong"}),
    "unsigned": ("anonymous = true\n", {}),
    "a profile": ("profile = 'a'\n", {}),
    "a profile of the environment": ("", {"AWS_PROFILE": "b"}),
    "a profile with keys": ("profile = 'right'\n", {}),
    "a profile with other keys": ("profile = 'right'\n", {"AWS_SHARED_CREDENTIALS_FILE": "other"}),
    "a profile with a role": ("profile = 'role'\n", {}),
    "a profile with a role by other keys": ("profile = 'role'\n", {"AWS_SHARED_CREDENTIALS_FILE": "other"}),
    "a role of the environment": ("", {"AWS_ROLE_ARN": "arn:aws:iam::1:role/a"}),
    "an endpoint": ("endpoint_url = 'http://a.example'\n", {}),
    "an endpoint of the environment": ("", {"AWS_ENDPOINT_URL": "http://b.example"}),
    "one of S3 alone": ("", {"AWS_ENDPOINT_URL": "http://b.example", "AWS_ENDPOINT_URL_S3": "http://c.example"}),
    "one as GDAL names it": ("", {"AWS_S3_ENDPOINT": "d.example"}),
    "dates": ("validators = 'modified'\n", {}),
}
"""[sources.a], and the environment."""

GS: dict[str, tuple[str, dict[str, str]]] = {
    "none": ("", {}),
    "keys": (SIGNED, {}),
    "other keys": (SIGNED.replace("1", "2"), {}),
    "keys of the environment": ("", {"GS_ACCESS_KEY_ID": "id", "GS_SECRET_ACCESS_KEY": "secret"}),
    "another secret of the environment": ("", {"GS_ACCESS_KEY_ID": "id", "GS_SECRET_ACCESS_KEY": "wrong"}),
    "a token": (BEARER, {}),
    "unsigned": ("anonymous = true\n", {}),
    "a file": ("", {"GOOGLE_APPLICATION_CREDENTIALS": "credentials"}),
    "another file": ("", {"GOOGLE_APPLICATION_CREDENTIALS": "other"}),
    "an endpoint": ("endpoint_url = 'http://a.example'\n", {}),
    "one as GDAL names it": ("", {"CPL_GS_ENDPOINT": "http://b.example/"}),
    "a project": ("user_project = 'a'\n", {}),
}

AZ: dict[str, tuple[str, dict[str, str]]] = {
    "none": ("", {}),
    "an account": ("account = 'one'\n", {}),
    "an account of the environment": ("", {"AZURE_STORAGE_ACCOUNT": "two"}),
    "a key": ("account = 'one'\naccess_key_env = 'K1'\n", {}),
    "another key": ("account = 'one'\naccess_key_env = 'K2'\n", {}),
    "a signature": ("account = 'one'\nsas_token_env = 'K1'\n", {}),
    "a token": (f"account = 'one'\n{BEARER}", {}),
    "unsigned": ("account = 'one'\nanonymous = true\n", {}),
    "a connection": ("", {"AZURE_STORAGE_CONNECTION_STRING": "AccountName=one;AccountKey=right"}),
    "another connection": ("", {"AZURE_STORAGE_CONNECTION_STRING": "AccountName=one;AccountKey=wrong"}),
    "an identity": ("account = 'one'\n", {"AZURE_CLIENT_ID": "a"}),
    "another identity": ("account = 'one'\n", {"AZURE_CLIENT_ID": "b"}),
}

HTTP: dict[str, tuple[str, dict[str, str]]] = {
    "none": ("", {}),
    "a token": (BEARER, {}),
    "another token": (BEARER, {"T1": "wrong"}),
    "a password": (BASIC, {}),
    "another password": (BASIC, {"S1": "wrong"}),
    "a user and a password that are the same in a row": (BASIC, {"K1": "K-1S", "S1": "-1"}),
    "netrc": ("", {"NETRC": "netrc"}),
    "another netrc": ("", {"NETRC": "other_netrc"}),
}

FILES = {
    "credentials": "[right]\naws_access_key_id = id\naws_secret_access_key = secret\n",
    "other": "[right]\naws_access_key_id = id\naws_secret_access_key = wrong\n",
    "config": "[profile role]\nrole_arn = arn:aws:iam::1:role/a\nsource_profile = right\n",
    "netrc": "machine a.example login me password hush\n",
    "other_netrc": "machine a.example login me password wrong\n",
}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def identities(home: Path, kind: str, uri: str, source: str, environment: dict[str, str]) -> set[str]:
    """Those of two layers of the same source."""
    files = {"AWS_SHARED_CREDENTIALS_FILE": "credentials", "AWS_CONFIG_FILE": "config"}
    paths = {name: str(home / value) for name, value in {**files, **environment}.items() if value in FILES}
    tables = f"[sources.a]\ntype = '{kind}'\n{source}"
    tables += layer("one", uri, "source = 'a'") + layer("two", uri, "source = 'a'")
    current = settings(home, tables, {"HOME": str(home), **SECRETS, **environment, **paths})
    return {one.identity for one in current.layers.values()}


@pytest.mark.parametrize(
    ("kind", "uri", "cases"),
    [("s3", "s3://b/k", S3), ("gs", "gs://b/k", GS), ("az", "az://b/k", AZ), ("http", "http://a.example/k", HTTP)],
)
def test_who_asks_another_place_or_as_another_shares_nothing_that_is_cached(
    kind: str, uri: str, cases: dict[str, tuple[str, dict[str, str]]], home: Path
) -> None:
    actual = {name: identities(home, kind, uri, *case) for name, case in cases.items()}
    assert {name: len(pair) for name, pair in actual.items()} == dict.fromkeys(cases, 1), "layers of one source share"
    for name, one in actual.items():
        assert [other for other in actual if actual[other] == one] == [name]


def test_users_of_the_url_are_told_apart_and_the_spelling_of_the_host_is_not(home: Path) -> None:
    uris = ("http://a.example/k", "http://me:right@a.example/k", "http://me:wrong@a.example/k", "http://a.example/k?x")
    actual = [identities(home, "http", uri, "", {}) for uri in uris]
    assert len(set[str]().union(*actual)) == len(uris)
    assert identities(home, "http", "HTTP://A.example:80/k", "", {}) == actual[0]


@pytest.mark.parametrize(
    ("source", "environment"),
    [
        (SIGNED, {"K1": "K-2", "S1": "S-2"}),
        (SIGNED.replace("1", "3"), {"K3": "K-2", "S3": "S-2"}),
    ],
)
def test_the_same_keys_by_whatever_name_share(source: str, environment: dict[str, str], home: Path) -> None:
    assert identities(home, "s3", "s3://b/k", source, environment) == identities(
        home, "s3", "s3://b/k", *S3["other keys"]
    )


def test_keys_that_rotate_on_their_own_leave_the_cache_as_it_is(home: Path) -> None:
    """Those of boto3's chain that come with a session token, and those of roles, which are in no file."""

    def of(source: str, environment: dict[str, str]) -> set[str]:
        return identities(home, "s3", "s3://b/k", source, environment)

    hours = [{**ENV_KEYS, "AWS_ACCESS_KEY_ID": f"ASIA{hour}", "AWS_SESSION_TOKEN": f"{hour}"} for hour in "12"]
    assert of("", hours[0]) == of("", hours[1])
    seen = set()
    for hour in "12":
        keys = f"aws_access_key_id={hour}\naws_secret_access_key={hour}\naws_session_token={hour}\n"
        (home / "credentials").write_text(f"[sso]\n{keys}")
        seen |= of("profile = 'sso'\n", {})
    assert len(seen) == 1


def test_files_of_credentials_that_cannot_be_read_stop_nothing(home: Path) -> None:
    (home / "credentials").write_bytes(b"\xff[")
    (home / "config").write_text("[profile role]\nsource_profile = role\n[profile role\n")
    (home / "netrc").write_text("machine")
    assert identities(home, "s3", "s3://b/k", *S3["a profile with keys"])
    assert identities(home, "http", "http://a.example/k", *HTTP["netrc"])


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with RedisServer() as running:
        yield running


def want_login(connection: Connection, reply: Reply) -> None:
    is_right = connection.headers["Authorization"] == "Bearer right"
    send(connection, reply if is_right else Reply(401, {"Content-Length": "0"}))


def test_a_server_with_a_wrong_token_gets_nothing_of_another_ones_cache(redis: RedisServer, tmp_path: Path) -> None:
    with Origin() as origin:
        origin.put("/a.tif", DATA)
        origin.fail("/a.tif", want_login, times=1000)
        tables = "[sources.s]\ntype = 'http'\nbearer_token_env = 'TOKEN'\n"
        tables += layer("a", f"{origin.url}/a.tif", "source = 's'")

        def server(token: str) -> TestResponse:
            return client(tmp_path, tables, {"REDIS_URL": redis.url, "TOKEN": token}).get(f"/layers/a/{TILE}")

        right = server("right")
        asked = len(origin.requests)
        assert right.status_code == 200
        assert server("right").data == right.data
        assert len(origin.requests) == asked, "a server with the same token gets all from Redis"
        for token in ("wrong", "Right"):
            problem(server(token), 502)
        keys = redis.command("KEYS", "*")
        assert b"rawcog:" in keys
        assert b"right" not in keys


def test_a_layer_with_a_wrong_token_gets_nothing_of_another_ones_cache(tmp_path: Path) -> None:
    with Origin() as origin:
        origin.put("/a.tif", DATA)
        origin.fail("/a.tif", want_login, times=1000)
        tables = ""
        for name in ("right", "wrong"):
            tables += f"[sources.{name}]\ntype = 'http'\nbearer_token_env = '{name.upper()}'\n"
            tables += layer(name, f"{origin.url}/a.tif", f"source = '{name}'")
        app = client(tmp_path, tables, {"RIGHT": "right", "WRONG": "wrong"})
        for _ in range(2):
            assert app.get(f"/layers/right/{TILE}").status_code == 200
            problem(app.get(f"/layers/wrong/{TILE}"), 502)
