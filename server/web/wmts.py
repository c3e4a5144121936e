"""`/wmts`, `/wmts/1.0.0/WMTSCapabilities.xml` and `/layers/{layer}/wmts.xml`: the capabilities of all layers, of one,
or of a page of the members of a collection. Tiles are answered before the app sees them.
"""

from hashlib import blake2b
from typing import Final

from flask import Response, request

from server.documents.wmts.capabilities import Contents, contents
from server.documents.wmts.exceptions import MEDIA_TYPE, OwsError
from server.documents.wmts.kvp import capabilities_request, operation, pairs_of
from server.documents.wmts.names import LAYER_CAPABILITIES
from server.documents.wmts.update_sequence import is_later
from server.http.errors import NotAcceptable, UnknownUrl
from server.http.public_urls import Links
from server.layers.collection import Collection
from server.layers.layer import Layer
from server.layers.layer_version import LayerVersion
from server.web.collection import MemberPage
from server.web.context import context
from server.web.negotiation import accepted
from server.web.replies import document
from server.web.versioned import versioned

_ACCEPTABLE: Final = (MEDIA_TYPE, "text/xml")


def queries() -> Response:
    """Requests by key-value pairs; those for tiles do not come here."""
    pairs = pairs_of(request.query_string.decode("latin-1"))
    _ = operation(pairs)
    asked, about = capabilities_request(pairs), _contents()
    sections = asked.sections or None
    if asked.update_sequence == about.update_sequence:
        sections = ()
    elif is_later(asked.update_sequence, about.update_sequence):
        message = f"UpdateSequence={asked.update_sequence[:50]!r}: the document's is {about.update_sequence}"
        raise OwsError("InvalidUpdateSequence", message)
    return _reply(about, sections)


def capabilities() -> Response:
    """The whole document, as a resource."""
    ranges = accepted()
    if ranges and not ranges.best_match(_ACCEPTABLE):
        raise NotAcceptable(f"wanted a client that accepts {MEDIA_TYPE}")
    return _reply(_contents(), None)


def layer_capabilities(name: str) -> Response:
    """The document of one layer, also of a collection in time, or of a page of the members of a collection."""
    ctx = context()
    collection = ctx.collection(name)
    if collection is not None and ctx.catalog.series(name) is None:
        return _reply(_of_members(collection), None)
    return versioned(name, f"/layers/{{}}{LAYER_CAPABILITIES}", _of_layer, MEDIA_TYPE)


def _of_layer(layer: Layer, opened: LayerVersion, links: Links) -> bytes:
    return b"".join(context().capabilities.of_layer(layer, opened).pieces(None, links))


def _of_members(collection: Collection) -> Contents:
    if not collection.rule.is_listable:
        name = collection.config.name
        raise UnknownUrl(f"collection {name!r} cannot be listed: its members have capabilities of their own")
    members = MemberPage(collection)
    return contents(collection.title, members.listing, members.path(collection.path + LAYER_CAPABILITIES))


def _contents() -> Contents:
    ctx = context()
    return ctx.capabilities.contents(ctx.caller)


def _reply(about: Contents, sections: tuple[str, ...] | None) -> Response:
    ctx = context()
    links = ctx.absolute_links
    digests = b"".join(part.digest for part in about.parts)
    key = ("wmts", about.update_sequence, blake2b(digests).digest(), about.resource, sections, links)
    packed = ctx.packed.of_long(key, lambda: about.pieces(sections, links))
    return document(packed, MEDIA_TYPE, ctx.base_url_policy)
