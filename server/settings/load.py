"""Settings: the TOML file with the layers, and the environment, which no other module reads.

`settings.file` defines the keys of the file; checks beyond their types are here. The files of layers are not opened: a
broken layer must not stop the others.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Final, overload

from cogread.byterange import SourceBytes, Version
from cogread.errors import SettingError
from cogread.sources import BUCKETS, SourceOptions, SourceUri
from cogread.sources.gdal_env import first_read_bytes, flag, options_from_environment
from server.access.caller import Access
from server.access.token import Token
from server.cache import open_cache
from server.http.public_urls import PublicUrls, TrustedProxies
from server.logs.line_format import FORMATS
from server.settings.attribution import Attribution, parse_attribution
from server.settings.collections import LAYER_NAME, kind_of, place_of, template_of
from server.settings.config_place import ConfigPlace, uri_of
from server.settings.credentials import check_access, signing_keys, tokens_of
from server.settings.decode import decode
from server.settings.file import CollectionFields, ConfigFile, Empty, File, FileError, LayerFields, ServerConfig
from server.settings.origin_identity import Identities
from server.settings.origins import check_origins, check_url, signs_urls, source_options
from server.settings.templates import UriTemplate
from server.settings.variables import Variables

_DEFAULT_PATH = Path(__file__).resolve().parents[2] / "config" / "layers.toml"

_HOST: Final = re.compile(
    r"[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})*|[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f:.]*(?:%[A-Za-z0-9]+)?"
)

LOOPBACK: Final = "127.0.0.1"

THREADS: Final = 32
"""Threads of each worker; bulkheads take their sizes from it."""


class ConfigError(Exception):
    """Invalid config file or environment; the message is one line that names the key or the variable."""


@dataclass(frozen=True, slots=True)
class LayerConfig:
    """The configuration of one layer, with the defaults filled in."""

    name: str
    title: str
    attribution: Attribution | None
    uri: SourceUri
    options: SourceOptions
    identity: str
    """Identity of the source; see `server.settings.origin_identity`."""
    access: Access
    max_age_s: int
    empty: Empty
    cache_tiles: bool
    """True: worker memory and Redis keep stored tiles."""
    cache_replies: bool
    """True: worker memory keeps whole replies, of local files too as long as they do not change."""
    file: File
    """True: the file itself is served; "redirect": by a presigned URL of its bucket."""
    jxl: bool
    """True: JPEG tiles are offered as JPEG XL too."""
    terrain_nodata: float
    """Height of pixels without one in tiles of terrain, in metres."""
    versioned_urls: bool
    source_name: str
    """Name of its source, or the scheme of its URI: a label of metrics."""
    collection: str | None = None
    """Name of the collection that the layer is a member of."""


@dataclass(frozen=True, slots=True)
class CollectionConfig:
    """The configuration of one collection."""

    name: str
    kind: str
    """The key of its rule, one of `server.settings.collections.KINDS`."""
    fields: CollectionFields
    """Its table, with the defaults filled in."""
    uri: SourceUri
    """The place that the rule names: a template, a folder, a prefix or a document."""
    template: UriTemplate | None = field(compare=False, repr=False)
    """The template of a collection by `uri`."""
    attribution: Attribution | None
    options: SourceOptions
    """Options of the origin of `uri`."""
    source: SourceOptions | None
    """Options of the source that its table names, which may be that of its members alone."""
    options_for: Callable[[str, bool], SourceOptions] = field(compare=False, repr=False)
    """Returns the options of origins of a scheme: those of its source where the scheme fits, else the environment's.
    True: the origin is that of `uri`; the source's credentials for HTTP go to no other."""
    member: Callable[[str, SourceUri, str, Attribution | None, bool], LayerConfig] = field(compare=False, repr=False)
    """Makes the configuration of a member of a whole name, a URI, a title and an attribution; True: see above."""

    @property
    def folder(self) -> str | None:
        """The folder that all files of the collection are below; None: there is none."""
        if self.uri.scheme != "file" or self.kind not in ("uri", "folder"):
            return None
        return self.uri.location.partition("{")[0].rpartition("/")[0] if self.kind == "uri" else self.uri.location

    @property
    def access(self) -> Access:
        """The right that it takes to read a member."""
        return self.fields.access

    @property
    def source_name(self) -> str:
        """Name of its source, or the scheme of its URI: a label of metrics."""
        return self.fields.source or self.uri.scheme.replace("https", "http")


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


@dataclass(frozen=True, slots=True)
class Deployment:
    """Settings of gunicorn."""

    host: str
    port: int
    workers: int
    log_level: str
    threads: int = THREADS
    """Threads of each worker."""
    log_format: str = FORMATS[0]
    metrics_host: str = LOOPBACK
    metrics_port: int | None = None


LOG_LEVELS = ("debug", "info", "warning", "error", "critical")


def deployment(environ: Mapping[str, str] | None = None) -> Deployment:
    """Read HOST, PORT, WEB_CONCURRENCY, LOG_LEVEL, LOG_FORMAT, RAWCOG_METRICS_HOST and RAWCOG_METRICS_PORT.

    A platform that sets PORT expects the server on every interface; without it the server stays on loopback.

    Raises:
        ConfigError: a value is not a number, out of range or unknown.
    """
    env = os.environ if environ is None else environ
    port, metrics_port = _number(env, "PORT", 8000, 0, 65535), _metrics_port(env)
    if metrics_port == port:
        raise ConfigError(f"RAWCOG_METRICS_PORT: found {port}, which is PORT too; wanted a port of its own")
    return Deployment(
        host=_host(env, "HOST", "0.0.0.0" if env.get("PORT") else LOOPBACK),  # noqa: S104 - a platform's router
        port=port,
        workers=_number(env, "WEB_CONCURRENCY", 2, 1, 1024),
        log_level=_log_level(env),
        log_format=_log_format(env),
        metrics_host=_host(env, "RAWCOG_METRICS_HOST", LOOPBACK),
        metrics_port=metrics_port,
    )


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
    maker = _LayerMaker(place.folder, file, options, Identities(env), env)
    is_on_heroku = bool(env.get("DYNO"))  # Heroku's Redis has a self-signed certificate
    redis_tls_verify = flag(env, "RAWCOG_REDIS_TLS_VERIFY", default=not is_on_heroku)
    layers = {name: maker.layer(name, fields) for name, fields in file.layers.items()}
    collections = {name: maker.collection(name, fields) for name, fields in file.collections.items()}
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
        redis_url=_redis_url(env, redis_tls_verify),
        redis_tls_verify=redis_tls_verify,
        first_read_bytes=first_read_bytes(env, default=0),
        log_level=_log_level(env),
        log_format=_log_format(env),
        metrics_port=_metrics_port(env),
        has_traces=_has_traces(env),
    )


class _LayerMaker:
    """Makes the configurations of the layers and collections of a config file, and those of members at run time."""

    def __init__(
        self,
        folder: Path | None,
        file: ConfigFile,
        options: Mapping[str, SourceOptions],
        identities: Identities,
        env: Mapping[str, str],
    ) -> None:
        self._folder, self._file, self._options, self._identities, self._env = folder, file, options, identities, env

    def layer(self, name: str, fields: LayerFields) -> LayerConfig:
        where = f"layers.{name}"
        _check_name("layers", name)
        uri = uri_of(f"{where}.uri", fields.uri, self._folder)
        options = self._source(where, fields.source, uri.scheme)
        if options is None:
            options = options_from_environment(uri.scheme, self._env)
        _check_file(where, fields.file, uri.scheme, options)
        return self._config(name, uri, fields.title or name, _attribution(where, fields.attribution), options, fields)

    def collection(self, name: str, fields: CollectionFields) -> CollectionConfig:
        where = f"collections.{name}"
        _check_name("collections", name)
        if name in self._file.layers:
            raise FileError(f"{where}: a layer has the same name")
        kind = kind_of(where, fields)
        uri = place_of(where, kind, getattr(fields, kind), self._folder)
        stated = self._source(where, fields.source, uri.scheme if kind in ("uri", "folder", "prefix") else None)
        kinds = self._file.sources[fields.source].type if fields.source is not None else None

        def options_for(scheme: str, is_own: bool) -> SourceOptions:
            is_stated = stated is not None and scheme.replace("https", "http") == kinds
            options = stated if stated is not None and is_stated else options_from_environment(scheme, self._env)
            is_for_all = is_own or scheme in BUCKETS
            return options if is_for_all else replace(options, username=None, password=None, bearer_token=None)

        def member(
            whole: str, uri: SourceUri, title: str, attribution: Attribution | None, is_own: bool
        ) -> LayerConfig:
            return self._config(whole, uri, title, attribution, options_for(uri.scheme, is_own), fields, name)

        if kind in ("uri", "folder", "prefix"):  # members of a list have places of their own
            _check_file(where, fields.file, uri.scheme, options_for(uri.scheme, True))
        return CollectionConfig(
            name=name,
            kind=kind,
            fields=fields,
            uri=uri,
            template=template_of(where, kind, uri, fields),
            attribution=_attribution(where, fields.attribution),
            options=options_for(uri.scheme, True),
            source=stated,
            options_for=options_for,
            member=member,
        )

    def _source(self, where: str, name: str | None, scheme: str | None) -> SourceOptions | None:
        """The options of a source, if the table names one; `scheme` is that of the table's URI."""
        if name is None:
            return None
        if name not in self._options:
            names = ", ".join(sorted(self._options)) or "none"
            raise FileError(f"{where}.source: found {name!r}, wanted one of [sources]: {names}")
        kind = self._file.sources[name].type
        if scheme is not None and kind != scheme.replace("https", "http"):
            raise FileError(f"{where}.source: {name!r} is of type {kind!r}, the uri is {scheme}")
        return self._options[name]

    def _config(
        self,
        name: str,
        uri: SourceUri,
        title: str,
        attribution: Attribution | None,
        options: SourceOptions,
        fields: LayerFields | CollectionFields,
        collection: str | None = None,
    ) -> LayerConfig:
        return LayerConfig(
            name=name,
            title=title,
            attribution=attribution,
            uri=uri,
            options=options,
            identity=self._identities.of(uri, options),
            access=fields.access,
            max_age_s=fields.max_age_s,
            empty=fields.empty,
            cache_tiles=uri.scheme != "file" if fields.cache_tiles is None else fields.cache_tiles,
            cache_replies=fields.cache_tiles is not False,
            file=True if fields.file == "redirect" and not signs_urls(uri.scheme, options) else fields.file,
            jxl=fields.jxl,
            terrain_nodata=fields.terrain_nodata,
            versioned_urls=fields.versioned_urls,
            source_name=fields.source or uri.scheme.replace("https", "http"),
            collection=collection,
        )


def _check_name(table: str, name: str) -> None:
    if not LAYER_NAME.fullmatch(name):
        grammar = "1 to 100 letters, digits, '_', '-' or '.', not first '-' or '.'"
        raise FileError(f"{table}: found the name {name!r}, wanted {grammar}")


def _check_file(where: str, file: File, scheme: str, options: SourceOptions) -> None:
    if file == "redirect" and not signs_urls(scheme, options):
        reason = "no key signs its URLs" if scheme in BUCKETS else f"the uri is {scheme}, not of a bucket"
        raise FileError(f"{where}.file: found 'redirect', wanted true or false, as {reason}")


def _attribution(where: str, text: str | None) -> Attribution | None:
    return parse_attribution(f"{where}.attribution", text) if text else None


def _trusted(proxies: int | tuple[str, ...]) -> TrustedProxies:
    if isinstance(proxies, int):
        return proxies
    return tuple(_network(f"server.trusted_proxies[{at}]", text) for at, text in enumerate(proxies))


def _network(where: str, text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text)
    except ValueError as error:
        raise FileError(f"{where}: found {text!r}, wanted an address or a network such as 10.0.0.0/8") from error


def _redis_url(env: Mapping[str, str], tls_verify: bool) -> str | None:
    url = env.get("REDIS_URL") or None
    try:
        open_cache(url, tls_verify)
    except ValueError as error:
        raise ConfigError(f"REDIS_URL: {error}") from error
    return url


def _log_level(env: Mapping[str, str]) -> str:
    level = (env.get("LOG_LEVEL") or "info").lower()
    if level not in LOG_LEVELS:
        raise ConfigError(f"LOG_LEVEL: found {level!r}, wanted one of {', '.join(LOG_LEVELS)}")
    return level


def _log_format(env: Mapping[str, str]) -> str:
    line_format = (env.get("LOG_FORMAT") or FORMATS[0]).lower()
    if line_format not in FORMATS:
        raise ConfigError(f"LOG_FORMAT: found {line_format[:100]!r}, wanted one of {', '.join(FORMATS)}")
    return line_format


def _has_traces(env: Mapping[str, str]) -> bool:
    """Tell whether the variables of OpenTelemetry name a collector and do not turn the SDK off."""
    is_named = env.get("OTEL_EXPORTER_OTLP_ENDPOINT") or env.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    return bool(is_named) and env.get("OTEL_SDK_DISABLED", "").lower() != "true"


def _metrics_port(env: Mapping[str, str]) -> int | None:
    return _number(env, "RAWCOG_METRICS_PORT", 0, 1, 65535) if env.get("RAWCOG_METRICS_PORT") else None


def _host(env: Mapping[str, str], name: str, default: str) -> str:
    host = env.get(name) or default
    if not _HOST.fullmatch(host):
        raise ConfigError(f"{name}: found {host[:100]!r}, wanted a name or an IP address, such as 127.0.0.1 or ::1")
    return host


def _number(env: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = env.get(name) or str(default)
    if not re.fullmatch(r"[0-9]{1,9}", text) or not least <= int(text) <= most:
        raise ConfigError(f"{name}: found {text!r}, wanted a number from {least} to {most}")
    return int(text)
