"""Parts of long lists: `limit` and `offset`, and links to the parts before and after (OGC API Common 2)."""

import re
from typing import Final, NamedTuple

from flask import request

from server.documents import Json
from server.documents.ogc.links import JSON, link
from server.http.errors import BadRequest

DEFAULT_LIMIT: Final = 100
MOST: Final = 1000
"""Largest page; a larger `limit` is reduced to it."""

_TITLES: Final = {"self": "This page", "next": "Next page", "prev": "Page before"}
_NUMBER: Final = re.compile(r"[0-9]{1,9}")


class Page(NamedTuple):
    """A part of a list."""

    offset: int
    limit: int

    @property
    def part(self) -> slice:
        """Slice of the list."""
        return slice(self.offset, self.offset + self.limit)

    def links(self, href: str, total: int) -> list[Json]:
        """Links to the part itself, and to the previous and next ones, if they exist.

        Args:
            href: URL of the list.
            total: length of the list.
        """
        parts = {"self": self}
        if self.offset + self.limit < total:
            parts["next"] = self._replace(offset=self.offset + self.limit)
        if self.offset > 0:
            parts["prev"] = self._replace(offset=max(0, self.offset - self.limit))
        return [link(rel, part.of(href), JSON, _TITLES[rel]) for rel, part in parts.items()]

    def of(self, href: str) -> str:
        """The URL of this part of the list at `href`, without parameters for the default part."""
        return href if self == FIRST else f"{href}?limit={self.limit}&offset={self.offset}"


FIRST: Final = Page(0, DEFAULT_LIMIT)


def asked_page() -> Page:
    """The part of a list that the request names.

    Raises:
        BadRequest: `limit` or `offset` is invalid.
    """
    return Page(asked_number("offset", FIRST.offset, 0), min(asked_number("limit", FIRST.limit, 1), MOST))


def asked_number(name: str, default: int, least: int) -> int:
    """The number that a parameter of the request states, or the default.

    Raises:
        BadRequest: it is no number, or less than `least`.
    """
    text = request.args.get(name, str(default))
    if not _NUMBER.fullmatch(text) or int(text) < least:
        raise BadRequest(f"{name}={text[:20]!r}: wanted a number, {least} at least, of 9 digits at most")
    return int(text)
