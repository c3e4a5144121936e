"""The description of all endpoints as a page shows it: operations by family, references replaced by what they name."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from server.documents import Json

_JOINED: Final = {"oneOf": " or ", "anyOf": " or ", "allOf": " with "}
_OF_PATTERNS: Final = "a name"


class Parameter(NamedTuple):
    """A parameter of an operation, or a member of an object."""

    name: str
    place: str
    """`path` or `query`; empty for a member."""
    is_required: bool
    kind: str
    """Type and range in words."""
    description: str


class Answer(NamedTuple):
    """A reply of an operation."""

    status: str
    description: str
    content: Mapping[str, str]
    """Media type -> type in words."""


class Operation(NamedTuple):
    """The GET of a path."""

    path: str
    name: str
    summary: str
    parameters: list[Parameter]
    answers: list[Answer]

    @property
    def is_link(self) -> bool:
        """True if the path itself is a URL of a document."""
        return "{" not in self.path and not any(parameter.is_required for parameter in self.parameters)


class Contents(NamedTuple):
    """The values of the page."""

    families: Mapping[str, list[Operation]]
    """Tag -> operations."""
    schemas: Mapping[str, list[Parameter]]
    """Name of an object -> its members."""


def contents(document: Json) -> Contents:
    """Arrange an OpenAPI document for a page."""
    parts = document["components"]
    families: dict[str, list[Operation]] = {tag["name"]: [] for tag in document["tags"]}
    for path, item in document["paths"].items():
        get = item["get"]
        parameters = [_parameter(_target(parts["parameters"], each)) for each in get.get("parameters", [])]
        answers = [_answer(status, _target(parts["responses"], each)) for status, each in get["responses"].items()]
        operation = Operation(path, get["operationId"], get["summary"], parameters, answers)
        families[get["tags"][0]].append(operation)
    return Contents(families, {name: _members(parts["schemas"], schema) for name, schema in parts["schemas"].items()})


def _target(parts: Json, item: Json) -> Json:
    """The part that a reference names, or the item itself."""
    part: Json = parts[_name(item)] if "$ref" in item else item
    return part


def _name(item: Json) -> str:
    return str(item["$ref"]).rpartition("/")[2]


def _parameter(about: Json) -> Parameter:
    return Parameter(about["name"], about["in"], about["required"], _kind(about["schema"]), about["description"])


def _answer(status: str, about: Json) -> Answer:
    content = {media_type: _kind(body["schema"]) for media_type, body in about.get("content", {}).items()}
    return Answer(status, about["description"], content)


def _members(schemas: Json, schema: Json) -> list[Parameter]:
    """The members of an object, with those of the objects that it extends."""
    if "$ref" in schema:
        return _members(schemas, schemas[_name(schema)])
    own = [
        Parameter(name, "", name in schema.get("required", ()), _kind(kind), kind.get("description", ""))
        for name, kind in schema.get("properties", {}).items()
    ]
    return [*(member for part in schema.get("allOf", ()) for member in _members(schemas, part)), *own]


def _kind(schema: Json) -> str:
    """A schema in words."""
    if "$ref" in schema:
        return _name(schema)
    for key, joint in _JOINED.items():
        if key in schema:
            return joint.join(_kind(each) for each in schema[key])
    if "enum" in schema:
        return ", ".join(schema["enum"])
    return _plain_kind(schema) + (" or null" if schema.get("nullable") else "")


def _plain_kind(schema: Json) -> str:
    kind = str(schema.get("type", "object"))
    if kind == "array":
        length = f"{schema['maxItems']} × " if schema.get("minItems", 0) == schema.get("maxItems", -1) else "list of "
        return length + _kind(schema["items"])
    if "pattern" in schema:
        return _OF_PATTERNS
    if "minimum" in schema:
        most = f" to {schema['maximum']:,}" if "maximum" in schema else " or more"
        default = f", else {schema['default']}" if "default" in schema else ""
        return f"{kind}, {schema['minimum']}{most}{default}"
    return str(schema.get("format", kind)) if kind == "string" else kind
