"""The config file: what may stand in it, and errors that say what was found where, and what was wanted.

Each key is converted by itself, so that an error knows its place; `load` reads the file and fills in defaults.
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

T = TypeVar("T", bound=Struct)

Empty = Literal["204", "404", "transparent"]
Age = Annotated[int, Meta(ge=0, le=31_536_000)]
Seconds = Annotated[float, Meta(ge=0, le=31_536_000)]
Timeout = Annotated[float, Meta(gt=0, le=25)]


class FileError(Exception):
    """The content is not as it should be; the message is one line that names the key."""


class ServerConfig(Struct, frozen=True):
    """[server]."""

    title: str = "rawcog"
    revalidate_s: Seconds = 60.0
    """How long a known version of a source is trusted before the origin is asked again."""
    public_url: str | None = None
    """Root of the URLs in documents; None: relative or the request's own."""
    trusted_proxies: Annotated[int, Meta(ge=0, le=10)] | tuple[str, ...] = 0
    """Whose X-Forwarded-Proto, -Host and -Prefix are believed: so many proxies in a row, or those of these networks."""
    memory_bytes: Annotated[int, Meta(ge=1 << 20, le=1 << 40)] = 128 << 20
    """Bound of what each worker keeps: bytes of the files, and parsed headers."""
    inflight_bytes: Annotated[int, Meta(ge=1 << 20, le=1 << 40)] = 256 << 20
    """Bound of what each worker takes for large tiles while they are made and sent."""


class Defaults(Struct, frozen=True):
    """[defaults]: for every layer that does not say otherwise."""

    max_age_s: Age = 3600
    empty: Empty = "204"
    cache_tiles: bool | None = None
    versioned_urls: bool = True
    """Whether documents point to URLs that name the version, and never change."""


class SourceConfig(Struct, frozen=True):
    """[sources.NAME]: an origin. Secrets stand in the environment; the file names the variables."""

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


class LayerFields(Struct, frozen=True):
    """[layers.NAME]."""

    uri: str
    source: str | None = None
    title: str | None = None
    attribution: str | None = None
    max_age_s: Age | None = None
    empty: Empty | None = None
    cache_tiles: bool | None = None
    versioned_urls: bool | None = None


class ConfigFile(Struct, frozen=True):
    """The whole file."""

    server: ServerConfig = ServerConfig()
    defaults: Defaults = Defaults()
    sources: dict[str, SourceConfig] = {}
    layers: dict[str, LayerFields] = {}


_NAMED: Final[dict[str, type[Struct]]] = {"sources": SourceConfig, "layers": LayerFields}
"""Tables of tables, by what their names stand for."""

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
"""Python's and msgspec's words in TOML's."""


def decode(data: bytes) -> ConfigFile:
    """Read the content of a config file.

    Raises:
        FileError: it is no TOML, or a key is unknown, missing or of a wrong type or value.
    """
    try:
        raw = tomllib.loads(data.decode("utf-8-sig"))  # Windows editors begin files with a byte order mark
    except UnicodeDecodeError as error:
        raise FileError(f"byte {error.start} is not UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise FileError(f"not TOML: {error}") from error
    for key, table in raw.items():
        if key in _NAMED and isinstance(table, dict):
            for name, value in table.items():
                _convert(f"{key}.{_word(name)}", value, _NAMED[key])
    return _convert("", raw, ConfigFile)


def _convert(place: str, table: object, struct: type[T]) -> T:
    """A table as a struct, its keys one by one."""
    if not isinstance(table, dict):
        raise FileError(f"{place}: found {_found(table)}, wanted a table")
    known = _fields(struct)
    values: dict[str, Any] = {}
    for key, value in table.items():
        where = f"{place}.{_word(key)}".removeprefix(".")
        if key not in known:
            advice = _dotted_name(place, key, value) if isinstance(value, dict) else ""
            raise FileError(f"{where}: unknown key, wanted one of {', '.join(known)}{advice}")
        values[key] = _value(where, value, known[key])
    for field in known.values():
        if field.required and field.name not in values:
            raise FileError(f"{place}: no {field.name}, which it must have")
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
    """A struct's fields by name. Kept: a config may name ten thousand layers."""
    return {field.name: field for field in fields(struct)}


def _value(where: str, value: object, field: FieldInfo) -> Any:
    if isinstance(field.type, type) and issubclass(field.type, Struct):
        return _convert(where, value, field.type)
    try:
        return msgspec.convert(value, field.type)
    except msgspec.ValidationError as error:
        text, _, inner = str(error).partition(" - at `$")
        for index in re.findall(r"\d+", inner):
            value = cast(list[object], value)[int(index)]
        choices = _choices(field.type)
        found, wanted = _found(value, show_text=bool(choices)), choices or _wanted(text)
        raise FileError(f"{where}{inner.rstrip('`')}: found {found}, wanted {wanted}") from error


def _wanted(message: str) -> str:
    """What msgspec's "Expected `int | null`, got `str`" or "Expected `int` >= 1" wants."""
    kinds, _, bound = message.removeprefix("Expected `").partition(", got ")[0].partition("`")
    return " or ".join(_KINDS.get(kind, kind) for kind in kinds.removesuffix(" | null").split(" | ")) + bound


def _choices(kind: Any) -> str:
    literals = [part for part in (kind, *get_args(kind)) if get_origin(part) is Literal]
    return " or ".join(repr(choice) for literal in literals for choice in get_args(literal))


def _found(value: object, show_text: bool = False) -> str:
    """A value for a message. A text is shown only where no secret may stand."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float) or (show_text and isinstance(value, str)):
        return repr(value)[:50]
    return _KINDS.get(type(value).__name__, f"a {type(value).__name__}")


def _word(key: str) -> str:
    """A key as it may stand in a line."""
    return key if key.isprintable() and key and not set(key) & set(" .\"'=") else repr(key)
