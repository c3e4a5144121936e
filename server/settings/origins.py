"""[sources.NAME] and the environment -> options of an origin. The environment is passed in, and no origin is asked."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, Final

from cogread.sources import BUCKETS, SourceOptions
from cogread.sources.gdal_env import options_from_environment
from cogread.sources.http_client.url import HOST, split_url
from server.settings.file import FileError, SourceConfig

_TYPES: Final = {
    "endpoint_url": ("s3", "gs", "az"),
    "region": ("s3",),
    "profile": ("s3",),
    "access_key_id_env": ("s3", "gs"),
    "secret_access_key_env": ("s3", "gs"),
    "session_token_env": ("s3",),
    "request_payer": ("s3",),
    "virtual_hosting": ("s3",),
    "user_project": ("gs",),
    "account": ("az",),
    "access_key_env": ("az",),
    "sas_token_env": ("az",),
    "anonymous": ("s3", "gs", "az"),
    "username_env": ("http",),
    "password_env": ("http",),
    "bearer_token_env": ("http", "gs", "az"),
}
"""Key -> the types of sources that have it; other keys are those of all."""
_KEYS = SourceConfig.__struct_fields__
_SECRETS = [key.removesuffix("_env") for key in _KEYS if key.endswith("_env")]
_NO_SECRETS: Final[dict[str, Any]] = dict.fromkeys(_SECRETS)
_SAME = [field.name for field in fields(SourceOptions) if field.name in _KEYS]
"""Keys that are the names of options too."""

_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(?::[0-9]{1,5})?|https?://\[[0-9a-f:.]+\](?::[0-9]{1,5})?")

_VARIABLE = re.compile(r"[A-Z]{1,40}|[A-Z][A-Z0-9]{0,19}(?:_[A-Z0-9]{1,20}){1,5}")
"""A name that messages may show. Others may be a secret that the config holds in place of a variable's name."""


def source_options(where: str, source: SourceConfig, env: Mapping[str, str]) -> SourceOptions:
    """Make the options of an origin from its table.

    Args:
        where: name of the table, for messages.
        source: the table.
        env: environment with the secrets that the table names, and with defaults for keys that it omits.

    Raises:
        FileError: keys contradict each other, or name a variable that is not set.
        SettingError: a switch in the environment is neither on nor off.
    """
    _check_keys(where, source)
    default = options_from_environment(source.type, env)
    variables = {key: variable for key in _SECRETS if (variable := getattr(source, f"{key}_env")) is not None}
    if variables or source.profile is not None:  # the environment's credentials are another identity
        default = replace(default, anonymous=False, **_NO_SECRETS)
    if source.account not in (None, default.account):
        default = replace(default, endpoint_url=None, **_NO_SECRETS)
    stated: dict[str, Any] = {key: value for key in _SAME if (value := getattr(source, key)) is not None}
    stated["region"] = source.region or default.region
    stated["redirect_hosts"] = tuple(host.lower().strip("[]") for host in source.redirect_hosts)
    stated |= {key: secret_of(f"{where}.{key}_env", variable, env) for key, variable in variables.items()}
    return replace(default, **stated)


def signs_urls(scheme: str, options: SourceOptions) -> bool:
    """Tell whether the credentials of an origin can sign URLs for clients, or none are needed."""
    can_sign = {"s3": True, "gs": options.access_key_id is not None, "az": options.access_key is not None}
    return can_sign.get(scheme, False) or (options.anonymous and scheme in BUCKETS)


def secret_of(where: str, variable: str, env: Mapping[str, str]) -> str:
    """The value of the variable that a key names, without the newline that a file of secrets often ends with.

    Raises:
        FileError: it is not set.
    """
    if not env.get(variable):
        name = variable if _VARIABLE.fullmatch(variable) else "that it names"
        raise FileError(f"{where}: the environment variable {name} is not set")
    return env[variable].rstrip("\r\n")


def _check_keys(where: str, source: SourceConfig) -> None:
    """Refuse keys of the other type, half of a pair, and invalid endpoints and hosts."""
    for key, types in _TYPES.items():
        if source.type not in types and getattr(source, key) is not None:
            raise FileError(f"{where}.{key}: not for a source of type {source.type!r}")
    for name, secret in (("access_key_id_env", "secret_access_key_env"), ("username_env", "password_env")):
        if (getattr(source, name) is None) != (getattr(source, secret) is None):
            raise FileError(f"{where}: {name} and {secret} go together")
    check_url(f"{where}.endpoint_url", source.endpoint_url, "http(s)://host[:port]")
    for at, host in enumerate(source.redirect_hosts):
        if not HOST.fullmatch(host):
            shown = "a host with a user" if "@" in host else repr(host)
            raise FileError(
                f"{where}.redirect_hosts[{at}]: found {shown}, wanted a host alone, such as cdn.example.com"
            )


def check_url(where: str, url: str | None, wanted: str) -> None:
    """Refuse a URL that is no http(s) URL of a host, or has a user, a query or a fragment.

    Args:
        where: name of the key, for messages.
        url: value of the key; None: the key is not set.
        wanted: form of a valid URL, for messages.

    Raises:
        FileError: the URL is refused.
    """
    if url is None:
        return
    try:
        is_plain = not set("?# ") & set(split_url(url).target)
    except ValueError:
        is_plain = False
    if not is_plain or "@" in url:
        secrets = {"@": "a URL with a user", "?": "a URL with a query"}
        shown = next((name for mark, name in secrets.items() if mark in url), repr(url))
        raise FileError(f"{where}: found {shown}, wanted {wanted}")


def check_origins(origins: Sequence[str]) -> None:
    """Refuse an origin of web pages that browsers would not send.

    Raises:
        FileError: an origin is refused.
    """
    for at, origin in enumerate(origins):
        if not _ORIGIN.fullmatch(origin):
            wanted = "http(s)://host[:port] in lower case"
            raise FileError(f"server.cors_origins[{at}]: found {origin[:100]!r}, wanted {wanted}")
