"""OGC API Common and Tiles: landing page, `/conformance`, `/api`, `/collections/…`, `/tileMatrixSets/…`.

Each document is JSON, and for browsers a page that is written from the same JSON.
"""

from collections.abc import Callable
from typing import Any

import msgspec
from flask import Response

from cogread.deadline import Deadline
from server.documents import Json
from server.documents.ogc import collections as documents
from server.documents.ogc.landing import CONFORMS_TO
from server.documents.ogc.landing import landing as landing_document
from server.documents.ogc.links import JSON, OPENAPI
from server.documents.ogc.sets import SETS, layer_of, own_set, set_items, shared_set, shared_set_items
from server.documents.openapi import document as api_document
from server.documents.openapi.contents import contents
from server.documents.summary import Summary
from server.http.errors import UnknownUrl
from server.layers.catalog import Layer
from server.layers.layer_version import LayerVersion
from server.tiles.request import BUDGET_S
from server.web.context import context
from server.web.negotiation import asked_format, prefers_html
from server.web.pages import page
from server.web.paging import asked_page
from server.web.replies import json_document


def landing() -> Response:
    """`/` for programs."""
    ctx = context()
    return _json(landing_document(ctx.settings.server.title, ctx.base_url))


def conformance() -> Response:
    """The requirements that the API claims to meet."""
    return _document("conformance.html", lambda _: {"conformsTo": CONFORMS_TO}, cache_control="no-cache")


def api() -> Response:
    """All endpoints in OpenAPI, for programs that write clients and tests, or explained."""
    _ = asked_format("json", "html")
    ctx = context()
    about = api_document(ctx.settings.server.title, ctx.base_url)
    return page("api.html", **contents(about)._asdict()) if prefers_html() else _json(about, OPENAPI)


def collections() -> Response:
    """A page of the layers that have tilesets; those that are not opened yet are among them, in short."""
    part = asked_page()
    listed = [
        (layer.config, None if summary is None else summary.tilesets)
        for layer, summary in context().summaries.all()
        if summary is None or (isinstance(summary, Summary) and summary.tilesets is not None)
    ]

    def write(base_url: str) -> Json:
        items = [documents.collection_item(config, item, base_url) for config, item in listed[part.part]]
        about = {"numberMatched": len(listed), "numberReturned": len(items), "collections": items}
        return {"links": part.links(f"{base_url}/collections", len(listed)), **about}

    return _document("collections.html", write)


def collection(name: str) -> Response:
    """A layer."""
    opened = _opened(name)
    return _document("collection.html", lambda base_url: documents.collection(*opened, base_url))


def tilesets(name: str) -> Response:
    """The tilesets of a layer: its own grid, and that of web maps if it is aligned to it."""
    opened = _opened(name)
    layer = opened[0].config
    return _document("tilesets.html", lambda base_url: documents.tilesets_list(*opened, base_url), layer=layer)


def tileset(name: str, grid: str) -> Response:
    """A tileset, with the addresses of its tiles."""
    opened = _opened(name)
    return _document(
        "tileset.html", lambda base_url: documents.tileset(*opened, grid, base_url), layer=opened[0].config
    )


def tile_matrix_sets() -> Response:
    """The tile matrix sets that layers share, and a page of those of the layers' own grids."""
    part = asked_page()
    listed = [
        (layer.config, summary.tilesets)
        for layer, summary in context().summaries.all()
        if isinstance(summary, Summary) and summary.tilesets is not None
    ]

    def write(base_url: str) -> Json:
        items = [*shared_set_items(base_url), *set_items(listed[part.part], base_url)]
        return {"links": part.links(f"{base_url}{SETS}", len(listed)), "tileMatrixSets": items}

    return _document("tile_matrix_sets.html", write)


def tile_matrix_set(name: str) -> Response:
    """A tile matrix set."""
    if shared_set(name, "") is not None:
        return _document("tile_matrix_set.html", lambda base_url: shared_set(name, base_url) or {})
    layer = layer_of(name)
    if layer is None:
        raise UnknownUrl(f"no tile matrix set {name[:100]!r}; all are at /tileMatrixSets")
    opened = _opened(layer)
    return _document("tile_matrix_set.html", lambda base_url: own_set(*opened, base_url))


def _opened(name: str) -> tuple[Layer, LayerVersion]:
    layer = context().catalog[name]
    return layer, layer.open(Deadline.after(BUDGET_S))


def _document(template: str, write: Callable[[str], Json], cache_control: str | None = None, **values: Any) -> Response:
    """A document as JSON or as a page, as the client prefers.

    Args:
        template: of the page.
        write: writes the document with a beginning of its links: absolute in JSON, those of pages in a page.
        cache_control: of the JSON; None: that of documents with absolute URLs.
        values: other values of the template.
    """
    _ = asked_format("json", "html")
    ctx = context()
    if not prefers_html():
        return _json(write(ctx.base_url), cache_control=cache_control)
    about = msgspec.json.decode(msgspec.json.encode(write(ctx.link_prefix)))
    return page(template, about=about, **values)


def _json(about: Json, media_type: str = JSON, cache_control: str | None = None) -> Response:
    document = json_document(about, cache_control or context().base_url_policy, media_type)
    document.vary.add("Accept")
    return document
