"""Variables of the environment in strings of the config file."""

from pathlib import Path

import pytest

from server.cli.layer_files import config_text, layer_files
from server.settings.load import ConfigError
from tests.support.app import client, settings
from tests.support.tiffs import gdal_tiff

SECRET = "hunter2-hunter2"


@pytest.mark.parametrize(
    ("text", "environment", "expected"),
    [
        ("${A}", {"A": "b"}, "b"),
        ("x ${A}${B_2} y", {"A": "b", "B_2": "c"}, "x bc y"),
        ("${A:-d e}", {}, "d e"),
        ("${A:-d e}", {"A": ""}, "d e"),
        ("${A:-d e}", {"A": "b"}, "b"),
        ("a${A:-}", {}, "a"),
        ("${A}", {"A": "${B} $${C}"}, "${B} $${C}"),
        ("$${A} $A $$ $ {A}", {}, "${A} $A $$ $ {A}"),
        ("$$${A}", {"A": "b"}, "$${A}"),
        ("{year}", {}, "{year}"),
    ],
)
def test_a_reference_stands_for_its_variable(
    text: str, environment: dict[str, str], expected: str, tmp_path: Path
) -> None:
    got = settings(tmp_path, f"[server]\ntitle = '{text}'\n[layers.a]\nuri = 'a.tif'\n", environment)
    assert got.server.title == expected


def test_references_work_in_tables_and_arrays_and_not_in_keys(tmp_path: Path) -> None:
    text = """
    [sources.a]
    type = "${TYPE}"
    redirect_hosts = ["x.example", "${HOST}"]
    [layers.a]
    uri = "https://example.com/${SHEET}.tif?sig=${SIG}"
    source = "${SOURCE:-a}"
    """
    environment = {"TYPE": "http", "HOST": "y.example", "SHEET": "b", "SIG": SECRET}
    layer = settings(tmp_path, text, environment).layers["a"]
    assert layer.uri.location == f"https://example.com/b.tif?sig={SECRET}"
    assert layer.options.redirect_hosts == ("x.example", "y.example")
    with pytest.raises(ConfigError, match=r"found the name '\$\{A\}'"):
        settings(tmp_path, "[layers.'${A}']\nuri = 'a.tif'", {"A": "b"})


MALFORMED = "found '${' without a name and '}', wanted ${NAME}, ${NAME:-default}, or $${ for these two characters"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("${A}", "the environment variable A is not set, and ${A} has no default"),
        ("x${EMPTY}", "the environment variable EMPTY is empty, and ${EMPTY} has no default"),
        *((text, MALFORMED) for text in ("${", "${A", "${}", "${1}", "${A-b}", "${A:-${B}}", "${A b}")),
    ],
)
def test_what_has_no_value_is_an_error_that_names_variable_and_key(text: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        settings(tmp_path, f"[layers.'b.c']\nuri = '{text}'", {"EMPTY": ""})
    assert str(error.value) == f"config file {tmp_path}/layers.toml: layers.'b.c'.uri: {reason}"


@pytest.mark.parametrize(
    ("config", "key"),
    [
        ("[layers.a]\nuri = 'x'\nempty = '${S}'", "layers.a.empty"),
        ("[defaults]\nempty = '${S}'", "defaults.empty"),
        ("[layers.'a.b']\nuri = 'x'\nempty = '${S}'", "layers.'a.b'.empty"),
        ("[layers.'a.b']\nuri = 'x'\nattribution = '<b>${S}'", "layers.a.b.attribution"),
        ("[layers.a]\nuri = 's3://${S}'", "layers.a.uri"),
        ("[layers.a]\nuri = 'file:/${S}'", "layers.a.uri"),
        ("[layers.a]\nuri = 'x'\nsource = '${S}'", "layers.a.source"),
        ("[layers.a]\nuri = 'x'\nattribution = '<b>${S}'", "layers.a.attribution"),
        ("[server]\npublic_url = '${S}'", "server.public_url"),
        ("[server]\ntrusted_proxies = ['10.0.0.0/8', '${S}']", "server.trusted_proxies"),
        ("[sources.a]\ntype = 's3'\nsession_token_env = '${S}'", "sources.a.session_token_env"),
        ("[sources.a]\ntype = 's3'\nendpoint_url = '${S}'", "sources.a.endpoint_url"),
    ],
)
@pytest.mark.parametrize("secret", [SECRET, "x\n" * 100, "HUNTER", "<" + "h" * 70])
def test_no_message_shows_the_value_of_a_variable(config: str, key: str, secret: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        settings(tmp_path, config, {"S": secret})
    message = f"config file {tmp_path}/layers.toml: {key}: wrong with the value of S, which is not shown"
    assert str(error.value) == message


def test_a_served_file_may_have_a_reference_in_its_name(tmp_path: Path) -> None:
    """`rawcog serve` writes the config of such files itself."""
    (tmp_path / "${A}.tif").write_bytes(gdal_tiff("jpeg-ycbcr"))
    layers, _ = layer_files([str(tmp_path)])
    reply = client(tmp_path, config_text(layers)).get(f"/layers/{layers[0].name}")
    assert (reply.status_code, reply.get_json()["title"]) == (200, "${A}")
