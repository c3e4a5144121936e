"""`stac`: the items of a STAC catalog, as the rule of a collection."""

from dataclasses import replace

from cogread.deadline import Deadline
from cogread.sources import Document, SourceUri, make_document
from server.collections.entries import DOCUMENT_S, Entries, EntryRule
from server.collections.places import Places
from server.collections.stac.catalog_walk import EMPTY, THREADS, CatalogWalk
from server.resilience.parallel import Helpers
from server.settings.hosts import Host
from server.settings.layer_config import CollectionConfig


class _Readings:
    """Reads a catalog again and again."""

    def __init__(self, config: CollectionConfig) -> None:
        self._config = config
        self._places = Places(config.uri, tuple(map(Host.parse, config.fields.hosts)))
        self._helpers = Helpers(THREADS, "stac")
        self._last = EMPTY

    def read(self, deadline: Deadline) -> Entries:
        """Read all items; documents of the version of the last reading are not read again."""
        walk = CatalogWalk(self._places, self._config.fields.asset, self._document, self._helpers, self._last)
        self._last = walk.read(deadline)
        return Entries(self._last.entries, self._last.problems, self._last.attributions())

    def _document(self, uri: SourceUri) -> Document:
        options = self._config.options_for(uri.scheme, self._places.is_own(uri))
        return make_document(uri, replace(options, total_timeout_s=DOCUMENT_S))


def make(config: CollectionConfig) -> EntryRule:
    """Make the rule of a collection."""
    return EntryRule(config.name, config.fields.refresh_s, _Readings(config).read)
