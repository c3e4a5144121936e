"""`/`, `/layers`, `/layers/{layer}`: the layers, as JSON and as pages."""

import msgspec
from flask import Response
from werkzeug.http import http_date

from cogread.deadline import Deadline
from server.documents.layer_json import describe
from server.http.reply import IMMUTABLE
from server.tiles.request import BUDGET_S, split_version
from server.web.collection import collection_document
from server.web.context import context
from server.web.layer_list import layers_document, layers_page
from server.web.negotiation import asked_format, prefers_html
from server.web.ogc_api import landing
from server.web.pages import layer_page
from server.web.replies import NEGOTIATED, document
from server.web.versioned import PRIVATE_IMMUTABLE, moved


def layers() -> Response:
    """All layers in short, or those that match a query."""
    return layers_page() if asked_format("json", "html") == "html" else layers_document()


def layer(name: str) -> Response:
    """One layer; with `@` and a version behind its name, that version and no other."""
    _ = asked_format("json", "html")
    name, version = split_version(name)
    ctx = context()
    collection = ctx.collection(name) if version is None else None
    if collection is not None:
        return collection_document(collection)
    catalog_layer = ctx.layer(name)
    opened = catalog_layer.open(Deadline.after(BUDGET_S))
    if version is not None and version != opened.version_key:
        return moved(catalog_layer.path)
    links = ctx.links
    if prefers_html():
        return layer_page(catalog_layer, opened)
    key = ("layer", *catalog_layer.document_key(opened), links)
    packed = ctx.packed.of(key, lambda: msgspec.json.encode(describe(catalog_layer, opened, links)))
    immutable = IMMUTABLE if ctx.settings.public_urls.is_prefix_fixed else PRIVATE_IMMUTABLE
    cache_control = "no-cache" if version is None else immutable
    reply = document(packed, "application/json", cache_control, NEGOTIATED)
    if version is None:  # beside the body, whose ETag stays the same
        reply.headers["Rawcog-Confirmed"] = http_date(catalog_layer.source.confirmed_at)
    return reply


def index() -> Response:
    """The page of all layers, or the landing page of the API for programs."""
    _ = asked_format("json", "html")
    return layers_page() if prefers_html() else landing()
