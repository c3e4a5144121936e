"""Tokens, signing keys and access in the config: mistakes are one line without a secret."""

from pathlib import Path
from typing import Final

import pytest

from server.settings.load import ConfigError
from tests.support.app import settings

SECRET: Final = "hunter-" + "2" * 32
SHORT: Final = "hunter-2"
LAYER: Final = "[layers.a]\nuri = 'a.tif'\n"
TOKEN: Final = "[tokens.team]\nenv = 'TEAM'\nlayers = ['a']\n"
MISTAKES: Final = {
    (TOKEN, "TEAM", ""): "tokens.team.env: the environment variable TEAM is not set",
    (TOKEN, "TEAM", SHORT): "tokens.team.env: the value of the environment variable is no token: wanted 16 characters",
    (TOKEN, "TEAM", SECRET + "\u00e9"): "tokens.team.env: the value of the environment variable is no token",
    (f"{TOKEN}[tokens.b]\nenv = 'TEAM'\nlayers = []\n", "TEAM", SECRET): "tokens.b.env: the value is that of another",
    (TOKEN.replace("['a']", "['b']"), "TEAM", SECRET): "tokens.team.layers[0]: no layer or collection has the name 'b'",
    (TOKEN.replace("['a']", "['a b']"), "TEAM", SECRET): "tokens.team.layers[0]: found 'a b', wanted a name of a layer",
    (
        TOKEN.replace("TEAM", SECRET),
        "TEAM",
        SECRET,
    ): "tokens.team.env: the environment variable that it names is not set",
    (f"{TOKEN}key = 'x'\n", "TEAM", SECRET): "tokens.team.key: unknown key, wanted one of env, layers",
    ("", "RAWCOG_SIGNING_KEYS", f"{SECRET},{SHORT}"): "RAWCOG_SIGNING_KEYS: key 2 has 8 characters, wanted 32 at least",
    ("[defaults]\naccess = 'signed'\n", "X", ""): "layers.a.access: found 'signed', but RAWCOG_SIGNING_KEYS is not set",
    ("[defaults]\naccess = 'token'\n", "X", ""): "layers.a.access: found 'token', but there are no [tokens]",
    (
        "[defaults]\naccess = 'private'\n",
        "X",
        "",
    ): "found 'private', wanted 'public' or 'token' or 'signed'",
}


@pytest.mark.parametrize(("case", "message"), MISTAKES.items())
def test_a_mistake_is_named_without_a_secret(case: tuple[str, str, str], message: str, tmp_path: Path) -> None:
    config, variable, value = case
    with pytest.raises(ConfigError) as raised:
        settings(tmp_path, LAYER + config, {variable: value})
    assert message in str(raised.value)
    assert "hunter" not in str(raised.value)


def test_settings_show_no_secret(tmp_path: Path) -> None:
    """Not in a traceback or a log that holds them."""
    whole = settings(tmp_path, LAYER + TOKEN, {"TEAM": SECRET, "RAWCOG_SIGNING_KEYS": f"{SECRET} {SECRET[::-1]}\n"})
    assert len(whole.signing_keys) == 2
    assert "hunter" not in repr(whole)
    assert SECRET[::-1] not in repr(whole)
