"""OGC API Common and Tiles in JSON: landing page, `/conformance`, `/api`, `/collections/…`, `/tileMatrixSets/…`."""

from flask import Response

from cogread.deadline import Deadline
from server.documents import Json
from server.documents.ogc import collections as documents
from server.documents.ogc.landing import CONFORMS_TO
from server.documents.ogc.landing import landing as landing_document
from server.documents.ogc.links import JSON, OPENAPI
from server.documents.ogc.sets import SETS, layer_of, own_set, set_items, shared_set, shared_set_items
from server.documents.openapi import document as api_document
from server.documents.summary import Summary
from server.http.errors import UnknownUrl
from server.layers.catalog import Layer
from server.layers.layer_version import LayerVersion
from server.tiles.request import BUDGET_S
from server.web.context import context
from server.web.negotiation import asked_format
from server.web.paging import asked_page
from server.web.replies import json_document


def landing() -> Response:
    """`/` for programs."""
    ctx = context()
    document = _json(landing_document(ctx.settings.server.title, ctx.base_url))
    document.vary.add("Accept")
    return document


def conformance() -> Response:
    """The requirements that the API claims to meet."""
    asked_format("json")
    return json_document({"conformsTo": CONFORMS_TO}, "no-cache")


def api() -> Response:
    """All endpoints in OpenAPI, for programs that write clients and tests."""
    ctx = context()
    return _json(api_document(ctx.settings.server.title, ctx.base_url), OPENAPI)


def collections() -> Response:
    """A page of the layers that have tilesets; those that are not opened yet are among them, in short."""
    page, base_url = asked_page(), context().base_url
    listed = [
        (layer.config, None if summary is None else summary.tilesets)
        for layer, summary in context().summaries.all()
        if summary is None or (isinstance(summary, Summary) and summary.tilesets is not None)
    ]
    items = [documents.collection_item(config, item, base_url) for config, item in listed[page.part]]
    about = {"numberMatched": len(listed), "numberReturned": len(items), "collections": items}
    return _json({"links": page.links(f"{base_url}/collections", len(listed)), **about})


def collection(name: str) -> Response:
    """A layer."""
    return _json(documents.collection(*_opened(name), context().base_url))


def tilesets(name: str) -> Response:
    """The tilesets of a layer: its own grid, and that of web maps if it is aligned to it."""
    return _json(documents.tilesets_list(*_opened(name), context().base_url))


def tileset(name: str, grid: str) -> Response:
    """A tileset, with the addresses of its tiles."""
    return _json(documents.tileset(*_opened(name), grid, context().base_url))


def tile_matrix_sets() -> Response:
    """The tile matrix sets that layers share, and a page of those of the layers' own grids."""
    page, base_url = asked_page(), context().base_url
    listed = [
        (layer.config, summary.tilesets)
        for layer, summary in context().summaries.all()
        if isinstance(summary, Summary) and summary.tilesets is not None
    ]
    items = [*shared_set_items(base_url), *set_items(listed[page.part], base_url)]
    return _json({"links": page.links(f"{base_url}{SETS}", len(listed)), "tileMatrixSets": items})


def tile_matrix_set(name: str) -> Response:
    """A tile matrix set."""
    base_url = context().base_url
    shared = shared_set(name, base_url)
    if shared is not None:
        return _json(shared)
    layer = layer_of(name)
    if layer is None:
        raise UnknownUrl(f"no tile matrix set {name[:100]!r}; all are at /tileMatrixSets")
    return _json(own_set(*_opened(layer), base_url))


def _opened(name: str) -> tuple[Layer, LayerVersion]:
    layer = context().catalog[name]
    return layer, layer.open(Deadline.after(BUDGET_S))


def _json(about: Json, media_type: str = JSON) -> Response:
    """A document with whole URLs in it."""
    asked_format("json")
    return json_document(about, context().base_url_policy, media_type)
