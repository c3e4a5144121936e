"""`/`, `/layers`, `/layers/{layer}`: the layers, as JSON and as pages."""

import msgspec
from flask import Response
from werkzeug.http import http_date

from cogread.deadline import Deadline
from server.documents import Json
from server.documents.layer_json import describe
from server.http.reply import IMMUTABLE, redirect
from server.tiles.request import BUDGET_S, split_version
from server.web.context import context
from server.web.layer_list import asked_query, layers_page, list_row, selection
from server.web.negotiation import asked_format, prefers_html
from server.web.ogc_api import landing
from server.web.pages import layer_page
from server.web.replies import packed_document, response
from server.web.versioned import PRIVATE_IMMUTABLE


def layers() -> Response:
    """All layers in short, or those that match a query."""
    if asked_format("json", "html") == "html":
        return layers_page()
    return _json({"layers": [list_row(entry) for entry in selection(asked_query()).entries]})


def layer(name: str) -> Response:
    """One layer; with `@` and a version behind its name, that version and no other."""
    _ = asked_format("json", "html")
    name, version = split_version(name)
    catalog_layer = context().catalog[name]
    opened = catalog_layer.open(Deadline.after(BUDGET_S))
    if version is not None and version != opened.version_key:
        return response(redirect(context().link_prefix + catalog_layer.path))
    about = describe(catalog_layer, opened, context().link_prefix)
    if prefers_html():
        return layer_page(about, opened, catalog_layer.versioned_path(opened))
    immutable = IMMUTABLE if context().settings.public_urls.is_prefix_fixed else PRIVATE_IMMUTABLE
    document = _json(about, immutable if version is not None else "no-cache")
    if version is None:  # beside the body, whose ETag stays the same
        document.headers["Rawcog-Confirmed"] = http_date(catalog_layer.source.confirmed_at)
    return document


def index() -> Response:
    """The page of all layers, or the landing page of the API for programs."""
    _ = asked_format("json", "html")
    return layers_page() if prefers_html() else landing()


def _json(about: Json, cache_control: str = "no-cache") -> Response:
    document = packed_document(msgspec.json.encode(about), "application/json", cache_control)
    document.vary.add("Accept")
    return document
