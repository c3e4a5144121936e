"""`stac`: the items of a STAC catalog, as the rule of a collection."""

import logging
from dataclasses import replace
from typing import Final

from cogread.deadline import Deadline
from cogread.sources import Document, SourceUri, make_document
from server.collections.refreshed import Refreshed
from server.collections.rule import Member, Page, Query
from server.collections.sorted_members import SortedMembers
from server.collections.stac.catalog_walk import DOCUMENT_S, EMPTY, THREADS, Catalog, CatalogWalk
from server.collections.stac.places import Places
from server.collections.stac.reading import Entry
from server.resilience.parallel import Helpers
from server.settings.hosts import Host
from server.settings.load import CollectionConfig

log = logging.getLogger(__name__)

MOST_LOGGED: Final = 10
"""Problems of a reading that the log names; the others are counted."""


class StacRule:
    """A `Rule`."""

    is_listable: Final = True
    parts: Final = ("name", "title", "datetime", "date", "year")

    def __init__(self, config: CollectionConfig) -> None:
        self._config = config
        self._name = f"collection {config.name!r}"
        self._places = Places(config.uri, tuple(map(Host.parse, config.fields.hosts)))
        self._helpers = Helpers(THREADS, "stac")
        self._catalog = EMPTY
        self._members = Refreshed(self._name, config.fields.refresh_s, self._read)

    def find(self, name: str) -> Member | None:
        """See `Rule.find`."""
        return self._members.get().find(name)

    def page(self, query: Query) -> Page:
        """See `Rule.page`."""
        return self._members.get().page(query)

    def _read(self, deadline: Deadline) -> SortedMembers:
        walk = CatalogWalk(self._places, self._config.fields.asset, self._document, self._helpers, self._catalog)
        catalog = walk.read(deadline)
        self._log_news(catalog)
        self._catalog = catalog
        entries = catalog.entries
        return SortedMembers([entry.name for entry in entries], lambda place: _member(entries[place]))

    def _document(self, uri: SourceUri) -> Document:
        is_own = self._places.is_own(uri)
        return make_document(uri, replace(self._config.options_for(uri.scheme, is_own), total_timeout_s=DOCUMENT_S))

    def _log_news(self, catalog: Catalog) -> None:
        before = set(self._catalog.problems)
        problems = [problem for problem in catalog.problems if problem not in before]
        for problem in problems[:MOST_LOGGED]:
            log.warning("%s: %s", self._name, problem)
        if len(problems) > MOST_LOGGED:
            log.warning("%s: and %d problems more", self._name, len(problems) - MOST_LOGGED)


def _member(entry: Entry) -> Member:
    first = entry.first or ""
    parts = {
        "name": entry.name,
        "title": entry.title or entry.id,
        "datetime": first,
        "date": first[:10],
        "year": first[:4],
    }
    return Member(
        entry.name,
        SourceUri(entry.scheme, entry.location),
        title=entry.title,
        attribution=entry.attribution,
        datetime=entry.first,
        bbox=entry.bbox,
        parts=parts,
        end_datetime=entry.last,
        is_own=entry.is_own,
        refusal=entry.refusal,
    )


def make(config: CollectionConfig) -> StacRule:
    """Make the rule of a collection."""
    return StacRule(config)
