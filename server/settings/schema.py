"""The JSON Schema of the config file and the tables of its keys in the documentation, generated from `file`.

`python -m server.settings.schema` writes both after a change of a key. The schema refuses what `decode` refuses, as far
as a schema can. It has no references between its parts and is valid for the drafts from 6 on, since editors read
different ones.
"""

import ast
import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import fields

from server.settings import file
from server.settings.collections import LAYER_NAME
from server.settings.file import (
    CollectionFields,
    ConfigFile,
    Defaults,
    LayerFields,
    ServerConfig,
    SourceConfig,
    TokenConfig,
)

_CHECKOUT: Final = Path(__file__).resolve().parents[2]
SCHEMA: Final = _CHECKOUT / "config" / "layers.schema.json"
DOCUMENT: Final = _CHECKOUT / "docs" / "configuration.md"

TABLES: Final[dict[str, tuple[type[Struct], type[Struct] | None]]] = {
    "server": (ServerConfig, None),
    "defaults": (Defaults, None),
    "layers": (LayerFields, Defaults),
    "collections": (CollectionFields, Defaults),
    "tokens": (TokenConfig, None),
    "sources": (SourceConfig, None),
}
"""Table of the config file -> its keys, and those of them that are described elsewhere."""

_NAMES: Final = {"layers": LAYER_NAME, "collections": LAYER_NAME}
"""Table of named tables -> pattern of the names."""
_VARIABLE: Final = {"type": "string", "pattern": r"\$\{"}
"""A string whose value depends on the environment."""
_LINK: Final = re.compile(r"\[([^\]]+)\]\([^)]+\)")
_TABLE: Final = re.compile(r"(<!-- keys of (\w+),[^>]*-->\n).*?(<!-- end of keys -->\n)", re.DOTALL)
_MIB: Final = 1 << 20


def config_schema() -> dict[str, Any]:
    """Make the schema."""
    _, parts = msgspec.json.schema_components([ConfigFile], ref_template="{name}")
    whole = _object(ConfigFile, parts)
    for table, name in _NAMES.items():
        whole["properties"][table]["propertyNames"] = {"pattern": f"^{name.pattern}$"}
    return {"$schema": "http://json-schema.org/draft-07/schema#", "title": "rawcog", **whole}


def schema_text() -> str:
    """The schema as it is committed."""
    return json.dumps(config_schema(), indent=2, ensure_ascii=False) + "\n"


def document_text(text: str) -> str:
    """The document with the tables of keys between its marks written anew."""
    return _TABLE.sub(lambda match: f"{match[1]}{_key_table(*TABLES[match[2]])}{match[3]}", text)


def _object(struct: type[Struct], parts: dict[str, Any]) -> dict[str, Any]:
    """The schema of a table."""
    part, texts = parts[struct.__name__], _descriptions(struct)
    properties = {
        key: {"description": _LINK.sub(r"\1", texts[key]), **_value(value, parts)}
        for key, value in part["properties"].items()
    }
    required = {"required": part["required"]} if part["required"] else {}
    return {"type": "object", "properties": properties, **required, "additionalProperties": False}


def _value(schema: dict[str, Any], parts: dict[str, Any]) -> dict[str, Any]:
    """The schema of a value, without null, which TOML lacks, and with variables in place of fixed strings."""
    schema = dict(schema)
    if schema.get("default") in (None, [], {}) or "$ref" in schema:
        schema.pop("default", None)
    if "$ref" in schema:
        return _object(getattr(file, schema["$ref"]), parts)
    choices = [choice for choice in schema.pop("anyOf", []) if choice.get("type") != "null"]
    if "enum" in schema:
        choices.append({"enum": schema.pop("enum")})
    if any("enum" in choice for choice in choices):
        choices.append(_VARIABLE)
    if len(choices) == 1:
        return {**choices[0], **schema}
    if choices:
        schema["anyOf"] = choices
    if isinstance(schema.get("additionalProperties"), dict):
        schema["additionalProperties"] = _value(schema["additionalProperties"], parts)
    return schema


def _descriptions(struct: type[Struct]) -> dict[str, str]:
    """Key -> the text below it in the code.

    Raises:
        ValueError: a key has none.
    """
    bases = [base for base in reversed(struct.__mro__) if base.__module__ == file.__name__]
    texts = {key: text for base in bases for key, text in _own(base)}
    for field in fields(struct):
        if field.name not in texts:
            raise ValueError(f"{file.__name__}: {struct.__name__}.{field.name} has no description below it")
    return texts


def _own(struct: type) -> Iterator[tuple[str, str]]:
    body = ast.parse(inspect.getsource(struct)).body[0]
    assert isinstance(body, ast.ClassDef)  # noqa: S101
    for key, text in zip(body.body, body.body[1:], strict=False):
        if isinstance(key, ast.AnnAssign) and isinstance(text, ast.Expr):
            yield ast.unparse(key.target), " ".join(ast.literal_eval(text.value).split())


def _key_table(struct: type[Struct], elsewhere: type[Struct] | None) -> str:
    """The keys as a table of Markdown."""
    texts, left_out = _descriptions(struct), elsewhere.__struct_fields__ if elsewhere else ()
    rows = ["| key | default | meaning |", "| --- | --- | --- |"]
    for field in fields(struct):
        if field.name not in left_out:
            meaning, _, stated = texts[field.name].partition(" Default: ")
            default = "required" if field.required else stated.rstrip(".") or _shown(field.default)
            rows.append(f"| `{field.name}` | {default} | {meaning} |")
    return "\n".join(rows) + "\n"


def _shown(default: Any) -> str:
    if default in (None, ()) or default is msgspec.NODEFAULT:
        return "none"
    if isinstance(default, str):
        return f'`"{default}"`'
    if isinstance(default, bool):
        return str(default).lower()
    return f"{default:g}" if default < _MIB else f"{default} ({default // _MIB} MiB)"


def main() -> None:
    """Write the schema and the tables."""
    SCHEMA.write_text(schema_text(), encoding="utf-8")
    DOCUMENT.write_text(document_text(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
