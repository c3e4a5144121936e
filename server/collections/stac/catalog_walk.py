"""Reads a catalog: its document and those that it links to, within bounds and before a deadline.

Strategy: level by level, the documents of a level at the same time in a few threads; the pages of a list one after the
other. A document with the version of the previous reading is not transferred again. If one cannot be read, its
previous version counts and the problem is reported; only the first document is required.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from cogread.byterange import Version
from cogread.deadline import Deadline
from cogread.errors import CogError, SourceProtocolError, SourceTimeout
from cogread.sources import Document, SourceUri
from server.collections.entries import DOCUMENT_BYTES, DOCUMENT_S, MOST_ENTRIES, Entry
from server.collections.places import Places
from server.collections.stac.reading import Reading, parse_document
from server.resilience.parallel import Helpers

MOST_DOCUMENTS: Final = 100_000
MOST_DEPTH: Final = 12
"""Levels of catalogs."""
THREADS: Final = 4
"""Documents in memory at the same time."""


class Versioned(NamedTuple):
    """A document of a reading."""

    version: Version
    reading: Reading


class Catalog(NamedTuple):
    """The result of a reading."""

    entries: list[Entry]
    """In the order of their names."""
    problems: list[str]
    """Parts that are missing, in clauses with their places."""
    documents: Mapping[str, Versioned]
    """Location -> document, for the next reading."""

    def attributions(self) -> dict[str, str | None]:
        """Owner of entries -> attribution."""
        owners = {entry.owner for entry in self.entries} & self.documents.keys()
        return {owner: self.documents[owner].reading.attribution for owner in owners if owner is not None}


EMPTY: Final = Catalog([], [], {})


class CatalogWalk:
    """One reading of a catalog."""

    def __init__(
        self,
        places: Places,
        asset: str | None,
        open_document: Callable[[SourceUri], Document],
        helpers: Helpers,
        before: Catalog = EMPTY,
    ) -> None:
        """Read nothing yet.

        Args:
            places: places that links may lead to.
            asset: key of the file of each item; None: see `choose_asset`.
            open_document: makes the document of a place.
            helpers: THREADS threads at most.
            before: the reading before.
        """
        self._places, self._asset, self._open, self._helpers, self._before = (
            places,
            asset,
            open_document,
            helpers,
            before,
        )
        self._documents: dict[str, Versioned] = {}
        self._entries: dict[str, Entry] = {}
        self._problems: dict[str, None] = {}

    def read(self, deadline: Deadline) -> Catalog:
        """Read the catalog.

        Raises:
            CogError: its first document cannot be read.
        """
        home = self._places.home
        self._take(home, self._document(home, deadline))
        level = [home]
        for depth in range(MOST_DEPTH + 1):
            level = self._level(level, deadline)
            if not level:
                break
            if depth == MOST_DEPTH:
                self._problems[f"links more than {MOST_DEPTH} levels deep are not followed"] = None
                break
            self._read_all(level, deadline)
        self._read_all(self._owners(), deadline, are_owners=True)
        entries = sorted(self._entries.values(), key=lambda entry: entry.name)
        return Catalog(entries, list(self._problems), self._documents)

    def _level(self, documents: Iterable[SourceUri], deadline: Deadline) -> list[SourceUri]:
        """The documents below those of a level, each once; the further pages of these are read on the way."""
        below: dict[str, SourceUri] = {}
        for uri in documents:
            versioned = self._documents.get(uri.location)
            while versioned is not None:
                below |= {child.location: child for child in versioned.reading.children}
                versioned = self._page(versioned.reading.next, deadline)
        return [uri for location, uri in below.items() if location not in self._documents]

    def _page(self, uri: SourceUri | None, deadline: Deadline) -> Versioned | None:
        if uri is None or uri.location in self._documents or self._has_all():
            return None
        self._read_all([uri], deadline)
        return self._documents.get(uri.location)

    def _read_all(self, uris: Sequence[SourceUri], deadline: Deadline, are_owners: bool = False) -> None:
        """Read documents; those that cannot be read are problems, unless only their owners would be in them."""
        room = MOST_DOCUMENTS - len(self._documents)
        if len(uris) > room:
            self._problems[f"more than {MOST_DOCUMENTS} documents: the others are left out"] = None
        results: dict[str, Versioned | CogError] = {}

        def work(uri: SourceUri) -> None:
            """Read a document, in a helper thread or in this one."""
            try:
                results[uri.location] = self._document(uri, deadline)
            except CogError as error:
                results[uri.location] = error

        self._helpers.for_each(work, uris[:room])
        for uri in uris[:room]:
            result = results[uri.location]
            if isinstance(result, Versioned):
                self._take(uri, result)
            elif not are_owners:
                self._problems[result.message] = None
                if uri.location in self._before.documents:
                    self._take(uri, self._before.documents[uri.location])

    def _document(self, uri: SourceUri, deadline: Deadline) -> Versioned:
        before = self._before.documents.get(uri.location)
        if deadline.is_expired:
            raise SourceTimeout(f"{uri.display}: no time is left to read it")
        limit = deadline.earlier(Deadline.after(DOCUMENT_S))
        read = self._open(uri).read_whole(DOCUMENT_BYTES, before.version if before else None, limit)
        if read is None:
            if before is None:
                raise SourceProtocolError(f"{uri.display}: the origin states that an unread document is unchanged")
            return before
        try:
            return Versioned(read.version, parse_document(read.data, uri, self._places, self._asset))
        except ValueError as error:
            raise SourceProtocolError(f"{uri.display}: {error}") from None

    def _take(self, uri: SourceUri, versioned: Versioned) -> None:
        self._documents[uri.location] = versioned
        for problem in versioned.reading.problems:
            self._problems[f"{uri.display}: {problem}"] = None
        for entry in versioned.reading.entries:
            if self._has_all():
                return
            first = self._entries.get(entry.name)
            if first is None or first.refusal is not None:
                self._entries[entry.name] = entry
            elif first.location != entry.location and entry.refusal is None:
                self._problems[f"{uri.display}: the id {entry.id!r} is that of another item too, which counts"] = None

    def _has_all(self) -> bool:
        """True once the bound of the items is reached, which is a problem."""
        if len(self._entries) < MOST_ENTRIES:
            return False
        self._problems[f"more than {MOST_ENTRIES} items: the others are left out"] = None
        return True

    def _owners(self) -> list[SourceUri]:
        """The documents that name the providers of items, if they are not read yet."""
        locations = {entry.owner for entry in self._entries.values() if entry.owner is not None}
        schemes = {location: location.partition("://") for location in locations - self._documents.keys()}
        return [SourceUri(parts[0] if parts[1] else "file", location) for location, parts in schemes.items()]
