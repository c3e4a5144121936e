"""The capabilities of all layers or of some, put together from the parts in the layers' summaries.

A layer that could not be opened in time is not named. The document's update sequence names the versions of the layers,
so a document without a layer is never taken for the whole one.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from zlib import decompress

from markupsafe import Markup, escape

from cogread.errors import CogError
from cogread.refusal import Refusal
from server.access.caller import Caller
from server.collections import Query
from server.collections.rule import MOST_LISTED
from server.documents.summary import Summary
from server.documents.templates import rendered, rendered_pieces
from server.documents.wmts.kvp import SECTIONS
from server.documents.wmts.layer import layer_part, shared_set_part
from server.documents.wmts.names import (
    BASE_URL_PLACEHOLDER,
    CAPABILITIES,
    DIMENSION_PLACEHOLDER,
    LAYER_CAPABILITIES,
    QUERIES,
    QUERY_PLACEHOLDER,
    TIME_IDENTIFIER,
    LayerPart,
)
from server.documents.wmts.update_sequence import update_sequence, written_at_s
from server.documents.xml_text import xml_text
from server.http.errors import UnknownTime, UnknownUrl
from server.http.public_urls import Links
from server.layers.catalog import Catalog
from server.layers.collection import Collection, InTime
from server.layers.grids import WEB_MERCATOR
from server.layers.layer import Layer
from server.layers.layer_version import LayerVersion
from server.layers.series import TimeLayer
from server.layers.summaries import Summaries

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Contents:
    """A state of the document, without the server's base URL."""

    title: str
    update_sequence: str
    parts: Sequence[LayerPart]
    resource: str = CAPABILITIES
    """Path of the document, and its query if it has one."""

    def pieces(self, sections: tuple[str, ...] | None, links: Links) -> Iterator[bytes]:
        """The document for a client, piece by piece.

        Args:
            sections: those that the client wants; () for nothing but the update sequence, None for all.
            links: makes the URLs, as the client sees them.
        """
        wanted = SECTIONS if sections is None else sections
        pieces = rendered_pieces(
            "wmts_capabilities.xml",
            update_sequence=self.update_sequence,
            title=self.title,
            base_url=BASE_URL_PLACEHOLDER,
            queries=Links("", links.query).to(QUERIES) + ("&" if links.query else "?"),
            resource=Links("", links.query).to(self.resource),
            all_sections=list(SECTIONS),
            sections=wanted,
            is_whole=sections is None,
            layers=(_layer_element(part) for part in self.parts),
            tile_matrix_sets=(_element(part.tile_matrix_set) for part in self.parts),
            shared_set=self._shared_set() if "Contents" in wanted else None,
        )
        prefix, query = escape(links.prefix), escape(f"?{links.query}" if links.query else "")
        return (
            piece.replace(BASE_URL_PLACEHOLDER, prefix).replace(QUERY_PLACEHOLDER, query).encode() for piece in pieces
        )

    def _shared_set(self) -> Markup | None:
        shared_z = [part.web_mercator_z for part in self.parts if part.web_mercator_z is not None]
        if not shared_z:
            return None
        return Markup(shared_set_part(WEB_MERCATOR, max(shared_z)))  # noqa: S704 - of a template


class Capabilities:
    """States of the document. Safe to share between threads."""

    def __init__(self, catalog: Catalog, summaries: Summaries[Summary], title: str) -> None:
        self._catalog, self._summaries, self._title = catalog, summaries, title
        self._left_out: Mapping[str, str] = {}

    def contents(self, caller: Caller) -> Contents:
        """The document for a caller: layers of the config, and members of collections that are listed with them.

        Raises:
            ListBusy: see `Summaries.all`.
        """
        collections = self._catalog.listed_collections(caller)
        members = [member for each in collections for member in _members(each)]
        in_time = [layer for each in self._catalog.listed_series(caller) for layer in _latest(each)]
        listing = list(self._summaries.of([*self._catalog.listed(caller), *in_time, *members]))
        left_out = {layer.config.name: _reason(each) for layer, each in listing if _part(each) is None}
        self._log_left_out(left_out, {layer.config.name for layer, _ in listing})
        return contents(self._title, listing)

    def of_layer(self, layer: Layer, opened: LayerVersion) -> Contents:
        """The document of one layer.

        Raises:
            UnknownUrl: WMTS cannot describe it.
        """
        part = layer_part(layer, opened)
        if isinstance(part, Refusal):
            raise UnknownUrl(f"the layer is not in WMTS: {part}")
        part, title = _at_times(layer, part), xml_text(layer.config.title)
        sequence = update_sequence(title, written_at_s(opened.cog.version.modified), [part.digest])
        return Contents(title, sequence, [part], layer.path + LAYER_CAPABILITIES)

    def _log_left_out(self, left_out: Mapping[str, str], names: Set[str]) -> None:
        """Log each layer that is left out, once until it is back; `names` are those that the caller may read."""
        for name in left_out.keys() - self._left_out.keys():
            logger.warning("layer %r is left out of the WMTS capabilities: %s", name, left_out[name])
        others = {name: reason for name, reason in self._left_out.items() if name not in names}
        self._left_out = {**others, **left_out}


def contents(
    title: str, listing: Iterable[tuple[Layer, Summary | CogError | None]], resource: str = CAPABILITIES
) -> Contents:
    """The document of some layers; those that WMTS cannot describe are left out.

    Args:
        title: of the service.
        listing: the layers with their summaries.
        resource: see `Contents.resource`.
    """
    parts: list[LayerPart] = []
    newest_s = 0
    for layer, summary in listing:
        part = _part(summary)
        if isinstance(summary, Summary) and part is not None:
            parts.append(_at_times(layer, part))
            newest_s = max(newest_s, summary.written_at_s)
    title = xml_text(title)
    return Contents(title, update_sequence(title, newest_s, (part.digest for part in parts)), parts, resource)


def _members(collection: Collection) -> list[Layer]:
    """The members of a collection that are listed with the layers of the config."""
    if not (collection.config.fields.wmts and collection.rule.is_listable):
        return []
    try:
        members = collection.page(Query(limit=MOST_LISTED)).members
    except CogError as error:
        logger.warning("collection %r is left out of the WMTS capabilities: %s", collection.config.name, error)
        return []
    return [collection.layer(member) for member in members if member.refusal is None]


def _latest(series: InTime) -> list[Layer]:
    """The layer of a collection in time, if it has one now."""
    try:
        return [series.layer()]
    except (CogError, UnknownTime) as error:
        name = series.collection.config.name
        logger.warning("collection %r is left out of the WMTS capabilities: %s", name, error)
        return []


def _at_times(layer: Layer, part: LayerPart) -> LayerPart:
    return part.at_times(layer.labels) if isinstance(layer, TimeLayer) else part


def _part(summary: Summary | CogError | None) -> LayerPart | None:
    return summary.wmts if isinstance(summary, Summary) else None


def _reason(summary: Summary | CogError | None) -> str:
    if isinstance(summary, Summary):
        return summary.wmts_refusal or "it has no part"
    return "it could not be opened in time" if summary is None else str(summary)


def _layer_element(part: LayerPart) -> Markup:
    element = _element(part.layer)
    if not part.times:
        return element
    dimension = rendered("wmts_dimension.xml", name=TIME_IDENTIFIER, values=part.times)
    return Markup(str(element).replace(DIMENSION_PLACEHOLDER, dimension))  # noqa: S704 - of a template


def _element(packed: bytes) -> Markup:
    return Markup(decompress(packed).decode())  # noqa: S704 - of a template
