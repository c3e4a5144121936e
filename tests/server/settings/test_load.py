"""The config file and the environment: what is accepted, what it becomes, and what is said of mistakes."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from server.settings.environment import Deployment
from server.settings.file import LayerFields, ServerConfig
from server.settings.load import ConfigError, Settings, deployment, load
from tests.support.app import ROOT, layer, settings

WHOLE = """
[server]
title = "Rawcog demo"
revalidate_s = 60
public_url = "https://tiles.example.com/"
memory_bytes = 134217728
inflight_bytes = 67108864

[defaults]
max_age_s = 7200
empty = "404"
cache_tiles = false

[sources.minio]
type = "s3"
endpoint_url = "http://127.0.0.1:9000"
region = "eu-west-1"
access_key_id_env = "MINIO_KEY"
secret_access_key_env = "MINIO_SECRET"
session_token_env = "MINIO_TOKEN"
anonymous = false
request_payer = true
virtual_hosting = false
connect_timeout_s = 1
read_timeout_s = 2.5

[sources.work]
type = "s3"
profile = "work"

[sources.web]
type = "http"
username_env = "WEB_USER"
password_env = "WEB_PASSWORD"
redirect_hosts = ["cdn.example.com"]

[sources.token]
type = "http"
bearer_token_env = "WEB_TOKEN"

[layers.naip]
uri = "s3://imagery/naip/2020.tif"
source = "minio"
title = "NAIP 2020"
attribution = "USDA"
max_age_s = 60
empty = "transparent"
cache_tiles = true

[layers.web]
uri = "https://example.com/a.tif"
source = "web"

[layers.vsi]
uri = "/vsis3/imagery/b.tif"

[layers."local.file-1_A"]
uri = "a.tif"
"""
SECRETS = {
    "MINIO_KEY": "s3cret-key",
    "MINIO_SECRET": "s3cret-secret\n",  # as from a file that ends its line
    "MINIO_TOKEN": "s3cret-session",
    "WEB_USER": "s3cret-user",
    "WEB_PASSWORD": "s3cret-password",
    "WEB_TOKEN": "s3cret-token",
}


def test_every_key_arrives(tmp_path: Path) -> None:
    got = settings(tmp_path, WHOLE, SECRETS)
    assert got.server.title == "Rawcog demo"
    assert got.server.revalidate_s == 60
    assert got.server.public_url == "https://tiles.example.com/"
    assert got.server.memory_bytes == 134217728
    assert got.server.inflight_bytes == 67108864
    layer = got.layers["naip"]
    assert (layer.uri.scheme, layer.uri.location) == ("s3", "s3://imagery/naip/2020.tif")
    assert (layer.title, layer.attribution and layer.attribution.text) == ("NAIP 2020", "USDA")
    assert (layer.max_age_s, layer.empty, layer.cache_tiles) == (60, "transparent", True)
    options = layer.options
    assert (options.endpoint_url, options.region) == ("http://127.0.0.1:9000", "eu-west-1")
    assert (options.access_key_id, options.secret_access_key, options.session_token) == (
        "s3cret-key",
        "s3cret-secret",
        "s3cret-session",
    )
    assert (options.anonymous, options.request_payer, options.virtual_hosting) == (False, True, False)
    assert (options.connect_timeout_s, options.read_timeout_s) == (1, 2.5)
    web = got.layers["web"].options
    assert (web.username, web.password, web.redirect_hosts) == ("s3cret-user", "s3cret-password", ("cdn.example.com",))


def test_defaults_fill_in(tmp_path: Path) -> None:
    got = settings(tmp_path, WHOLE, SECRETS)
    assert (got.layers["web"].title, got.layers["web"].attribution) == ("web", None)
    assert (got.layers["web"].max_age_s, got.layers["web"].empty) == (7200, "404")
    assert got.layers["vsi"].uri.location == "s3://imagery/b.tif"
    assert got.layers["local.file-1_A"].uri.location == str(tmp_path / "a.tif")


def test_without_defaults_tiles_are_cached_of_origins_and_not_of_files(tmp_path: Path) -> None:
    got = settings(
        tmp_path,
        """
        [layers.file]
        uri = "file:///data/a.tif"
        [layers.http]
        uri = "/vsicurl/http://example.com/a.tif"
        [layers.s3]
        uri = "s3://bucket/a.tif"
        [layers.kept]
        uri = "a.tif"
        cache_tiles = true
        """,
    )
    assert {name: layer.cache_tiles for name, layer in got.layers.items()} == {
        "file": False,
        "http": True,
        "s3": True,
        "kept": True,
    }
    assert {(layer.max_age_s, layer.empty) for layer in got.layers.values()} == {(3600, "204")}


@pytest.mark.parametrize(
    ("uri", "location"),
    [
        ("HTTP://Example.com/a.tif", "http://Example.com/a.tif"),
        ("/vsicurl/Https://example.com/A.tif", "https://example.com/A.tif"),
        ("S3://bucket/A.tif", "s3://bucket/A.tif"),
        ("FILE:///a.tif", "/a.tif"),
        ("/data/a$b.tif", "/data/a$b.tif"),
    ],
)
def test_schemes_are_known_in_capitals_too(uri: str, location: str, tmp_path: Path) -> None:
    assert settings(tmp_path, layer("a", uri)).layers["a"].uri.location == location


def test_an_empty_file_is_a_server_without_layers(tmp_path: Path) -> None:
    got = settings(tmp_path, "")
    assert (dict(got.layers), got.server.title, got.redis_url, got.redis_tls_verify) == ({}, "rawcog", None, True)


def test_without_a_name_the_demo_is_read() -> None:
    got = load({})
    assert got.config_name == str(ROOT / "config" / "layers.toml")
    assert len(got.layers) >= 2
    assert all(Path(layer.uri.location).is_file() for layer in got.layers.values())


SERVER_KEYS = ", ".join(ServerConfig.__struct_fields__)
LAYER_KEYS = ", ".join(LayerFields.__struct_fields__)
SOURCE_TABLE = '[sources.a]\ntype = "s3"\n'
NAMES = "1 to 100 letters, digits, '_', '-' or '.', not first '-' or '.'"
NO_VARIABLE = "the environment variable that it names is not set"
URL = "wanted http(s)://host/path/"
ENDPOINT = "wanted http(s)://host[:port]"

NO_SLASHES = "two slashes have to follow the scheme, wanted"
MISSPELLED = {
    "file:/data/x.tif": f"source 'file:/data/x.tif': {NO_SLASHES} 'file:///data/x.tif'",
    "https:/a/x.tif": f"source 'https:/a/x.tif': {NO_SLASHES} 'https://a/x.tif'",
    "S3:a/x.tif": f"source 'S3:a/x.tif': {NO_SLASHES} 's3://a/x.tif'",
    "/vsicurl/http:/a/x.tif": f"source 'http:/a/x.tif': {NO_SLASHES} 'http://a/x.tif'",
    "https:/me:hunter2@a/x": "source of scheme 'https': two slashes have to follow, wanted https://host/path",
    "$HOME/x.tif": f"source '$HOME/x.tif': variables are not expanded, wanted '{Path.home()}/x.tif'",
    "~/x.tif": f"source '~/x.tif': '~' stands for nothing here, wanted '{Path.home()}/x.tif'",
    "/a/$USER/x": "source '/a/$USER/x': variables are not expanded, wanted a path such as '/data/x.tif'",
    "http://me:hunter2@a@b/x": (
        "source of scheme 'http': its scheme, host and port cannot be read, wanted http://host[:port]/path"
    ),
}
MISTAKES = {
    "= 1": "not TOML: Invalid statement (at line 1, column 1)",
    "foo = 1": "foo: unknown key, wanted one of server, defaults, sources, tokens, layers, collections",
    "layers = 1": "layers: found 1, wanted a table",
    "[layers]\na = 'b.tif'": "layers.a: found a string, wanted a table",
    "[[layers]]\nuri = 'x'": "layers: found an array, wanted a table",
    "[server]\nport = 80": f"server.port: unknown key, wanted one of {SERVER_KEYS}",
    '[server]\n"a\\nb" = 80': f"server.'a\\nb': unknown key, wanted one of {SERVER_KEYS}",
    "[server]\ntitle = 5": "server.title: found 5, wanted a string",
    "[server]\nmemory_bytes = 5": "server.memory_bytes: found 5, wanted an integer >= 1048576",
    "[server]\ninflight_bytes = 5": "server.inflight_bytes: found 5, wanted an integer >= 1048576",
    "[server]\nmemory_bytes = 2e9": "server.memory_bytes: found 2000000000.0, wanted an integer",
    "[server]\nrevalidate_s = -1": "server.revalidate_s: found -1, wanted a number >= 0.0",
    "[server]\nrevalidate_s = nan": "server.revalidate_s: found nan, wanted a number >= 0.0",
    "[server]\nrevalidate_s = inf": "server.revalidate_s: found inf, wanted a number <= 31536000.0",
    "[server]\nrevalidate_s = '60'": "server.revalidate_s: found a string, wanted a number",
    "[server]\npublic_url = 'tiles.example.com'": f"server.public_url: found 'tiles.example.com', {URL}",
    "[server]\npublic_url = 'https://a/?b'": f"server.public_url: found a URL with a query, {URL}",
    "[server]\npublic_url = 'https://[a'": f"server.public_url: found 'https://[a', {URL}",
    "[server]\npublic_url = 'https://a:b/'": f"server.public_url: found 'https://a:b/', {URL}",
    "[server]\npublic_url = 'https://me:hunter2@a/'": f"server.public_url: found a URL with a user, {URL}",
    "[defaults]\nmax_age_s = true": "defaults.max_age_s: found true, wanted an integer",
    "[defaults]\nmax_age_s = 1979-05-27": "defaults.max_age_s: found a date, wanted an integer",
    "[defaults]\nempty = 204": "defaults.empty: found 204, wanted '204' or '404' or 'transparent'",
    "[defaults]\nempty = 'none'": "defaults.empty: found 'none', wanted '204' or '404' or 'transparent'",
    "[defaults]\ncache_tiles = 1": "defaults.cache_tiles: found 1, wanted true or false",
    "[defaults]\njxl = 1": "defaults.jxl: found 1, wanted true or false",
    "[defaults]\nterrain_nodata = nan": "defaults.terrain_nodata: found nan, wanted a number >= -32768.0",
    "[layers.a]\nuri = 'x'\nterrain_nodata = -40000": (
        "layers.a.terrain_nodata: found -40000, wanted a number >= -32768.0"
    ),
    "[layers.a]\nuri = 'x'\nterrain_nodata = '0'": "layers.a.terrain_nodata: found a string, wanted a number",
    "[layers.a]\ntitle = 'A'": "layers.a: no uri, which is required",
    "[layers.a]\nuri = 'x'\nurl = 'x'": f"layers.a.url: unknown key, wanted one of {LAYER_KEYS}",
    "[layers.rev.12]\nuri = 'x'": (
        f'layers.rev.12: unknown key, wanted one of {LAYER_KEYS}; quote a name with dots: [layers."rev.12"]'
    ),
    "[layers.rev.1.2]\nuri = 'x'": (
        f'layers.rev.1: unknown key, wanted one of {LAYER_KEYS}; quote a name with dots: [layers."rev.1.2"]'
    ),
    "[layers.a]\nuri = 'x'\n[layers.b]\nuri = ['x']": "layers.b.uri: found an array, wanted a string",
    "[layers.'b.c']\nuri = 1": "layers.'b.c'.uri: found 1, wanted a string",
    "[layers.a]\nuri = 'x'\nempty = '200'": "layers.a.empty: found '200', wanted '204' or '404' or 'transparent'",
    "[layers.a]\nuri = ''": "layers.a.uri: source '': wanted a path or a URI",
    "[layers.a]\nuri = 'ftp://x/y'": (
        "layers.a.uri: source of scheme 'ftp': wanted a path, file://, http://, https://, s3://, gs:// or az://"
    ),
    **{f"[layers.a]\nuri = {uri!r}": f"layers.a.uri: {said}" for uri, said in MISSPELLED.items()},
    "[layers.a]\nuri = 's3://bucket'": "layers.a.uri: source 's3://bucket': wanted s3://bucket/key",
    "[layers.a]\nuri = 'x'\nsource = 'b'": "layers.a.source: found 'b', wanted one of [sources]: none",
    f"{SOURCE_TABLE}[layers.a]\nuri = 's3://b/x'\nsource = 'b'": (
        "layers.a.source: found 'b', wanted one of [sources]: a"
    ),
    f"{SOURCE_TABLE}[layers.a]\nuri = 'https://b/x'\nsource = 'a'": (
        "layers.a.source: 'a' is of type 's3', the uri is https"
    ),
    f"{SOURCE_TABLE}[layers.a]\nuri = '/b/x'\nsource = 'a'": "layers.a.source: 'a' is of type 's3', the uri is file",
    "[layers.'a b']\nuri = 'x'": f"layers: found the name 'a b', wanted {NAMES}",
    "[layers.'a/b']\nuri = 'x'": f"layers: found the name 'a/b', wanted {NAMES}",
    "[layers.'a@1']\nuri = 'x'": f"layers: found the name 'a@1', wanted {NAMES}",
    "[layers.'..']\nuri = 'x'": f"layers: found the name '..', wanted {NAMES}",
    '[layers."a\\n"]\nuri = "x"': f"layers: found the name 'a\\n', wanted {NAMES}",
    "[layers.'ä']\nuri = 'x'": f"layers: found the name 'ä', wanted {NAMES}",
    "[sources.a]\nregion = 'x'": "sources.a: no type, which is required",
    "[sources.a]\ntype = 'ftp'": "sources.a.type: found 'ftp', wanted 'http' or 's3' or 'gs' or 'az'",
    "[sources.a]\ntype = 'http'\nregion = 'x'": "sources.a.region: not for a source of type 'http'",
    f"{SOURCE_TABLE}endpoint_url = 'minio:9000'": f"sources.a.endpoint_url: found 'minio:9000', {ENDPOINT}",
    f"{SOURCE_TABLE}endpoint_url = 'http://a:b'": f"sources.a.endpoint_url: found 'http://a:b', {ENDPOINT}",
    f"{SOURCE_TABLE}endpoint_url = 'http://me:hunter2@a'": (
        f"sources.a.endpoint_url: found a URL with a user, {ENDPOINT}"
    ),
    f"{SOURCE_TABLE}endpoint_url = 'http://a/?sig=hunter2'": (
        f"sources.a.endpoint_url: found a URL with a query, {ENDPOINT}"
    ),
    f"{SOURCE_TABLE}endpoint_url = 'http://a\\b'": f"sources.a.endpoint_url: found 'http://a\\\\b', {ENDPOINT}",
    f"{SOURCE_TABLE}bearer_token_env = 'T'": "sources.a.bearer_token_env: not for a source of type 's3'",
    "[sources.a]\ntype = 'az'\naccess_key_id_env = 'T'": "sources.a.access_key_id_env: not for a source of type 'az'",
    "[sources.a]\ntype = 'gs'\naccount = 'a'": "sources.a.account: not for a source of type 'gs'",
    "[sources.a]\ntype = 'az'\n[layers.a]\nuri = 'gs://b/x'\nsource = 'a'": (
        "layers.a.source: 'a' is of type 'az', the uri is gs"
    ),
    **{
        f"[layers.a]\nuri = '{scheme}://{bucket}/x.tif'": (
            f"layers.a.uri: source of scheme '{scheme}': no name of a bucket, wanted {scheme}://bucket/key"
        )
        for scheme, bucket in (("az", "b?sig=hunter2"), ("gs", "me:hunter2@b"), ("s3", "b[c"), ("az", ".."))
    },
    "[layers.a]\nuri = 'az://container'": "layers.a.uri: source 'az://container': wanted az://bucket/key",
    "[layers.a]\nuri = '/vsioss/b/x'": (
        "layers.a.uri: source 'vsioss': of GDAL's file systems only /vsis3/, /vsigs/, /vsiaz/, /vsicurl/ are known"
    ),
    f"{SOURCE_TABLE}access_key_id_env = 'T'": ("sources.a: access_key_id_env and secret_access_key_env go together"),
    **{
        f"{SOURCE_TABLE}session_token_env = '{value}'": f"sources.a.session_token_env: {NO_VARIABLE}"
        for value in ("hunter2", "ghp_s3cret", "AKIAIOSFODNN7EXAMPLE")  # not a name but a secret itself
    },
    f"{SOURCE_TABLE}session_token_env = 'MINIO_TOKEN_2'": (
        "sources.a.session_token_env: the environment variable MINIO_TOKEN_2 is not set"
    ),
    "[sources.a]\ntype = 'http'\nredirect_hosts = 'b'": "sources.a.redirect_hosts: found a string, wanted an array",
    "[sources.a]\ntype = 'http'\nredirect_hosts = ['b', 1]": "sources.a.redirect_hosts[1]: found 1, wanted a string",
    **{
        f"[sources.a]\ntype = 'http'\nredirect_hosts = ['b', {host!r}]": (
            f"sources.a.redirect_hosts[1]: found {shown}, wanted a host alone, such as cdn.example.com"
        )
        for host, shown in (
            ("https://b", "'https://b'"),
            ("b:80", "'b:80'"),
            ("b/x", "'b/x'"),
            ("me:hunter2@b", "a host with a user"),
            ("", "''"),
        )
    },
    "[sources.a]\ntype = 'http'\nread_timeout_s = 0": "sources.a.read_timeout_s: found 0, wanted a number > 0.0",
    "[sources.a]\ntype = 'http'\nread_timeout_s = 60": "sources.a.read_timeout_s: found 60, wanted a number <= 25.0",
}


@pytest.mark.parametrize("content", MISTAKES)
def test_a_mistake_in_the_file_is_one_line_with_file_key_found_and_wanted(content: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        settings(tmp_path, content)
    assert str(error.value) == f"config file {tmp_path}/layers.toml: {MISTAKES[content]}"


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: None, "No such file or directory"),
        (lambda path: path.mkdir(), "Is a directory"),
        (lambda path: path.write_bytes(b"# \xe9"), "byte 2 is not UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(make: object, reason: str, tmp_path: Path) -> None:
    assert callable(make)
    make(tmp_path / "a.toml")
    with pytest.raises(ConfigError) as error:
        load({"RAWCOG_CONFIG": str(tmp_path / "a.toml")})
    assert str(error.value) == f"config file {tmp_path}/a.toml: {reason}"


SCHEME = "REDIS_URL: wanted a URL that begins with one of redis://, rediss://, unix://, " + (
    "redis+cluster://, rediss+cluster://, redis+sentinel://, rediss+sentinel://"
)
UNREADABLE = (
    "REDIS_URL: cannot be read: wanted redis://[[user]:password@]host[:port][/db], or an option that redis-py has"
)
NO_CLUSTER = UNREADABLE.replace("redis://", "redis+cluster://").replace("[:port][/db]", "[:port][,host[:port]...]")
NO_SENTINELS = UNREADABLE.replace("redis://", "redis+sentinel://").replace(
    "[:port][/db]", "[:port][,host[:port]...]/service[/db]"
)


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"REDIS_URL": "http://s3cret@x"}, SCHEME),
        ({"REDIS_URL": "s3cret"}, SCHEME),
        ({"REDIS_URL": "redis://:s3cret@x:port"}, UNREADABLE),
        ({"REDIS_URL": "redis://:s3cret@[x"}, UNREADABLE),
        ({"REDIS_URL": "redis://x?socket_timeout=s3cret"}, UNREADABLE),
        ({"REDIS_URL": "redis://x?s3cret=1"}, UNREADABLE),
        ({"REDIS_URL": "rediss://x?ssl_cert_reqs=s3cret"}, UNREADABLE),
        ({"REDIS_URL": "redis+cluster://:s3cret@a,b:port"}, NO_CLUSTER),
        ({"REDIS_URL": "redis+sentinel://:s3cret@a,b"}, NO_SENTINELS),
        ({"RAWCOG_REDIS_TLS_VERIFY": "maybe"}, "RAWCOG_REDIS_TLS_VERIFY: found 'maybe', wanted YES or NO"),
        ({"LOG_LEVEL": "loud"}, "LOG_LEVEL: found 'loud', wanted one of debug, info, warning, error, critical"),
        ({"AWS_NO_SIGN_REQUEST": "2"}, "AWS_NO_SIGN_REQUEST: found '2', wanted YES or NO"),
    ],
)
def test_a_mistake_in_the_environment_is_named(environment: Mapping[str, str], message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        settings(tmp_path, "[layers.a]\nuri = 's3://b/k'", environment)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("environment", "verifies"),
    [
        ({}, True),
        ({"DYNO": "web.1"}, False),
        ({"DYNO": "web.1", "RAWCOG_REDIS_TLS_VERIFY": "1"}, True),
        ({"DYNO": "", "RAWCOG_REDIS_TLS_VERIFY": ""}, True),
        ({"RAWCOG_REDIS_TLS_VERIFY": "0"}, False),
    ],
)
def test_a_self_signed_certificate_of_redis_is_taken_where_told_and_on_heroku(
    environment: Mapping[str, str], verifies: bool, tmp_path: Path
) -> None:
    assert settings(tmp_path, "", environment).redis_tls_verify is verifies


def test_the_environment_arrives(tmp_path: Path) -> None:
    environment = {"REDIS_URL": "rediss://x:1/0", "RAWCOG_REDIS_TLS_VERIFY": "0", "LOG_LEVEL": "WARNING"}
    got = settings(tmp_path, "[layers.a]\nuri = 's3://b/k'", environment | {"AWS_NO_SIGN_REQUEST": "YES"})
    assert (got.redis_url, got.redis_tls_verify, got.log_level) == ("rediss://x:1/0", False, "warning")
    assert got.layers["a"].options.anonymous
    empty = settings(tmp_path, "", dict.fromkeys(environment, ""))
    assert (empty.redis_url, empty.redis_tls_verify, empty.log_level) == (None, True, "info")


@pytest.mark.parametrize(
    ("keys", "anonymous"),
    [
        ("", True),
        ("access_key_id_env = 'KEY'\nsecret_access_key_env = 'KEY'", False),
        ("profile = 'surveys'", False),
        ("profile = 'surveys'\nanonymous = true", True),
        ("anonymous = false", False),
    ],
)
def test_a_source_with_an_identity_of_its_own_signs_whatever_holds_for_others(
    keys: str, anonymous: bool, tmp_path: Path
) -> None:
    text = f"{SOURCE_TABLE}{keys}\n[layers.a]\nuri = 's3://b/k'\nsource = 'a'"
    got = settings(tmp_path, text, {"AWS_NO_SIGN_REQUEST": "YES", "KEY": "x"})
    assert got.layers["a"].options.anonymous is anonymous


CLOUDS = {
    "GS_ACCESS_KEY_ID": "env-id",
    "GS_SECRET_ACCESS_KEY": "s3cret-env",
    "GS_NO_SIGN_REQUEST": "YES",
    "AZURE_STORAGE_CONNECTION_STRING": "AccountName=env;AccountKey=s3cret-env",
    "AZURE_NO_SIGN_REQUEST": "YES",
    "TOKEN": "s3cret-token",
}


@pytest.mark.parametrize(
    ("source", "uri", "wanted"),
    [
        ("type = 'gs'", "gs://b/k", ("env-id", None, None, None, None, True)),
        ("type = 'gs'\nbearer_token_env = 'TOKEN'", "gs://b/k", (None, "s3cret-token", None, None, None, False)),
        (
            "type = 'az'",
            "az://b/k",
            (None, None, "env", "s3cret-env", "https://env.blob.core.windows.net", True),
        ),
        (
            "type = 'az'\naccount = 'env'\nsas_token_env = 'TOKEN'",
            "az://b/k",
            (None, None, "env", None, "https://env.blob.core.windows.net", False),
        ),
        ("type = 'az'\naccount = 'other'", "az://b/k", (None, None, "other", None, None, True)),
    ],
)
def test_the_credentials_of_a_source_are_not_mixed_with_those_of_the_environment(
    source: str, uri: str, wanted: tuple[object, ...], tmp_path: Path
) -> None:
    """Nor does the key of one account at Azure go to another one."""
    table = layer("x", uri, "source = 'a'")
    options = settings(tmp_path, f"[sources.a]\n{source}\n{table}", CLOUDS).layers["x"].options
    keys = (options.access_key_id, options.bearer_token, options.account, options.access_key, options.endpoint_url)
    assert (*keys, options.anonymous) == wanted
    assert "s3cret" not in repr(options)


def test_a_byte_order_mark_before_the_file_does_not_matter(tmp_path: Path) -> None:
    assert list(settings(tmp_path, "\ufeff[layers.a]\nuri = 'x'").layers) == ["a"]


def texts_of(got: Settings) -> str:
    return f"{got!r} {got} {[repr(layer) for layer in got.layers.values()]}"


def test_secrets_are_in_no_repr(tmp_path: Path) -> None:
    secrets = {name: value for name, value in SECRETS.items() if name != "WEB_USER"}
    got = settings(tmp_path, WHOLE, {**SECRETS, "REDIS_URL": "redis://:s3cret-redis@x/0"})
    assert not [value for value in (*secrets.values(), "s3cret-redis") if value in texts_of(got)]


@pytest.mark.parametrize("uri", ["https://me:hunter2@example.com/a.tif", "https://example.com/a.tif?sig=hunter2"])
def test_secrets_in_a_uri_are_in_no_repr(uri: str, tmp_path: Path) -> None:
    text = texts_of(settings(tmp_path, f"[layers.a]\nuri = '{uri}'")).replace(str(tmp_path), "")
    assert "https://example.com/a.tif" in text
    assert "hunter2" not in text


@pytest.mark.parametrize(
    "uri",
    ["https://me:hunter2@/", "https://me:hunter2/3@host/a.tif", "https://me:hunter2@[host/", "ftp://me:hunter2@h/"],
)
def test_secrets_in_a_uri_that_is_refused_are_not_shown(uri: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        settings(tmp_path, f"[layers.a]\nuri = '{uri}'")
    assert "hunter2" not in str(error.value).replace(str(tmp_path), "")


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, Deployment("127.0.0.1", 8000, 2, "info")),
        ({"PORT": "5000"}, Deployment("0.0.0.0", 5000, 2, "info")),
        ({"PORT": "5000", "HOST": "127.0.0.1"}, Deployment("127.0.0.1", 5000, 2, "info")),
        ({"PORT": "0", "WEB_CONCURRENCY": "7", "LOG_LEVEL": "Debug"}, Deployment("0.0.0.0", 0, 7, "debug")),
        ({"PORT": "", "WEB_CONCURRENCY": "", "LOG_LEVEL": ""}, Deployment("127.0.0.1", 8000, 2, "info")),
    ],
)
def test_deployment(environment: Mapping[str, str], expected: Deployment) -> None:
    assert deployment(environment) == expected


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"PORT": "http"}, "PORT: found 'http', wanted a number from 0 to 65535"),
        ({"PORT": "65536"}, "PORT: found '65536', wanted a number from 0 to 65535"),
        ({"PORT": "-1"}, "PORT: found '-1', wanted a number from 0 to 65535"),
        ({"PORT": "٣"}, "PORT: found '٣', wanted a number from 0 to 65535"),
        ({"WEB_CONCURRENCY": "0"}, "WEB_CONCURRENCY: found '0', wanted a number from 1 to 1024"),
        ({"WEB_CONCURRENCY": "2.5"}, "WEB_CONCURRENCY: found '2.5', wanted a number from 1 to 1024"),
        ({"LOG_LEVEL": "9"}, "LOG_LEVEL: found '9', wanted one of debug, info, warning, error, critical"),
    ],
)
def test_deployment_with_mistakes(environment: Mapping[str, str], message: str) -> None:
    with pytest.raises(ConfigError) as error:
        deployment(environment)
    assert str(error.value) == message
