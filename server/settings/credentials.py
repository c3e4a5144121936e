"""[tokens.NAME], RAWCOG_SIGNING_KEYS and `access`: the credentials of callers. Messages never show a secret."""

import re
from collections.abc import Container, Mapping, Sequence
from typing import Final

from cogread.errors import SettingError
from server.access.caller import SIGNED, Access
from server.access.signature import scope_of
from server.access.token import Token
from server.settings.file import FileError, TokenConfig
from server.settings.origins import secret_of

SIGNING_KEYS: Final = "RAWCOG_SIGNING_KEYS"
LEAST_KEY: Final = 32
LEAST_TOKEN: Final = 16
"""Characters of a secret, at least."""

_SECRET: Final = re.compile(r"[A-Za-z0-9._~+/=-]+")
_PATTERN: Final = re.compile(r"[A-Za-z0-9_*][A-Za-z0-9._:~*-]{0,299}")


def tokens_of(tables: Mapping[str, TokenConfig], names: Container[str], env: Mapping[str, str]) -> tuple[Token, ...]:
    """Make the tokens.

    Args:
        tables: [tokens], by name.
        names: of all layers and collections.
        env: environment with the secrets that the tables name.

    Raises:
        FileError: a variable is not set, its value is no token, several tokens have the same, or a name is unknown.
    """
    tokens: list[Token] = []
    for name, table in tables.items():
        where = f"tokens.{name}"
        for at, text in enumerate(table.layers):
            if not _PATTERN.fullmatch(text):
                raise FileError(f"{where}.layers[{at}]: found {text[:100]!r}, wanted a name of a layer, with * if any")
            if "*" not in text and scope_of(text) not in names:
                raise FileError(f"{where}.layers[{at}]: no layer or collection has the name {scope_of(text)!r}")
        secret = secret_of(f"{where}.env", table.env, env)
        if len(secret) < LEAST_TOKEN or not _SECRET.fullmatch(secret):
            wanted = f"{LEAST_TOKEN} characters or more of A-Z, a-z, 0-9 and ._~+/=-"
            raise FileError(f"{where}.env: the value of the environment variable is no token: wanted {wanted}")
        token = Token.of(name, secret, table.layers)
        if any(token.is_digest(other.digest) for other in tokens):
            raise FileError(f"{where}.env: the value is that of another token")
        tokens.append(token)
    return tuple(tokens)


def signing_keys(env: Mapping[str, str]) -> tuple[bytes, ...]:
    """The keys of RAWCOG_SIGNING_KEYS, which are separated by commas or blanks.

    Raises:
        SettingError: a key is too short.
    """
    keys = re.split(r"[\s,]+", env.get(SIGNING_KEYS, "").strip(" \t\r\n,"))
    for at, key in enumerate(keys, 1):
        if key and len(key) < LEAST_KEY:
            raise SettingError(f"{SIGNING_KEYS}: key {at} has {len(key)} characters, wanted {LEAST_KEY} at least")
    return tuple(key.encode() for key in keys if key)


def check_access(where: str, access: Access, tokens: Sequence[Token], keys: Sequence[bytes]) -> None:
    """Refuse a kind of access for which the server accepts no credentials.

    Args:
        where: name of the key, for messages.
        access: value of the key.
        tokens, keys: of the server.

    Raises:
        FileError: the kind is refused.
    """
    if access == SIGNED and not keys:
        raise FileError(f"{where}: found 'signed', but {SIGNING_KEYS} is not set")
    if access == "token" and not tokens:
        raise FileError(f"{where}: found 'token', but there are no [tokens]")
