"""Documents of layers under two URLs: `{layer}` follows the file, `{layer}@{version}` never changes."""

from collections.abc import Callable
from typing import Final
from urllib.parse import quote

from flask import Response, request

from cogread.deadline import Deadline
from server.http.public_urls import Links
from server.http.reply import IMMUTABLE, redirect
from server.layers.layer import Layer
from server.layers.layer_version import LayerVersion
from server.tiles.request import BUDGET_S, QUERY_CHARACTERS, split_version
from server.web.context import context
from server.web.replies import document, response

PRIVATE_IMMUTABLE: Final = IMMUTABLE.replace("public", "private")
"""The same for documents with the Host of the request in their URLs, which are for one client alone."""


def versioned(name: str, path: str, write: Callable[[Layer, LayerVersion, Links], bytes], media_type: str) -> Response:
    """A document with whole URLs.

    Args:
        name: of the layer, as in the URL: with `@` and a version behind it, that version and no other.
        path: of the document, with `{}` where the layer's name goes; identifies the document among those of a version.
        write: makes it of the layer, its version and the links to the server.
        media_type: of the document.
    """
    ctx = context()
    name, version = split_version(name)
    layer = ctx.layer(name)
    opened = layer.open(Deadline.after(BUDGET_S))
    if version is not None and version != opened.version_key:
        return moved(path.partition("?")[0].format(layer.config.name))
    immutable = IMMUTABLE if ctx.settings.public_urls.is_fixed else PRIVATE_IMMUTABLE
    links = ctx.absolute_links
    packed = ctx.packed.of((path, *layer.document_key(opened), links), lambda: write(layer, opened, links))
    return document(packed, media_type, immutable if version is not None else ctx.base_url_policy)


def moved(path: str) -> Response:
    """The redirection to a plain URL from one with a version that is gone; it keeps the query of the request."""
    query = quote(request.query_string.decode("latin-1"), safe=QUERY_CHARACTERS)
    return response(redirect(context().link_prefix + path + (f"?{query}" if query else "")))
