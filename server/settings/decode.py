"""Reads the content of a config file; errors name the key, the value found and the value wanted.

Each key is converted by itself, so that an error names its place.
"""

import json
import re
import tomllib
from functools import lru_cache
from typing import Any, Final, Literal, TypeVar, cast, get_args, get_origin

import msgspec
from msgspec import Struct
from msgspec.structs import FieldInfo, fields

from server.settings.file import (
    CollectionFields,
    ConfigFile,
    Defaults,
    FileError,
    LayerFields,
    SourceConfig,
    TokenConfig,
)
from server.settings.variables import Variables, key_word

T = TypeVar("T", bound=Struct)

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
