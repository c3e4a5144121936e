"""The config file: its keys and types, and errors that name the key, the value found and the value wanted.

Each key is converted by itself, so that an error names its place. `load` reads the file and fills in defaults.
"""

import json
import re
import tomllib
from functools import lru_cache
from typing import Annotated, Any, Final, Literal, TypeVar, cast, get_args, get_origin

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import FieldInfo, fields

from cogread.sources.protocol import Validators
from server.access.caller import Access
from server.settings.variables import Variables, key_word

T = TypeVar("T", bound=Struct)

Empty = Literal["204", "404", "transparent"]
Age = Annotated[int, Meta(ge=0, le=31_536_000)]
File = bool | Literal["redirect"]
Seconds = Annotated[float, Meta(ge=0, le=31_536_000)]
RefreshSeconds = Annotated[float, Meta(ge=1, le=31_536_000)]
Timeout = Annotated[float, Meta(gt=0, le=25)]
Height = Annotated[float, Meta(ge=-32768, lt=32768)]


class FileError(Exception):
    """Invalid content of the config file; the message is one line that names the key."""


class ServerConfig(Struct, frozen=True):
    """[server]."""

    title: str = "rawcog"
    revalidate_s: Seconds = 60.0
    """Time for which a version of a source is trusted before the origin is asked again."""
    public_url: str | None = None
    """Beginning of the URLs in documents; None: relative, or the Host of the request."""
    trusted_proxies: Annotated[int, Meta(ge=0, le=10)] | tuple[str, ...] = 0
    """Proxies with trusted X-Forwarded-Proto, -Host and -Prefix: their number in a row, or their networks."""
    memory_bytes: Annotated[int, Meta(ge=1 << 20, le=1 << 40)] = 128 << 20
    """Bound of each worker's memory cache: bytes of files, parsed headers and whole replies."""
    watch_s: Seconds = 0.0
    """Time within which a change of the config file is seen; 0: at HUP only."""
    inflight_bytes: Annotated[int, Meta(ge=1 << 20, le=1 << 40)] = 256 << 20
    """Bound of the memory of large tiles in flight, in each worker."""


class Defaults(Struct, frozen=True):
    """[defaults]: values for layers without such a key."""

    access: Access = "public"
    """The right that it takes to read a layer: none, a token, or a signature or token."""
    max_age_s: Age = 3600
    empty: Empty = "204"
    cache_tiles: bool | None = None
    file: File = True
    """Serve the file itself, by byte ranges; "redirect": send clients to a presigned URL of the bucket."""
    jxl: bool = False
    """Offer JPEG tiles as JPEG XL too, repacked without loss."""
    terrain_nodata: Height = 0.0
    """Height of pixels without one in tiles of terrain, in metres."""
    versioned_urls: bool = True
    """Use immutable URLs, which name the version, in documents."""


class SourceConfig(Struct, frozen=True):
    """[sources.NAME]: an origin. Secrets are in the environment; the file names their variables."""

    type: Literal["http", "s3"]
    endpoint_url: str | None = None
    region: str | None = None
    profile: str | None = None
    access_key_id_env: str | None = None
    secret_access_key_env: str | None = None
    session_token_env: str | None = None
    username_env: str | None = None
    password_env: str | None = None
    bearer_token_env: str | None = None
    anonymous: bool | None = None
    request_payer: bool | None = None
    virtual_hosting: bool | None = None
    connect_timeout_s: Timeout = 2.0
    read_timeout_s: Timeout = 5.0
    redirect_hosts: tuple[str, ...] = ()
    validators: Validators = "etag"


class TokenConfig(Struct, frozen=True):
    """[tokens.NAME]: a token for callers. The secret is in the environment."""

    env: str
    """Name of the variable with the secret."""
    layers: tuple[str, ...]
    """Names of layers and collections that it opens; `*` stands for any characters."""


class LayerFields(Defaults, frozen=True, kw_only=True):
    """[layers.NAME], over the keys of [defaults]."""

    uri: str
    source: str | None = None
    title: str | None = None
    attribution: str | None = None


class CollectionFields(Defaults, frozen=True, kw_only=True):
    """[collections.NAME], over the keys of [defaults]: many layers by one rule, each of which is opened when asked for.

    The rule is that of one of the keys `uri`, `folder`, `prefix`, `stac` and `list`; see `server.settings.collections`.
    """

    uri: str | None = None
    """Template of the URIs, with parts in braces; the values of the parts are the names of the members."""
    match: dict[str, str] = {}
    """Part of `uri` -> regular expression of its values."""
    folder: str | None = None
    """Folder of local files."""
    prefix: str | None = None
    """Beginning of the URIs of objects, `s3://bucket/path/`."""
    pattern: str | None = None
    """Files below `folder` or `prefix`: `*` stands for a part of a name, `**` for folders too; None: all TIFFs."""
    stac: str | None = None
    """URL or path of a STAC document."""
    asset: str | None = None
    """Key of the asset of each STAC item; None: the first that is a COG."""
    hosts: tuple[str, ...] = ()
    """Hosts and buckets beside the document's own that the files of STAC items may be on."""
    list: str | None = None
    """Path or URL of a text or CSV file of names and URIs."""
    refresh_s: RefreshSeconds = 300.0
    """Age at which the list of the members is read anew."""
    time: str | None = None
    """Template of the instant of a member, with parts in braces; None: that of the STAC item."""
    wmts: bool = False
    """List the members in the capabilities of the whole server, up to a thousand."""
    source: str | None = None
    title: str | None = None
    """Title of a member, with parts in braces, or of the collection."""
    attribution: str | None = None


class ConfigFile(Struct, frozen=True):
    """The whole file."""

    server: ServerConfig = ServerConfig()
    defaults: Defaults = Defaults()
    sources: dict[str, SourceConfig] = {}
    tokens: dict[str, TokenConfig] = {}
    layers: dict[str, LayerFields] = {}
    collections: dict[str, CollectionFields] = {}


_NAMED: Final[dict[str, type[Struct]]] = {
    "sources": SourceConfig,
    "tokens": TokenConfig,
    "layers": LayerFields,
    "collections": CollectionFields,
}
"""Tables of named tables -> type of the inner tables."""

_KINDS: Final = {
    "str": "a string",
    "int": "an integer",
    "float": "a number",
    "bool": "true or false",
    "array": "an array",
    "list": "an array",
    "object": "a table",
    "dict": "a table",
}
"""Name of a type in Python or msgspec -> its name in messages."""


def decode(data: bytes, variables: Variables) -> ConfigFile:
    """Read the content of a config file.

    Args:
        data: the content.
        variables: replaces those in its strings.

    Raises:
        FileError: the content is not TOML, or a key is unknown, missing, or of a wrong type or value.
    """
    try:
        raw = tomllib.loads(data.decode("utf-8-sig"))  # Windows editors begin files with a byte order mark
    except UnicodeDecodeError as error:
        raise FileError(f"byte {error.start} is not UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise FileError(f"not TOML: {error}") from error
    try:
        raw = variables.replaced(raw)
    except ValueError as error:
        raise FileError(str(error)) from None
    defaults = raw.get("defaults", {})
    for kind in ("layers", "collections"):
        if isinstance(tables := raw.get(kind), dict):
            _ = _convert("defaults", defaults, Defaults)
            raw[kind] = {
                name: {**defaults, **table} if isinstance(table, dict) else table for name, table in tables.items()
            }
    return _convert("", raw, ConfigFile)


def _convert(place: str, table: object, struct: type[T]) -> T:
    """Convert a table into a struct, key by key."""
    if not isinstance(table, dict):
        raise FileError(f"{place}: found {_shown(table)}, wanted a table")
    allowed = _fields(struct)
    values: dict[str, Any] = {}
    for key, value in table.items():
        where = f"{place}.{key_word(key)}".removeprefix(".")
        if key not in allowed:
            advice = _dotted_name(place, key, value) if isinstance(value, dict) else ""
            raise FileError(f"{where}: unknown key, wanted one of {', '.join(allowed)}{advice}")
        values[key] = _value(where, value, allowed[key])
    for field in allowed.values():
        if field.required and field.name not in values:
            raise FileError(f"{place}: no {field.name}, which is required")
    return struct(**values)


def _dotted_name(place: str, key: str, table: dict[str, object]) -> str:
    """Advice where TOML took a name with dots for tables in tables; empty where it is no such name."""
    kind, _, name = place.partition(".")
    if kind not in _NAMED:
        return ""
    while len(table) == 1 and isinstance(inner := next(iter(table.values())), dict):
        (rest,), table = table, inner
        key = f"{key}.{rest}"
    return f"; quote a name with dots: [{kind}.{json.dumps(f'{name}.{key}', ensure_ascii=False)}]"


@lru_cache
def _fields(struct: type[Struct]) -> dict[str, FieldInfo]:
    """A struct's fields by name. Cached, as a config may have ten thousand layers."""
    return {field.name: field for field in fields(struct)}


def _value(where: str, value: object, field: FieldInfo) -> Any:
    if isinstance(field.type, type) and issubclass(field.type, Struct):
        return _convert(where, value, field.type)
    if where in _NAMED and isinstance(value, dict):
        return {name: _convert(f"{where}.{key_word(name)}", table, _NAMED[where]) for name, table in value.items()}
    if get_origin(field.type) is dict and isinstance(value, dict):
        for key, text in value.items():
            if not isinstance(text, str):
                raise FileError(f"{where}.{key_word(key)}: found {_shown(text)}, wanted a string")
    try:
        return msgspec.convert(value, field.type)
    except msgspec.ValidationError as error:
        text, _, inner = str(error).partition(" - at `$")
        for index in re.findall(r"\d+", inner):
            value = cast(list[object], value)[int(index)]
        choices = _choices(field.type)
        wanted = choices or _wanted(text)
        raise FileError(
            f"{where}{inner.rstrip('`')}: found {_shown(value, show_text=bool(choices))}, wanted {wanted}"
        ) from error


def _wanted(message: str) -> str:
    """Translate the wish in msgspec's "Expected `int | null`, got `str`" or "Expected `int` >= 1"."""
    kinds, _, bound = message.removeprefix("Expected `").partition(", got ")[0].partition("`")
    return " or ".join(_KINDS.get(kind, kind) for kind in kinds.removesuffix(" | null").split(" | ")) + bound


def _choices(kind: Any) -> str:
    parts = (kind, *get_args(kind))
    literals = [repr(choice) for part in parts if get_origin(part) is Literal for choice in get_args(part)]
    return " or ".join([*(["true", "false"] if literals and bool in parts else []), *literals])


def _shown(value: object, show_text: bool = False) -> str:
    """A value as messages show it. Strings are shown only for keys that hold no secret."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float) or (show_text and isinstance(value, str)):
        return repr(value)[:50]
    return _KINDS.get(type(value).__name__, f"a {type(value).__name__}")
