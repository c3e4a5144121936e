"""Templates of URIs with parts in braces, and the patterns of the parts: `uri` and `match` of a collection.

A client chooses the values, so three things bound them: their characters, their length, and the time that a pattern
may take. Python's `re` backtracks; `_cost` bounds its tries by the structure of the pattern, before the server starts.
"""

import re
from collections.abc import Iterable, Mapping
from itertools import product
from math import prod
from re import _constants, _parser  # type: ignore[attr-defined, unused-ignore]  # an error in incremental runs alone
from typing import Any, Final
from urllib.parse import quote

from cogread.sources import SourceUri
from server.settings.file import FileError

PART: Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]{0,39})\}", re.ASCII)
"""A part of a template."""

LONGEST_VALUE: Final = 100

MOST_TRIES: Final = 1_000_000
"""Tries of a pattern on a value of LONGEST_VALUE characters: some milliseconds."""

_FOLDER: Final = r"(?!\.)[A-Za-z0-9_.-]+"
_VALUE: Final = re.compile(rf"(?!.*\.\.){_FOLDER}(?:/{_FOLDER})*", re.ASCII)
"""Characters of any value, whatever its pattern allows: no part of a path begins with a dot."""
_LISTED: Final = re.compile(r"[A-Za-z0-9_-]+(?:\|[A-Za-z0-9_-]+)*", re.ASCII)
"""A pattern that lists its values."""
MOST_LISTED_VALUES: Final = 10_000
_DEFAULT: Final = "[A-Za-z0-9_.-]+"
"""Pattern of parts that have none: a slash has to be asked for."""


class UriTemplate:
    """A template of URIs with the patterns of its parts."""

    def __init__(self, uri: SourceUri, patterns: Mapping[str, re.Pattern[str]]) -> None:
        self._uri, self._patterns = uri, patterns

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the parts, in their order."""
        return tuple(self._patterns)

    @property
    def patterns(self) -> dict[str, str]:
        """Part -> regular expression of its values."""
        return {part: pattern.pattern for part, pattern in self._patterns.items()}

    @property
    def listed(self) -> list[list[str]] | None:
        """The values of all files in order, where each pattern is a list such as `2018|2024`; None: one is not."""
        lists = [pattern.pattern.split("|") for pattern in self._patterns.values()]
        is_listed = all(_LISTED.fullmatch(pattern.pattern) for pattern in self._patterns.values())
        if not is_listed or prod(map(len, lists)) > MOST_LISTED_VALUES:
            return None
        return [list(values) for values in product(*lists)]

    def values(self, texts: list[str]) -> dict[str, str] | None:
        """Part -> value, of the values in their order; None: one is not allowed, or there are more or fewer."""
        if len(texts) != len(self._patterns):
            return None
        for text, pattern in zip(texts, self._patterns.values(), strict=True):
            if len(text) > LONGEST_VALUE or not _VALUE.fullmatch(text):
                return None
            if ("/" in text and "/" not in pattern.pattern) or not pattern.fullmatch(text):
                return None
        return dict(zip(self._patterns, texts, strict=True))

    def uri(self, values: Mapping[str, str]) -> SourceUri:
        """The URI of values that `values` allowed; in a URL they are quoted."""
        quoted = {
            part: quote(value) if self._uri.scheme.startswith("http") else value for part, value in values.items()
        }
        return SourceUri(self._uri.scheme, PART.sub(lambda part: quoted[part[1]], self._uri.location))


def parse_template(where: str, uri: SourceUri, match: Mapping[str, str]) -> UriTemplate:
    """Read the template and the patterns of a collection.

    Args:
        where: name of the collection's table, for messages.
        uri: the template.
        match: part -> regular expression.

    Raises:
        FileError: a part is in the wrong place, a pattern is invalid or may take too long.
    """
    text = uri.location
    parts = list(dict.fromkeys(PART.findall(text)))
    if not parts:
        raise FileError(f"{where}.uri: found no part in braces, wanted one at least, such as {{name}}")
    if set("{}") & set(PART.sub("", text)):
        raise FileError(f"{where}.uri: found a brace that belongs to no part, wanted parts such as {{name}}")
    start = 0 if uri.scheme == "file" else text.find("/", text.index("://") + 3)
    if set("{}") & set(text[: max(start, 0)]) or start < 0:
        raise FileError(f"{where}.uri: found a part in the host or bucket, wanted parts behind it alone")
    _check_parts(f"{where}.match", match, parts)
    return UriTemplate(uri, {part: _pattern(f"{where}.match.{part}", match.get(part, _DEFAULT)) for part in parts})


def check_text(where: str, text: str | None, parts: Iterable[str]) -> None:
    """Refuse a text with other parts in braces than the names in `parts`.

    Raises:
        FileError: the text has such a part.
    """
    _check_parts(where, PART.findall(text or ""), parts)


def _check_parts(where: str, names: Iterable[str], parts: Iterable[str]) -> None:
    unknown = next((name for name in names if name not in parts), None)
    if unknown is not None:
        raise FileError(f"{where}: found the part {unknown!r}, wanted one of {', '.join(parts)}")


def _pattern(where: str, text: str) -> re.Pattern[str]:
    try:
        tries = _cost(_parser.parse(text, re.ASCII.value))
        pattern = re.compile(text, re.ASCII)
    except (re.error, RecursionError, OverflowError) as error:
        raise FileError(f"{where}: found {text[:60]!r}, wanted a regular expression: {error}") from error
    if tries > MOST_TRIES:
        advice = "fewer or bounded repetitions, and none of a repetition or an alternative"
        raise FileError(f"{where}: found {text[:60]!r}, which may take 10^{len(str(tries)) - 1} tries, wanted {advice}")
    return pattern


def _cost(items: Iterable[tuple[Any, Any]]) -> int:
    """An upper bound of the ways in which a parsed pattern matches a value of LONGEST_VALUE characters."""
    return prod((_cost_of(operator, value) for operator, value in items), start=1)


def _cost_of(operator: Any, value: Any) -> int:
    if operator in (_constants.MAX_REPEAT, _constants.MIN_REPEAT):
        each, least, most = _cost(value[2]), *(min(int(bound), LONGEST_VALUE) for bound in value[:2])
        tries: int = sum(each**count for count in range(least, most + 1))
        return min(tries, 10**18)
    if operator is _constants.SUBPATTERN:
        return _cost(value[-1])
    if operator is _constants.BRANCH:
        return sum(_cost(branch) for branch in value[1])
    if operator in (_constants.LITERAL, _constants.NOT_LITERAL, _constants.IN, _constants.ANY, _constants.AT):
        return 1
    raise re.error(f"{str(operator).lower()} is not supported")
