"""The capabilities of all layers: what each says of itself is written once for each version, and put together at need.

A document names versions, and what the server keeps of it is kept by them. A layer that could not be opened in time is
simply not named, so a document without it is never taken for the whole one. None of what is kept holds the server's
root, which clients have a say in.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final

from flask import render_template
from markupsafe import escape

from cogread.byterange import Version
from cogread.errors import CogError
from server.documents.wmts.kvp import SECTIONS
from server.documents.wmts.names import CAPABILITIES, QUERIES
from server.documents.wmts.update_sequence import update_sequence
from server.documents.xml_text import xml_text
from server.layers.catalog import Catalog, Layer
from server.layers.grids import WEB_MERCATOR
from server.layers.layer_version import OpenLayer
from server.layers.summaries import ByVersion, Known
from server.tiles.service import BUDGET_S

logger = logging.getLogger(__name__)

PATIENCE_S: Final = 5.0
"""How long a document waits for files that are not known yet; those that take longer are in the next one."""

Key = tuple[tuple[str, Version], ...]
"""Names of layers, with their versions."""


@dataclass(frozen=True, slots=True)
class Contents:
    """A state of the document, without the server's root."""

    key: Key
    update_sequence: str
    variables: dict[str, Any]
    """Of the template."""
    whole: bytes
    """All sections."""


class Capabilities:
    """Writes the document. Safe to share between threads."""

    def __init__(self, catalog: Catalog, title: str) -> None:
        self._parts = ByVersion(catalog, _part)
        self._title = xml_text(title)
        self._left_out: dict[str, str] = {}
        self._contents: Contents | None = None
        self._putting_together = Lock()

    def contents(self) -> Contents:
        """The document as of now."""
        known = self._parts.of_all(PATIENCE_S, BUDGET_S)
        self._note_left_out(known)
        parts = {
            name: found for name, found in known.items() if isinstance(found, Known) and not isinstance(found.what, str)
        }
        key = tuple((name, found.version) for name, found in parts.items())
        with self._putting_together:  # once for all that ask at the same moment
            if self._contents is None or self._contents.key != key:
                self._contents = self._put_together(key, [found.what for found in parts.values()])
            return self._contents

    def _note_left_out(self, known: Mapping[str, Known[Any] | CogError | None]) -> None:
        """Log who cannot be opened or described, once until it can be again."""
        left_out = {name: why for name, found in known.items() if (why := _why_not(found)) is not None}
        for name, reason in left_out.items():
            if name not in self._left_out:
                logger.warning("layer %r is left out of the WMTS capabilities: %s", name, reason)
        self._left_out = left_out

    def _put_together(self, key: Key, parts: list[Any]) -> Contents:
        from server.documents.wmts.layer import ROOT, shared_set_part  # noqa: PLC0415 - PROJ takes 0.1 s to load

        shared_z = [part.web_mercator_z for part in parts if part.web_mercator_z is not None]
        sequence = update_sequence(key, "".join([self._title, *(part.layer + part.tile_matrix_set for part in parts)]))
        variables = {
            "update_sequence": sequence,
            "title": self._title,
            "root": ROOT,
            "queries": QUERIES,
            "resource": CAPABILITIES,
            "all_sections": list(SECTIONS),
            "parts": parts,
            "shared_set": shared_set_part(WEB_MERCATOR, max(shared_z)) if shared_z else None,
        }
        return Contents(key, sequence, variables, _rendered(variables, SECTIONS, is_whole=True))


def _why_not(found: Known[Any] | CogError | None) -> str | None:
    """Why a layer is not in the document; None if it is."""
    if isinstance(found, Known):
        return found.what if isinstance(found.what, str) else None
    return "it could not be opened in time" if found is None else str(found)


def _part(layer: Layer, opened: OpenLayer) -> Any:
    """The `LayerPart` of a layer, or why it has none."""
    from server.documents.wmts.layer import layer_part  # noqa: PLC0415 - PROJ takes 0.1 s to load

    return layer_part(layer, opened)


def written(contents: Contents, sections: tuple[str, ...] | None, root: str) -> bytes:
    """The document for a client.

    Args:
        contents: what is in it.
        sections: those that the client wants; () for nothing but the update sequence, None for all.
        root: of the server, as the client sees it.
    """
    from server.documents.wmts.layer import ROOT  # noqa: PLC0415 - PROJ takes 0.1 s to load

    body = contents.whole if sections is None else _rendered(contents.variables, sections, is_whole=False)
    return body.replace(ROOT.encode(), str(escape(root)).encode())


def _rendered(variables: dict[str, Any], sections: tuple[str, ...], *, is_whole: bool) -> bytes:
    return render_template("wmts_capabilities.xml", **variables, sections=sections, is_whole=is_whole).encode()
