"""Settings: the TOML file that names the layers, and the environment. The only module that reads either.

What may stand in the file is in `server.config_file`; what its types cannot say is checked here. A layer's file is not
opened: a layer that is broken must not stop the others.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from cogread.errors import SettingError, UriError
from cogread.sources import SourceOptions, SourceUri, parse_uri
from cogread.sources.gdal_env import flag, options_from_environment
from server.cache import open_cache
from server.config_file import ConfigFile, Empty, FileError, ServerConfig, SourceConfig, decode

LAYER_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
"""A layer's name stands in URLs, file names and XML identifiers; `@` and `/` are taken by the URLs."""


class ConfigError(Exception):
    """The config file or the environment is not as it should be; the message is one line that names the place."""


@dataclass(frozen=True, slots=True)
class LayerConfig:
    """One layer, with the defaults filled in."""

    name: str
    title: str
    attribution: str | None
    uri: SourceUri
    options: SourceOptions
    max_age_s: int
    empty: Empty
    cache_tiles: bool
    versioned_urls: bool


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that the server is told from outside."""

    path: Path
    """The config file."""
    server: ServerConfig
    layers: Mapping[str, LayerConfig]
    redis_url: str | None = field(repr=False)
    redis_tls_verify: bool
    log_level: str


@dataclass(frozen=True, slots=True)
class Deployment:
    """How gunicorn is to run."""

    host: str
    port: int
    workers: int
    log_level: str


LOG_LEVELS = ("debug", "info", "warning", "error", "critical")


def deployment(environ: Mapping[str, str] | None = None) -> Deployment:
    """Read HOST, PORT, WEB_CONCURRENCY and LOG_LEVEL.

    A platform that sets PORT expects the server on every interface; without it the server stays on loopback.

    Raises:
        ConfigError: a value is not a number, out of range or unknown.
    """
    env = os.environ if environ is None else environ
    host = env.get("HOST") or ("0.0.0.0" if env.get("PORT") else "127.0.0.1")  # noqa: S104 - a platform's router
    return Deployment(
        host=host,
        port=_number(env, "PORT", 8000, 0, 65535),
        workers=_number(env, "WEB_CONCURRENCY", 2, 1, 1024),
        log_level=_log_level(env),
    )


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the environment and the config file that RAWCOG_CONFIG names (default: config/layers.toml).

    Raises:
        ConfigError: something is missing, unknown or wrong; the message names file and key.
    """
    try:
        return _settings(os.environ if environ is None else environ)
    except SettingError as error:
        raise ConfigError(str(error)) from error


def _settings(env: Mapping[str, str]) -> Settings:
    default = Path(__file__).resolve().parent.parent / "config" / "layers.toml"
    path = Path(env.get("RAWCOG_CONFIG") or default)
    file = _read(path)
    options = {name: _source_options(path, name, source, env) for name, source in file.sources.items()}
    redis_tls_verify = flag(env, "RAWCOG_REDIS_TLS_VERIFY", default=True)
    return Settings(
        path=path,
        server=_check_server(path, file.server),
        layers={name: _layer(path, name, file, options, env) for name in file.layers},
        redis_url=_redis_url(env, redis_tls_verify),
        redis_tls_verify=redis_tls_verify,
        log_level=_log_level(env),
    )


def _read(path: Path) -> ConfigFile:
    try:
        return decode(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"config file {path}: {error.strerror}") from error
    except FileError as error:
        raise ConfigError(f"config file {path}: {error}") from error


def _check_server(path: Path, server: ServerConfig) -> ServerConfig:
    _check_url(f"config file {path}: server.public_url", server.public_url, "http(s)://host/path/")
    return server


def _layer(
    path: Path, name: str, file: ConfigFile, options: Mapping[str, SourceOptions], env: Mapping[str, str]
) -> LayerConfig:
    fields, defaults = file.layers[name], file.defaults
    where = f"config file {path}: layers.{name}"
    if not LAYER_NAME.fullmatch(name):
        wanted = "1 to 100 letters, digits, '_', '-' or '.', not first '-' or '.'"
        raise ConfigError(f"config file {path}: layers: found the name {name!r}, wanted {wanted}")
    try:
        uri = parse_uri(fields.uri, base=path.resolve().parent)
    except UriError as error:
        raise ConfigError(f"{where}.uri: {error}") from error
    if fields.source is not None:
        if fields.source not in options:
            known = ", ".join(sorted(options)) or "none"
            raise ConfigError(f"{where}.source: found {fields.source!r}, wanted one of [sources]: {known}")
        wanted = file.sources[fields.source].type
        if wanted != uri.scheme.replace("https", "http"):
            raise ConfigError(f"{where}.source: {fields.source!r} is of type {wanted!r}, the uri is {uri.scheme}")
    cache_tiles = fields.cache_tiles if fields.cache_tiles is not None else defaults.cache_tiles
    return LayerConfig(
        name=name,
        title=fields.title or name,
        attribution=fields.attribution,
        uri=uri,
        options=options[fields.source] if fields.source else options_from_environment(uri.scheme, env),
        max_age_s=defaults.max_age_s if fields.max_age_s is None else fields.max_age_s,
        empty=fields.empty or defaults.empty,
        cache_tiles=uri.scheme != "file" if cache_tiles is None else cache_tiles,
        versioned_urls=defaults.versioned_urls if fields.versioned_urls is None else fields.versioned_urls,
    )


def _source_options(path: Path, name: str, source: SourceConfig, env: Mapping[str, str]) -> SourceOptions:
    def secret(key: str) -> str | None:
        variable: str | None = getattr(source, f"{key}_env")
        if variable is None:
            return None
        if not env.get(variable):
            where = f"config file {path}: sources.{name}.{key}_env"
            raise ConfigError(f"{where}: the environment variable that it names is not set")
        return env[variable]

    for key in source.__struct_fields__:
        if key in _OTHER_TYPES[source.type] and getattr(source, key) is not None:
            raise ConfigError(f"config file {path}: sources.{name}.{key}: not for a source of type {source.type!r}")
    for one, other in (("access_key_id_env", "secret_access_key_env"), ("username_env", "password_env")):
        if (getattr(source, one) is None) != (getattr(source, other) is None):
            raise ConfigError(f"config file {path}: sources.{name}: {one} and {other} go together")
    _check_url(f"config file {path}: sources.{name}.endpoint_url", source.endpoint_url, "http(s)://host[:port]")
    usual = options_from_environment(source.type, env)
    has_own_identity = source.access_key_id_env is not None or source.profile is not None
    return SourceOptions(
        connect_timeout_s=source.connect_timeout_s,
        read_timeout_s=source.read_timeout_s,
        redirect_hosts=source.redirect_hosts,
        username=secret("username"),
        password=secret("password"),
        bearer_token=secret("bearer_token"),
        endpoint_url=source.endpoint_url or usual.endpoint_url,
        region=source.region or usual.region,
        profile=source.profile,
        access_key_id=secret("access_key_id"),
        secret_access_key=secret("secret_access_key"),
        session_token=secret("session_token"),
        anonymous=usual.anonymous and not has_own_identity if source.anonymous is None else source.anonymous,
        request_payer=usual.request_payer if source.request_payer is None else source.request_payer,
        virtual_hosting=usual.virtual_hosting if source.virtual_hosting is None else source.virtual_hosting,
    )


_S3_ONLY = frozenset(
    {
        "endpoint_url",
        "region",
        "profile",
        "access_key_id_env",
        "secret_access_key_env",
        "session_token_env",
        "anonymous",
        "request_payer",
        "virtual_hosting",
    }
)
_HTTP_ONLY = frozenset({"username_env", "password_env", "bearer_token_env"})
_OTHER_TYPES = {"http": _S3_ONLY, "s3": _HTTP_ONLY}


def _redis_url(env: Mapping[str, str], tls_verify: bool) -> str | None:
    url = env.get("REDIS_URL") or None
    try:
        open_cache(url, tls_verify)
    except ValueError as error:
        raise ConfigError(f"REDIS_URL: {error}") from error
    return url


def _check_url(where: str, url: str | None, wanted: str) -> None:
    """Refuse what is no http(s) URL of a host, or holds what a root must not: a user, a query, a fragment."""
    if url is None:
        return
    parts = _split(url)
    is_root = parts and parts.scheme in ("http", "https") and parts.hostname and not (parts.query or parts.fragment)
    if not is_root or "@" in url:
        found = "a URL with a user" if "@" in url else repr(url)
        raise ConfigError(f"{where}: found {found}, wanted {wanted}")


def _split(url: str) -> SplitResult | None:
    """The parts of a URL, None if it cannot be one."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # a port that is no number raises here
    except ValueError:
        return None
    return parts


def _log_level(env: Mapping[str, str]) -> str:
    level = (env.get("LOG_LEVEL") or "info").lower()
    if level not in LOG_LEVELS:
        raise ConfigError(f"LOG_LEVEL: found {level!r}, wanted one of {', '.join(LOG_LEVELS)}")
    return level


def _number(env: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = env.get(name) or str(default)
    if not re.fullmatch(r"[0-9]{1,9}", text) or not least <= int(text) <= most:
        raise ConfigError(f"{name}: found {text!r}, wanted a number from {least} to {most}")
    return int(text)
