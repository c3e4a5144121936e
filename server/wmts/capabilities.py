"""The capabilities of all layers: what each says of itself is written once for each version, and put together at need.

A document names versions, and what the server keeps of it is kept by them. A layer that could not be opened in time is
simply not named, so a document without it is never taken for the whole one. None of what is kept holds the server's
root, which clients have a say in.
"""

import logging
from dataclasses import dataclass
from typing import Any, Final

from flask import render_template
from markupsafe import escape

from cogread.byterange import Version
from cogread.errors import CogError
from server.catalog import Catalog, Layer
from server.grid import WEB_MERCATOR
from server.open_layer import OpenLayer
from server.tiles import BUDGET_S
from server.wmts.kvp import SECTIONS
from server.wmts.names import CAPABILITIES, QUERIES
from server.wmts.update_sequence import update_sequence
from server.xml_text import xml_text

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
        self._catalog, self._title = catalog, xml_text(title)
        self._parts: dict[str, tuple[Version, Any]] = {}
        """By layer: the version, and its `LayerPart` or why it has none."""
        self._left_out: dict[str, str] = {}
        self._contents: Contents | None = None

    def contents(self) -> Contents:
        """The document as of now."""
        self._open_unknown()
        parts = {
            name: known
            for layer in self._catalog
            if (name := layer.config.name) not in self._left_out
            and (known := self._parts.get(name)) is not None
            and not isinstance(known[1], str)
        }
        key = tuple((name, version) for name, (version, _) in parts.items())
        if self._contents is None or self._contents.key != key:
            self._contents = self._put_together(key, [part for _, part in parts.values()])
        return self._contents

    def _open_unknown(self) -> None:
        """Write the parts of layers that have none of their current version, and note who cannot be opened."""
        unknown = [layer for layer in self._catalog if not self._is_known(layer)]
        for name, opened in self._catalog.open_all(PATIENCE_S, BUDGET_S, unknown).items():
            self._take(self._catalog[name], opened)

    def _is_known(self, layer: Layer) -> bool:
        """Whether the part of its current version is at hand. Cheap: it is asked for each layer at each request."""
        try:
            version = layer.source.version_at_hand()
        except CogError:
            return False
        known = self._parts.get(layer.config.name)
        is_known = known is not None and version is not None and known[0] == version
        if is_known:
            self._left_out.pop(layer.config.name, None)
        return is_known

    def _take(self, layer: Layer, opened: OpenLayer | CogError | None) -> None:
        from server.wmts.layer import layer_part  # noqa: PLC0415 - PROJ takes 0.1 s to load

        name = layer.config.name
        if isinstance(opened, OpenLayer):
            version, known = opened.cog.version, self._parts.get(name)
            if known is None or known[0] != version:
                self._parts[name] = (version, layer_part(layer, opened))
        elif isinstance(opened, CogError) or name not in self._parts:
            self._leave_out(name, "it could not be opened in time" if opened is None else str(opened))
            return
        self._left_out.pop(name, None)

    def _leave_out(self, name: str, reason: str) -> None:
        if name not in self._left_out:
            logger.warning("layer %r is left out of the WMTS capabilities: %s", name, reason)
        self._left_out[name] = reason

    def _put_together(self, key: Key, parts: list[Any]) -> Contents:
        from server.wmts.layer import ROOT, shared_set_part  # noqa: PLC0415 - PROJ takes 0.1 s to load

        shared_z = [part.web_mercator_z for part in parts if part.web_mercator_z is not None]
        sequence = update_sequence(key, self._title)
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


def written(contents: Contents, sections: tuple[str, ...] | None, root: str) -> bytes:
    """The document for a client.

    Args:
        contents: what is in it.
        sections: those that the client wants; () for nothing but the update sequence, None for all.
        root: of the server, as the client sees it.
    """
    from server.wmts.layer import ROOT  # noqa: PLC0415 - PROJ takes 0.1 s to load

    body = contents.whole if sections is None else _rendered(contents.variables, sections, is_whole=False)
    return body.replace(ROOT.encode(), str(escape(root)).encode())


def _rendered(variables: dict[str, Any], sections: tuple[str, ...], *, is_whole: bool) -> bytes:
    return render_template("wmts_capabilities.xml", **variables, sections=sections, is_whole=is_whole).encode()
