"""`/wmts` and `/wmts/1.0.0/WMTSCapabilities.xml`: the capabilities. Tiles are answered before the app sees them."""

from hashlib import blake2b
from typing import Final

from flask import Response, request

from cogread.deadline import Deadline
from server.documents.wmts.capabilities import Contents
from server.documents.wmts.exceptions import MEDIA_TYPE, OwsError
from server.documents.wmts.kvp import capabilities_request, operation, pairs_of
from server.documents.wmts.update_sequence import is_later
from server.http.errors import NotAcceptable
from server.tiles.request import BUDGET_S, split_version
from server.web.context import context
from server.web.negotiation import accepted
from server.web.replies import document

_ACCEPTABLE: Final = (MEDIA_TYPE, "text/xml")


def queries() -> Response:
    """Requests by key-value pairs; those for tiles do not come here."""
    pairs = pairs_of(request.query_string.decode("latin-1"))
    _ = operation(pairs)
    asked, contents = capabilities_request(pairs), _contents()
    sections = asked.sections or None
    if asked.update_sequence == contents.update_sequence:
        sections = ()
    elif is_later(asked.update_sequence, contents.update_sequence):
        message = f"UpdateSequence={asked.update_sequence[:50]!r}: the document's is {contents.update_sequence}"
        raise OwsError("InvalidUpdateSequence", message)
    return _reply(contents, sections)


def capabilities() -> Response:
    """The whole document, as a resource."""
    ranges = accepted()
    if ranges and not ranges.best_match(_ACCEPTABLE):
        raise NotAcceptable(f"wanted a client that accepts {MEDIA_TYPE}")
    return _reply(_contents(), None)


def layer_capabilities(name: str) -> Response:
    """The document of one layer."""
    ctx = context()
    layer = ctx.layer(split_version(name)[0])
    return _reply(ctx.capabilities.of_layer(layer, layer.open(Deadline.after(BUDGET_S))), None)


def _contents() -> Contents:
    ctx = context()
    return ctx.capabilities.contents(ctx.caller)


def _reply(contents: Contents, sections: tuple[str, ...] | None) -> Response:
    ctx = context()
    links = ctx.absolute_links
    digests = b"".join(part.digest for part in contents.parts)
    key = ("wmts", contents.update_sequence, blake2b(digests).digest(), sections, links)
    packed = ctx.packed.of_long(key, lambda: contents.pieces(sections, links))
    return document(packed, MEDIA_TYPE, ctx.base_url_policy)
