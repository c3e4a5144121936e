"""The capabilities of all layers, put together from the parts in the layers' summaries.

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
from server.documents.summary import Summary
from server.documents.templates import rendered_pieces
from server.documents.wmts.kvp import SECTIONS
from server.documents.wmts.layer import layer_part, shared_set_part
from server.documents.wmts.names import BASE_URL_PLACEHOLDER, CAPABILITIES, QUERIES, QUERY_PLACEHOLDER, LayerPart
from server.documents.wmts.update_sequence import update_sequence, written_at_s
from server.documents.xml_text import xml_text
from server.http.errors import UnknownUrl
from server.http.public_urls import Links
from server.layers.catalog import Layer
from server.layers.grids import WEB_MERCATOR
from server.layers.layer_version import LayerVersion
from server.layers.summaries import Summaries

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Contents:
    """A state of the document, without the server's base URL."""

    title: str
    update_sequence: str
    parts: Sequence[LayerPart]

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
            resource=CAPABILITIES,
            all_sections=list(SECTIONS),
            sections=wanted,
            is_whole=sections is None,
            layers=_elements(part.layer for part in self.parts),
            tile_matrix_sets=_elements(part.tile_matrix_set for part in self.parts),
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

    def __init__(self, summaries: Summaries[Summary], title: str) -> None:
        self._summaries, self._title = summaries, xml_text(title)
        self._left_out: Mapping[str, str] = {}

    def contents(self, caller: Caller) -> Contents:
        """The document for a caller, as of now.

        Raises:
            ListBusy: see `Summaries.all`.
        """
        parts: list[LayerPart] = []
        left_out: dict[str, str] = {}
        names: set[str] = set()
        newest_s = 0
        for layer, summary in self._summaries.all(caller):
            names.add(layer.config.name)
            if isinstance(summary, Summary) and summary.wmts is not None:
                parts.append(summary.wmts)
                newest_s = max(newest_s, summary.written_at_s)
            else:
                left_out[layer.config.name] = _reason(summary)
        self._log_left_out(left_out, names)
        sequence = update_sequence(self._title, newest_s, (part.digest for part in parts))
        return Contents(self._title, sequence, parts)

    def of_layer(self, layer: Layer, opened: LayerVersion) -> Contents:
        """The document of one layer.

        Raises:
            UnknownUrl: WMTS cannot describe it.
        """
        part = layer_part(layer, opened)
        if isinstance(part, Refusal):
            raise UnknownUrl(f"the layer is not in WMTS: {part}")
        sequence = update_sequence(self._title, written_at_s(opened.cog.version.modified), [part.digest])
        return Contents(self._title, sequence, [part])

    def _log_left_out(self, left_out: Mapping[str, str], names: Set[str]) -> None:
        """Log each layer that is left out, once until it is back; `names` are those that the caller may read."""
        for name in left_out.keys() - self._left_out.keys():
            logger.warning("layer %r is left out of the WMTS capabilities: %s", name, left_out[name])
        others = {name: reason for name, reason in self._left_out.items() if name not in names}
        self._left_out = {**others, **left_out}


def _reason(summary: Summary | CogError | None) -> str:
    if isinstance(summary, Summary):
        return summary.wmts_refusal or "it has no part"
    return "it could not be opened in time" if summary is None else str(summary)


def _elements(packed: Iterable[bytes]) -> Iterator[Markup]:
    return (Markup(decompress(element).decode()) for element in packed)  # noqa: S704 - of a template
