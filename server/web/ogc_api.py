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
from server.documents.ogc import tilesets as tileset_documents
from server.documents.ogc.item import TilesetsItem
from server.documents.ogc.landing import CONFORMS_TO
from server.documents.ogc.landing import landing as landing_document
from server.documents.ogc.links import JSON, OPENAPI
from server.documents.ogc.sets import SETS, layer_of, own_set, set_items, shared_set, shared_set_items
from server.documents.openapi import document as api_document
from server.documents.openapi.contents import contents
from server.documents.summary import Summary
from server.http.errors import UnknownUrl
from server.http.public_urls import Links
from server.layers.collection import Collection
from server.layers.layer import Layer
from server.layers.layer_version import LayerVersion
from server.settings.layer_config import LayerConfig
from server.tiles.request import BUDGET_S
from server.web.collection import MemberPage
from server.web.context import context
from server.web.negotiation import asked_format, prefers_html
from server.web.packed import Key
from server.web.pages import keyed_page
from server.web.paging import asked_page
from server.web.replies import NEGOTIATED, document


def landing() -> Response:
    """`/` for programs."""
    title = context().settings.server.title
    return _json("landing", (title,), lambda links: landing_document(title, links.prefix))


def conformance() -> Response:
    """The requirements that the API claims to meet."""
    return _document("conformance.html", (), lambda _: {"conformsTo": CONFORMS_TO}, cache_control="no-cache")


def api() -> Response:
    """All endpoints in OpenAPI, for programs that write clients and tests, or explained."""
    _ = asked_format("json", "html")
    ctx = context()
    title, has_metrics = ctx.settings.server.title, ctx.settings.server.metrics
    if prefers_html():
        return keyed_page(
            "api.html", (has_metrics,), lambda: contents(api_document(title, ctx.base_url, has_metrics))._asdict()
        )
    return _json("api", (title, has_metrics), lambda links: api_document(title, links.prefix, has_metrics), OPENAPI)


def collections() -> Response:
    """A page of the layers that have tilesets, those that are not opened yet in short, and of the collections."""
    ctx, part = context(), asked_page()
    listing, parents = ctx.listing(), ctx.collections()

    def write(links: Links) -> Json:
        """The document with these links."""
        listed: list[Collection | tuple[LayerConfig, TilesetsItem | None]] = [
            (layer.config, None if summary is None else summary.tilesets)
            for layer, summary in listing
            if summary is None or (isinstance(summary, Summary) and summary.tilesets is not None)
        ]
        listed += parents
        items = [
            documents.parent_item(each, links)
            if isinstance(each, Collection)
            else documents.collection_item(*each, links)
            for each in listed[part.part]
        ]
        about = {"numberMatched": len(listed), "numberReturned": len(items), "collections": items}
        return {"links": part.links(links.to("/collections"), len(listed)), **about}

    return _document("collections.html", (listing.key, [each.serial for each in parents], part), write)


def collection(name: str) -> Response:
    """A layer, or a collection of layers with a page of its members."""
    parent = context().collection(name)
    return _layer_document("collection.html", name, documents.collection) if parent is None else _parent(parent)


def _parent(parent: Collection) -> Response:
    """A collection of layers. Members that cannot be opened or have no tilesets are left out, as in the list of all."""
    if not parent.rule.is_listable:
        return _document(
            "parent.html", (parent.serial,), lambda links: documents.parent_item(parent, links), path=parent.path
        )
    members, series = MemberPage(parent), context().catalog.series(parent.config.name)
    span = None if series is None else series.span()

    def write(links: Links) -> Json:
        about, items = documents.parent_item(parent, links, span), []
        for member, layer, summary in members.entries():
            item = summary.tilesets if isinstance(summary, Summary) else None
            if layer is not None and (summary is None or item is not None):
                items.append(documents.member_item(layer.config, member, item, links))
        own = [*members.links(links, f"/collections/{parent.config.name}"), *about["links"][1:]]
        return {**about, **members.counts(), "numberReturned": len(items), "links": own, "collections": items}

    return _document("parent.html", (*members.key, span), write, path=parent.path)


def tilesets(name: str) -> Response:
    """The tilesets of a layer: its own grid, and that of web maps if it is aligned to it."""
    return _layer_document("tilesets.html", name, tileset_documents.tilesets_list)


def tileset(name: str, grid: str) -> Response:
    """A tileset, with the addresses of its tiles."""

    def write(layer: Layer, opened: LayerVersion, links: Links) -> Json:
        return tileset_documents.tileset(layer, opened, grid, links)

    return _layer_document("tileset.html", name, write, grid)


def tile_matrix_sets() -> Response:
    """The tile matrix sets that layers share, and a page of those of the layers' own grids."""
    part, listing = asked_page(), context().listing()

    def write(links: Links) -> Json:
        listed = [
            (layer.config, summary.tilesets)
            for layer, summary in listing
            if isinstance(summary, Summary) and summary.tilesets is not None
        ]
        items = [*shared_set_items(links), *set_items(listed[part.part], links)]
        return {"links": part.links(links.to(SETS), len(listed)), "tileMatrixSets": items}

    return _document("tile_matrix_sets.html", (listing.key, part), write)


def tile_matrix_set(name: str) -> Response:
    """A tile matrix set."""
    if shared_set(name, Links("")) is not None:
        return _document("tile_matrix_set.html", (name,), lambda links: shared_set(name, links) or {})
    layer = layer_of(name)
    if layer is None:
        raise UnknownUrl(f"no tile matrix set {name[:100]!r}; all are at /tileMatrixSets")
    return _layer_document("tile_matrix_set.html", layer, own_set)


def _layer_document(
    template: str, name: str, write: Callable[[Layer, LayerVersion, Links], Json], parameter: str = ""
) -> Response:
    """A document of a layer; see `_document`. `parameter` is that of `write`."""
    layer = context().layer(name)
    opened = layer.open(Deadline.after(BUDGET_S))
    key = (*layer.document_key(opened), parameter)
    return _document(template, key, lambda links: write(layer, opened, links), layer=layer.config)


def _document(
    template: str, key: Key, write: Callable[[Links], Json], cache_control: str | None = None, **values: Any
) -> Response:
    """A document as JSON or as a page, as the client prefers.

    Args:
        template: of the page.
        key: names all that the content depends on beside the template and the links, the values included.
        write: writes the document with its links: absolute in JSON, those of pages in a page.
        cache_control: of the JSON; None: that of documents with absolute URLs.
        values: other values of the template.
    """
    _ = asked_format("json", "html")
    if not prefers_html():
        return _json(template, key, write, cache_control=cache_control)
    links = context().links
    return keyed_page(
        template, key, lambda: {"about": msgspec.json.decode(msgspec.json.encode(write(links))), **values}
    )


def _json(
    name: str, key: Key, write: Callable[[Links], Json], media_type: str = JSON, cache_control: str | None = None
) -> Response:
    ctx = context()
    links = ctx.absolute_links
    packed = ctx.packed.of((name, links, *key), lambda: msgspec.json.encode(write(links)))
    return document(packed, media_type, cache_control or ctx.base_url_policy, NEGOTIATED)
