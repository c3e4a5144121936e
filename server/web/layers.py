"""`/`, `/layers`, `/layers/{layer}`: what there is."""

from typing import Any, Final

import msgspec
from flask import Blueprint, Response

from cogread.deadline import Deadline
from cogread.errors import CogError
from server.documents.layer_json import describe, summary
from server.documents.summary import Glance
from server.http.errors import public_reason
from server.http.reply import IMMUTABLE, redirect
from server.layers.summaries import Known
from server.tiles.request import split_version
from server.tiles.service import BUDGET_S
from server.web.context import context, response
from server.web.gzip import packed_document
from server.web.negotiation import asked_format, prefers_html
from server.web.ogc_api import landing
from server.web.pages import card, layer_page, layers_page
from server.web.versioned import PRIVATE_IMMUTABLE

blueprint = Blueprint("layers", __name__)

OPEN_ALL_S: Final = 3.0
"""How long a list waits for files that are not known yet."""


@blueprint.get("/layers")
def layers() -> Response:
    """All layers, with what is known of each."""
    return _all(as_page=asked_format("json", "html") == "html")


@blueprint.get("/layers/<name>")
def layer(name: str) -> Response:
    """One layer; with `@` and a version behind its name, that version and no other."""
    _ = asked_format("json", "html")
    name, version = split_version(name)
    found = context().catalog[name]
    opened = found.open(Deadline.after(BUDGET_S))
    if version is not None and version != opened.version_key:
        return response(redirect(context().root + found.path))
    about = describe(found, opened, context().root)
    if prefers_html():
        return layer_page(about)
    immutable = IMMUTABLE if context().settings.public_urls.is_prefix_fixed else PRIVATE_IMMUTABLE
    return _json(about, immutable if version is not None else "no-cache")


@blueprint.get("/", strict_slashes=True)
def index() -> Response:
    """All layers, for people as a page; for programs where the API begins."""
    _ = asked_format("json", "html")
    return _all(as_page=True) if prefers_html() else landing()


def _all(*, as_page: bool) -> Response:
    ctx = context()
    known = ctx.glances.of_all(OPEN_ALL_S, BUDGET_S)
    found = [known[layer.config.name] for layer in ctx.catalog]
    rows = [_row(summary(layer, ctx.root), result) for layer, result in zip(ctx.catalog, found, strict=True)]
    return layers_page(map(card, found, rows)) if as_page else _json({"layers": rows})


def _json(about: dict[str, Any], cache_control: str = "no-cache") -> Response:
    made = packed_document(msgspec.json.encode(about), "application/json", cache_control)
    made.vary.add("Accept")
    return made


def _row(about: dict[str, Any], found: Known[Glance] | CogError | None) -> dict[str, Any]:
    if found is None:
        return {**about, "status": "not opened yet"}
    if isinstance(found, CogError):
        return {**about, "status": "error", "reason": public_reason(found)}
    seen = found.what
    return {**about, "status": "ok", "width": seen.width, "height": seen.height, "formats": seen.formats}
