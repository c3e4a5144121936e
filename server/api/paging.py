"""Parts of long lists: `limit` and `offset`, and links to the parts before and after (OGC API Common 2)."""

import re
from typing import Final, NamedTuple

from flask import request

from server.errors import BadRequest
from server.ogc.links import JSON, Json, link

DEFAULT_LIMIT: Final = 100
MOST: Final = 1000
"""Of a page; who asks for more gets so many."""

_NUMBER: Final = re.compile(r"[0-9]{1,9}")


class Page(NamedTuple):
    """A part of a list."""

    offset: int
    limit: int

    @property
    def part(self) -> slice:
        """Of the list."""
        return slice(self.offset, self.offset + self.limit)

    def links(self, href: str, total: int) -> list[Json]:
        """To the parts before and after, if there are any.

        Args:
            href: of the list.
            total: how long it is.
        """
        found = []
        if self.offset + self.limit < total:
            found.append(
                link("next", f"{href}?limit={self.limit}&offset={self.offset + self.limit}", JSON, "Next page")
            )
        if self.offset > 0:
            before = max(0, self.offset - self.limit)
            found.append(link("prev", f"{href}?limit={self.limit}&offset={before}", JSON, "Page before"))
        return found


def asked_page() -> Page:
    """What the request wants of a list.

    Raises:
        BadRequest: `limit` or `offset` is no number that it can be.
    """
    return Page(_number("offset", 0, 0), min(_number("limit", DEFAULT_LIMIT, 1), MOST))


def _number(name: str, default: int, least: int) -> int:
    text = request.args.get(name, str(default))
    if not _NUMBER.fullmatch(text) or int(text) < least:
        raise BadRequest(f"{name}={text[:20]!r}: wanted a number, {least} at least, of 9 digits at most")
    return int(text)
