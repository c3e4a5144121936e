"""Documents of layers under two URLs: `{layer}` follows the file, `{layer}@{version}` never changes."""

from collections.abc import Callable
from typing import Final

from flask import Response

from cogread.deadline import Deadline
from server.http.reply import IMMUTABLE, redirect
from server.layers.catalog import Layer
from server.layers.layer_version import LayerVersion
from server.tiles.request import BUDGET_S, split_version
from server.web.context import context
from server.web.replies import document, response

PRIVATE_IMMUTABLE: Final = IMMUTABLE.replace("public", "private")
"""The same for documents with the Host of the request in their URLs, which are for one client alone."""


def versioned(name: str, path: str, write: Callable[[Layer, LayerVersion, str], bytes], media_type: str) -> Response:
    """A document with whole URLs.

    Args:
        name: of the layer, as in the URL: with `@` and a version behind it, that version and no other.
        path: of the document, with `{}` where the layer's name goes; identifies the document among those of a version.
        write: makes it of the layer, its version and the server's base URL.
        media_type: of the document.
    """
    ctx = context()
    name, version = split_version(name)
    layer = ctx.layer(name)
    opened = layer.open(Deadline.after(BUDGET_S))
    if version is not None and version != opened.version_key:
        return response(redirect(ctx.link_prefix + path.format(layer.config.name)))
    immutable = IMMUTABLE if ctx.settings.public_urls.is_fixed else PRIVATE_IMMUTABLE
    base_url = ctx.base_url
    packed = ctx.packed.of((path, *layer.document_key(opened), base_url), lambda: write(layer, opened, base_url))
    return document(packed, media_type, immutable if version is not None else ctx.base_url_policy)
