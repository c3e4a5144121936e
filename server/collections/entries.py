"""Members that a document lists, each as an entry: compact, as a list may have a hundred thousand."""

import logging
import re
from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Final, NamedTuple

from msgspec import Struct

from cogread.crs.georeference import Bounds
from cogread.deadline import Deadline
from cogread.sources import SourceUri
from server.collections.refreshed import Refreshed
from server.collections.rule import SLASH, Member, Page, Query
from server.collections.sorted_members import SortedMembers

log = logging.getLogger(__name__)

DOCUMENT_BYTES: Final = 64 << 20
"""Largest document with entries."""
DOCUMENT_S: Final = 60.0
"""Longest time to read a document."""
MOST_ENTRIES: Final = 200_000
MOST_LOGGED: Final = 10
"""Problems of a reading that the log names; the others are counted."""

ID_FORM: Final = "letters, digits and '_-.:/', 200 at most, no part between slashes that begins with a dot"
_ID: Final = re.compile(r"(?!:)[A-Za-z0-9_:-][A-Za-z0-9._:-]*(?:/[A-Za-z0-9_:-][A-Za-z0-9._:-]*)*", re.ASCII)
_LONGEST_ID: Final = 200
_ODD: Final = re.compile(r"[^A-Za-z0-9_-]+", re.ASCII)


class Entry(Struct, frozen=True, gc=False):
    """A member of a list."""

    name: str
    """Name of the member."""
    id: str
    """Name as the document has it."""
    scheme: str = ""
    location: str = ""
    """The file, as in `SourceUri`."""
    is_own: bool = True
    """See `Member.is_own`."""
    title: str | None = None
    first: str | None = None
    """First instant, RFC 3339 in UTC."""
    last: str | None = None
    """Last instant, where it differs."""
    bbox: Bounds | None = None
    attribution: str | None = None
    owner: str | None = None
    """Location of the document with the attribution, where the entry states none."""
    refusal: str | None = None
    """The reason why it is no layer; a clause about it."""

    def member(self, attributions: Mapping[str, str | None]) -> Member:
        """The member of the entry.

        Args:
            attributions: owner -> attribution.
        """
        first = self.first or ""
        title = self.title or self.id
        parts = {"name": self.name, "title": title, "datetime": first, "date": first[:10], "year": first[:4]}
        return Member(
            self.name,
            SourceUri(self.scheme, self.location),
            title=self.title,
            attribution=self.attribution if self.owner is None else attributions.get(self.owner),
            datetime=self.first,
            bbox=self.bbox,
            parts=parts,
            end_datetime=self.last,
            is_own=self.is_own,
            refusal=self.refusal,
        )


def name_of_id(text: str) -> str | None:
    """The name of the member of an id, with '~' for '/'; None: the id has other characters than `ID_FORM` says.

    Each name has one id.
    """
    return text.replace("/", SLASH) if len(text) <= _LONGEST_ID and _ID.fullmatch(text) else None


def refused(entry_id: str, reason: str, title: str | None = None) -> Entry:
    """The entry of an item that is no layer; where its id is no name, under another."""
    name = name_of_id(entry_id)
    if name is None:
        digest = blake2b(f"{entry_id}\0{reason}".encode("utf-8", "replace"), digest_size=4).hexdigest()
        name = f"{_ODD.sub('_', entry_id[:100]).strip('_')}-{digest}".lstrip("-")
    return Entry(name, entry_id[:_LONGEST_ID], title=title, refusal=reason)


class Entries(NamedTuple):
    """The result of a reading."""

    entries: list[Entry]
    """In the order of their names."""
    problems: list[str]
    """Parts that are missing, in clauses with their places."""
    attributions: Mapping[str, str | None] = {}
    """Owner of entries -> attribution."""


class EntryRule:
    """A `Rule` of the entries of documents, which are read in the background. Problems are logged once."""

    is_listable: Final = True
    is_fixed: Final = False
    parts: Final = ("name", "title", "datetime", "date", "year")

    def __init__(self, name: str, refresh_s: float, read: Callable[[Deadline], Entries]) -> None:
        """Read nothing yet.

        Args:
            name: of the collection.
            refresh_s: see `Refreshed`.
            read: reads the documents; by one thread at a time.
        """
        self._name, self._read_entries = f"collection {name!r}", read
        self._problems: set[str] = set()
        self._members = Refreshed(self._name, refresh_s, self._read)

    def find(self, name: str) -> Member | None:
        """See `Rule.find`."""
        return self._members.get().find(name)

    def holds(self, member: Member) -> bool:
        """See `Rule.holds`."""
        members = self._members.latest()
        if members is None:
            return True
        current = members.find(member.name)
        return current is not None and current.uri == member.uri

    def page(self, query: Query) -> Page:
        """See `Rule.page`."""
        return self._members.get().page(query)

    def _read(self, deadline: Deadline) -> SortedMembers:
        entries, problems, attributions = self._read_entries(deadline)
        news = [problem for problem in problems if problem not in self._problems]
        for problem in news[:MOST_LOGGED]:
            log.warning("%s: %s", self._name, problem)
        if len(news) > MOST_LOGGED:
            log.warning("%s: and %d problems more", self._name, len(news) - MOST_LOGGED)
        self._problems = set(problems)
        return SortedMembers([entry.name for entry in entries], lambda place: entries[place].member(attributions))
