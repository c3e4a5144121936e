"""OGC API Common and Tiles in JSON: landing page, `/conformance`, `/collections/…`, `/tileMatrixSets/…`."""

from collections.abc import Mapping
from typing import Final, cast

import msgspec
from flask import Blueprint, Flask, Response, current_app
from flask.blueprints import BlueprintSetupState

from cogread.deadline import Deadline
from cogread.errors import CogError
from server.documents.ogc.landing import CONFORMS_TO
from server.documents.ogc.landing import landing as landing_document
from server.documents.ogc.links import JSON, Json
from server.http.errors import ListBusy, UnknownUrl
from server.layers.catalog import Catalog, Layer
from server.layers.layer_version import OpenLayer
from server.layers.summaries import ByVersion, Known
from server.tiles.service import BUDGET_S
from server.web.context import context
from server.web.gzip import packed_document
from server.web.negotiation import asked_format
from server.web.paging import Page, asked_page

blueprint = Blueprint("ogc", __name__)

OPEN_PAGE_S: Final = 3.0
"""How long a page of a list waits for files that are not known yet."""

_HAS_TILESETS: Final = "rawcog.has-tilesets"
"""Among the app's extensions: of which layers collections can be made."""


@blueprint.record
def _attach(state: BlueprintSetupState) -> None:
    app = cast(Flask, state.app)
    app.extensions[_HAS_TILESETS] = ByVersion(app.extensions["rawcog"].catalog, _has_tilesets)


def landing() -> Response:
    """`/`, for clients that would not rather have the page for people."""
    ctx = context()
    made = _json(landing_document(ctx.settings.server.title, ctx.absolute_root))
    made.vary.add("Accept")
    return made


@blueprint.get("/conformance")
def conformance() -> Response:
    """What the API claims to conform to."""
    asked_format("json")
    return packed_document(msgspec.json.encode({"conformsTo": CONFORMS_TO}), JSON)


@blueprint.get("/collections")
def collections() -> Response:
    """A page of the layers."""
    from server.documents.ogc.collections import collections as described  # noqa: PLC0415 - PROJ takes 0.1 s to load

    page, layers, opened = _page_of_layers()
    root, total = context().absolute_root, sum(1 for _ in context().catalog)
    found = described(layers, opened, root)
    about = {"numberMatched": _matched(), "numberReturned": len(found), "collections": found}
    return _json({"links": page.links(f"{root}/collections", total), **about})


@blueprint.get("/collections/<name>")
def collection(name: str) -> Response:
    """A layer."""
    from server.documents.ogc.collections import collection as described  # noqa: PLC0415

    return _json(described(*_opened(name), context().absolute_root))


@blueprint.get("/collections/<name>/map/tiles")
def tilesets(name: str) -> Response:
    """The tilesets of a layer: its own grid, and that of web maps if it is aligned to it."""
    from server.documents.ogc.collections import tilesets_list  # noqa: PLC0415

    return _json(tilesets_list(*_opened(name), context().absolute_root))


@blueprint.get("/collections/<name>/map/tiles/<grid>")
def tileset(name: str, grid: str) -> Response:
    """A tileset, with the addresses of its tiles."""
    from server.documents.ogc.collections import tileset as described  # noqa: PLC0415

    return _json(described(*_opened(name), grid, context().absolute_root))


@blueprint.get("/tileMatrixSets")
def tile_matrix_sets() -> Response:
    """The tile matrix sets that layers share, and a page of those of the layers' own grids."""
    from server.documents.ogc.sets import sets  # noqa: PLC0415

    page, layers, opened = _page_of_layers()
    root = context().absolute_root
    total = sum(1 for _ in context().catalog)
    links = page.links(f"{root}/tileMatrixSets", total)
    return _json({"links": links, "tileMatrixSets": sets(layers, opened, root)})


@blueprint.get("/tileMatrixSets/<name>")
def tile_matrix_set(name: str) -> Response:
    """A tile matrix set."""
    from server.documents.ogc.sets import layer_of, own_set, shared_set  # noqa: PLC0415

    root = context().absolute_root
    shared = shared_set(name, root)
    if shared is not None:
        return _json(shared)
    layer = layer_of(name)
    if layer is None:
        raise UnknownUrl(f"no tile matrix set {name[:100]!r}")
    return _json(own_set(*_opened(layer), root))


def _page_of_layers() -> tuple[Page, list[Layer], dict[str, OpenLayer | CogError | None]]:
    page, catalog = asked_page(), context().catalog
    layers = list(catalog)[page.part]
    opened: dict[str, OpenLayer | CogError | None] = {layer.config.name: layer.at_hand() for layer in layers}
    missing = [layer for layer in layers if opened[layer.config.name] is None]
    if missing:
        opened |= _opened_in_turn(catalog, missing)
    return page, layers, opened


def _opened_in_turn(catalog: Catalog, layers: list[Layer]) -> Mapping[str, OpenLayer | CogError | None]:
    """The layers; where too many threads wait for such already, what was known of them before, if all were tried."""
    try:
        with catalog.list_places.place():
            return catalog.open_all(OPEN_PAGE_S, BUDGET_S, layers)
    except ListBusy:
        before = {layer.config.name: layer.known() or catalog.unopened.get(layer.config.name) for layer in layers}
        if {name for name, opened in before.items() if opened is None} - catalog.unopened.keys():
            raise
        return before


def _matched() -> int:
    """How many layers the pages list together: none of those without tilesets, or that cannot be opened."""
    known = cast(ByVersion[bool], current_app.extensions[_HAS_TILESETS]).of_all(OPEN_PAGE_S, BUDGET_S)
    return sum(found is None or (isinstance(found, Known) and found.what) for found in known.values())


def _has_tilesets(layer: Layer, opened: OpenLayer) -> bool:
    from server.documents.ogc.sets import tilesets as tilesets_of  # noqa: PLC0415

    return not isinstance(tilesets_of(layer, opened), str)


def _opened(name: str) -> tuple[Layer, OpenLayer]:
    layer = context().catalog[name]
    return layer, layer.open(Deadline.after(BUDGET_S))


def _json(about: Json) -> Response:
    """A document with whole URLs in it."""
    asked_format("json")
    return packed_document(msgspec.json.encode(about), JSON, context().absolute_policy)
