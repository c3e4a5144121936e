"""Attributions: text that may hold links, checked with the config and written as HTML or as plain text.

Character references are read as in HTML; every tag but `<a href="https://…">text</a>` is an error. Nothing of the
config therefore reaches a page but text and links to http(s).
"""

import re
from dataclasses import dataclass
from html import escape, unescape
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from server.settings.file import FileError

_LINK: Final = re.compile(
    r"""<a\s+href\s*=\s*(?P<quote>["'])(?P<url>(?:(?!(?P=quote))[^<>])*)(?P=quote)\s*>(?P<text>[^<]+)</a\s*>""", re.I
)
_MARKUP: Final = re.compile(r"<[A-Za-z/!?][^<>]{0,60}>?")
"""All that HTML could read as the beginning of a tag or a comment."""
_WANTED: Final = """wanted text with links <a href="https://…">text</a>, and &lt; for a bare <"""


class Part(NamedTuple):
    """Text, without markup, and the URL that it links to."""

    text: str
    url: str | None = None

    @property
    def html(self) -> str:
        """The part as HTML."""
        text = escape(self.text, quote=False)
        return text if self.url is None else f'<a href="{escape(self.url)}">{text}</a>'


@dataclass(frozen=True, slots=True)
class Attribution:
    """An attribution."""

    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        """The attribution without its links, for documents in which markup would be shown as such."""
        return "".join(part.text for part in self.parts)

    @property
    def html(self) -> str:
        """The attribution as HTML, for pages and for documents that map clients put into pages."""
        return "".join(part.html for part in self.parts)


def parse_attribution(where: str, source: str) -> Attribution:
    """Read the attribution at a key of the config file.

    Raises:
        FileError: it has other markup than links, or a link to another scheme.
    """
    parts, end = [], 0
    for match in _LINK.finditer(source):
        parts += [_plain(where, source[end : match.start()]), _link(where, match)]
        end = match.end()
    parts.append(_plain(where, source[end:]))
    return Attribution(tuple(part for part in parts if part.text))


def _plain(where: str, source: str) -> Part:
    markup = _MARKUP.search(source)
    if markup is not None:
        raise FileError(f"{where}: found {markup[0]!r}, {_WANTED}")
    return Part(unescape(source))


def _link(where: str, match: re.Match[str]) -> Part:
    url = unescape(match["url"]).strip()
    try:
        split = urlsplit(url)
        is_valid = split.scheme in ("http", "https") and bool(split.hostname) and split.username is None
    except ValueError:
        is_valid = False
    if not is_valid or not url.isprintable() or " " in url:
        shown = url[:60] if "@" not in url else "a host with a user"
        raise FileError(f"{where}: found a link to {shown!r}, wanted one to http(s)://host/path")
    return Part(unescape(match["text"]), url)
