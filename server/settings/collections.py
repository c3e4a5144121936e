"""[collections.NAME]: the kinds of rules, the keys that belong to each, and the grammar of names.

The name of a member is that of its collection, ':' and the member's own name, in which '~' stands for '/'.
"""

import re
from pathlib import Path
from typing import Final

from cogread.sources import BUCKETS, SourceUri
from cogread.sources.uri import BUCKET_NAME
from server.settings.config_place import uri_of
from server.settings.file import CollectionFields, FileError
from server.settings.hosts import Host
from server.settings.templates import UriTemplate, check_text, parse_template

LAYER_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
"""The name of a layer or collection is a part of URLs, file names and XML identifiers; `@` and `/` are separators in
URLs, `:` is that between a collection and its member."""

MEMBER_NAME: Final = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9._:~-]{0,199}")
"""The name of a member without that of its collection."""

ANY_NAME: Final = rf"{LAYER_NAME.pattern}(?::{MEMBER_NAME.pattern})?"
"""Pattern of the names of layers, members among them."""

KINDS: Final = ("uri", "folder", "prefix", "stac", "list")
"""Keys of rules; a collection has exactly one of them."""

_BELONGS_TO: Final = {
    "match": ("uri",),
    "pattern": ("folder", "prefix"),
    "asset": ("stac",),
    "hosts": ("stac", "list"),
}
"""Key -> the kinds of rules that it belongs to."""


_PREFIX: Final = re.compile(rf"({'|'.join(BUCKETS)})://{BUCKET_NAME.pattern}(?:/.*)?")
_FACTS: Final = ("name", "title", "datetime", "date", "year")
_PARTS: Final = {"stac": _FACTS, "list": _FACTS}
"""Kind -> names of the values of its members that texts may name in braces; of others `name`, or their template's."""


def kind_of(where: str, fields: CollectionFields) -> str:
    """The key of the rule of a table.

    Args:
        where: name of the table, for messages.
        fields: the table.

    Raises:
        FileError: the table has no rule or several, or keys that belong to other rules.
    """
    kinds = [kind for kind in KINDS if getattr(fields, kind) is not None]
    if len(kinds) != 1:
        raise FileError(f"{where}: found {' and '.join(kinds) or 'no rule'}, wanted exactly one of {', '.join(KINDS)}")
    for key, owners in _BELONGS_TO.items():
        if getattr(fields, key) and kinds[0] not in owners:
            raise FileError(f"{where}.{key}: not for a collection by {kinds[0]}, only by {' or '.join(owners)}")
    for at, host in enumerate(fields.hosts):
        try:
            Host.parse(host)
        except ValueError as error:
            raise FileError(f"{where}.hosts[{at}]: {error}") from None
    return kinds[0]


def place_of(where: str, kind: str, text: str, folder: Path | None) -> SourceUri:
    """The canonical URI of the rule: of the template, the folder, the prefix or the document.

    Args:
        where: name of the table, for messages.
        kind: the key of the rule.
        text: its value.
        folder: folder that relative paths start from; None: they are an error.

    Raises:
        FileError: it has a form that the rule cannot use.
    """
    if kind == "prefix":
        match = _PREFIX.fullmatch(text)
        if match is None:
            wanted = ", ".join(f"{scheme}://bucket/path/" for scheme in BUCKETS)
            raise FileError(f"{where}.prefix: wanted one of {wanted}")
        return SourceUri(match[1], text)
    uri = uri_of(f"{where}.{kind}", text, folder)
    if kind == "folder" and uri.scheme != "file":
        raise FileError(f"{where}.folder: found a URI of scheme {uri.scheme!r}, wanted the path of a folder")
    return uri


def template_of(where: str, kind: str, uri: SourceUri, fields: CollectionFields) -> UriTemplate | None:
    """The template of a collection by `uri`, else None; checks the parts that `title` and `time` name.

    Raises:
        FileError: the template or a pattern is invalid, or a text names a part that there is not.
    """
    template = parse_template(where, uri, fields.match) if kind == "uri" else None
    parts = template.parts if template is not None else _PARTS.get(kind, ("name",))
    check_text(f"{where}.title", fields.title, parts)
    check_text(f"{where}.time", fields.time, parts)
    if template is not None and fields.time is not None:
        _check_time(where, fields.time, template)
    return template


def _check_time(where: str, time: str, template: UriTemplate) -> None:
    """Refuse a time that does not name each file of a template, or whose values nothing lists."""
    for part in template.parts:
        if f"{{{part}}}" not in time:
            raise FileError(f"{where}.time: found no {{{part}}}, wanted each part of uri: a time has one file")
    if template.listed is None:
        raise FileError(
            f'{where}.time: wanted a list of values for each part, such as match = {{ year = "2018|2024" }}'
        )
