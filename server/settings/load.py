"""Settings: the TOML file with the layers, and the environment, which no other module reads.

`settings.file` defines the keys of the file; checks beyond their types are here. The files of layers are not opened: a
broken layer must not stop the others.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import overload

from cogread.byterange import SourceBytes, Version
from cogread.errors import SettingError
from cogread.sources.gdal_env import first_read_bytes, flag
from server.access.token import Token
from server.http.public_urls import PublicUrls, TrustedProxies
from server.settings import environment
from server.settings.config_place import ConfigPlace
from server.settings.credentials import check_access, signing_keys, tokens_of
from server.settings.decode import decode
from server.settings.environment import THREADS, Deployment
from server.settings.file import FileError, ServerConfig
from server.settings.layer_config import CollectionConfig, LayerConfig
from server.settings.origin_identity import Identities
from server.settings.origins import check_origins, check_url, source_options
from server.settings.tables import Tables
from server.settings.variables import Variables

_DEFAULT_PATH = Path(__file__).resolve().parents[2] / "config" / "layers.toml"


class ConfigError(Exception):
    """Invalid config file or environment; the message is one line that names the key or the variable."""


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, from the config file and the environment."""

    config_name: str
    """Path or URI of the config file, without credentials."""
    server: ServerConfig
    public_urls: PublicUrls
    layers: Mapping[str, LayerConfig]
    collections: Mapping[str, CollectionConfig]
    tokens: tuple[Token, ...]
    signing_keys: tuple[bytes, ...] = field(repr=False)
    """Keys that verify signatures; the first signs."""
    redis_url: str | None = field(repr=False)
    redis_tls_verify: bool
    first_read_bytes: int
    """Least size of the first read of a file; a cache may read more."""
    log_level: str
    log_format: str
    """One of `server.logs.line_format.FORMATS`."""
    metrics_port: int | None
    """Port at which metrics are served beside `server.metrics`; None: at none."""
    has_traces: bool
    """True: requests have spans, which OpenTelemetry exports."""
    threads: int = THREADS
    """Threads of the worker."""

    @property
    def has_metrics(self) -> bool:
        """Tell whether metrics are served, at whatever port."""
        return self.server.metrics or self.metrics_port is not None


def deployment(environ: Mapping[str, str] | None = None) -> Deployment:
    """Read the settings of gunicorn; see `environment.deployment`.

    Raises:
        ConfigError: a value is not a number, out of range or unknown.
    """
    try:
        return environment.deployment(os.environ if environ is None else environ)
    except SettingError as error:
        raise ConfigError(str(error)) from error


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the environment and the config file that RAWCOG_CONFIG names (default: config/layers.toml).

    Raises:
        ConfigError: a value is missing, unknown or wrong; the message names file and key.
    """
    place = config_place(environ)
    return parse(place, read(place).data, environ)


def config_place(environ: Mapping[str, str] | None = None) -> ConfigPlace:
    """The place that RAWCOG_CONFIG names.

    Raises:
        ConfigError: it is a URI of no supported form, or a variable with options of its origin is wrong.
    """
    env = os.environ if environ is None else environ
    try:
        return ConfigPlace(env.get("RAWCOG_CONFIG") or str(_DEFAULT_PATH), env)
    except SettingError as error:
        raise ConfigError(str(error)) from error
    except FileError as error:
        raise ConfigError(f"RAWCOG_CONFIG: {error}") from error


@overload
def read(place: ConfigPlace) -> SourceBytes: ...
@overload
def read(place: ConfigPlace, unless: Version | None) -> SourceBytes | None: ...
def read(place: ConfigPlace, unless: Version | None = None) -> SourceBytes | None:
    """Read the config file; None: it still has the version `unless`.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        return place.read(unless)
    except FileError as error:
        raise ConfigError(f"config file {place.name}: {error}") from error


def parse(place: ConfigPlace, data: bytes, environ: Mapping[str, str] | None = None) -> Settings:
    """Make the settings of the content of a config file and of the environment.

    Raises:
        ConfigError: a value is missing, unknown or wrong; the message names file and key.
    """
    env = os.environ if environ is None else environ
    variables = Variables(env)
    try:
        return _settings(place, data, variables, env)
    except SettingError as error:
        raise ConfigError(str(error)) from error
    except FileError as error:
        raise ConfigError(f"config file {place.name}: {variables.without_values(str(error))}") from None


def _settings(place: ConfigPlace, data: bytes, variables: Variables, env: Mapping[str, str]) -> Settings:
    file = decode(data, variables)
    check_url("server.public_url", file.server.public_url, "http(s)://host/path/")
    check_origins(() if file.server.cors_origins == "*" else file.server.cors_origins)
    public_urls = PublicUrls(file.server.public_url, _trusted(file.server.trusted_proxies))
    options = {name: source_options(f"sources.{name}", source, env) for name, source in file.sources.items()}
    tables = Tables(place.folder, file, options, Identities(env), env)
    is_on_heroku = bool(env.get("DYNO"))  # Heroku's Redis has a self-signed certificate
    redis_tls_verify = flag(env, "RAWCOG_REDIS_TLS_VERIFY", default=not is_on_heroku)
    layers = {name: tables.layer(name, fields) for name, fields in file.layers.items()}
    collections = {name: tables.collection(name, fields) for name, fields in file.collections.items()}
    tokens, keys = tokens_of(file.tokens, {**layers, **collections}, env), signing_keys(env)
    for kind, configs in (("layers", layers), ("collections", collections)):
        for config in configs.values():
            check_access(f"{kind}.{config.name}.access", config.access, tokens, keys)
    return Settings(
        config_name=place.name,
        server=file.server,
        public_urls=public_urls,
        layers=layers,
        collections=collections,
        tokens=tokens,
        signing_keys=keys,
        redis_url=environment.redis_url(env, redis_tls_verify),
        redis_tls_verify=redis_tls_verify,
        first_read_bytes=first_read_bytes(env, default=0),
        log_level=environment.log_level(env),
        log_format=environment.log_format(env),
        metrics_port=environment.metrics_port(env),
        has_traces=environment.has_traces(env),
    )


def _trusted(proxies: int | tuple[str, ...]) -> TrustedProxies:
    if isinstance(proxies, int):
        return proxies
    return tuple(_network(f"server.trusted_proxies[{at}]", text) for at, text in enumerate(proxies))


def _network(where: str, text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text)
    except ValueError as error:
        raise FileError(f"{where}: found {text!r}, wanted an address or a network such as 10.0.0.0/8") from error
