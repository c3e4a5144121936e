"""A rule: the members of a collection by name, and in pages where they can be listed.

Members are plain facts. A rule never opens a member's file: the catalog does so when a client asks for the layer.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple, Protocol

from cogread.crs.georeference import Bounds
from cogread.sources import SourceUri

SLASH: Final = "~"
"""Stands for a slash in names."""

DEFAULT_LIMIT: Final = 100
MOST_LISTED: Final = 1000
"""Members of a page, at most."""


class Member(NamedTuple):
    """A layer of a collection: its facts that need no read of its file."""

    name: str
    """Name without that of the collection: characters of `MEMBER_NAME`, '~' for '/'. One member has one name."""
    uri: SourceUri
    """Location of its file, which the rule has checked: no client chooses it."""
    title: str | None = None
    """Title; None: the rule knows none."""
    attribution: str | None = None
    """Plain text, over that of the collection."""
    datetime: str | None = None
    """Instant, RFC 3339."""
    bbox: Bounds | None = None
    """West, south, east, north in degrees."""
    parts: Mapping[str, str] = {}
    """Values that `title` and `time` of the config may name in braces."""
    end_datetime: str | None = None
    """Last instant, of a member that took longer."""
    is_own: bool = True
    """False: another host than the collection's document, to which no credentials of HTTP go."""
    refusal: str | None = None
    """The reason why it is no layer, a clause about it; its URI is void."""


class Query(NamedTuple):
    """The members that a client asks for. A member without a datetime or bbox matches none."""

    after: str = ""
    """Name of the last member of the page before; empty: from the first. It need not exist any more."""
    limit: int = DEFAULT_LIMIT
    """Members of the page, 1 to MOST_LISTED."""
    text: str = ""
    """Words, each of which has to occur in the name or title."""
    bbox: Bounds | None = None
    datetime: tuple[str | None, str | None] | None = None
    """First and last instant, RFC 3339; None: open at that end."""


class Page(NamedTuple):
    """Some members, in the order of the rule, which does not depend on the query."""

    members: list[Member]
    next: str | None = None
    """The `after` of the next page; None: this is the last. A page may be short, or empty, and have a next one."""
    total: int | None = None
    """Number of all members that match; None: it is not known yet."""


class Rule(Protocol):
    """The rule of one collection. Thread-safe; made before a fork and used after it."""

    @property
    def is_listable(self) -> bool:
        """False: the names cannot be enumerated, and `page` has none."""
        ...

    @property
    def is_fixed(self) -> bool:
        """True: a name stands for one URI always, whatever is listed."""
        ...

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the values in `Member.parts`, for texts that explain how names are made."""
        ...

    def find(self, name: str) -> Member | None:
        """The member of this name, with the name as it is.

        It is called for every request whose layer is not cached, with any string that `MEMBER_NAME` matches, and must
        ask no origin whether the file exists: opening the layer tells. It may wait for a list as `page` does.

        Returns:
            None: the rule allows no such name.

        Raises:
            CogError: the list that tells the names cannot be read.
        """
        ...

    def holds(self, member: Member) -> bool:
        """Tell whether the name of a member still stands for its URI. It never waits."""
        ...

    def page(self, query: Query) -> Page:
        """A page of members. The first page must not wait for the last: a list may have a million members.

        Raises:
            CogError: the members cannot be listed.
        """
        ...
