"""`/`, `/layers`, `/layers/{layer}`: what there is."""

import time
from collections.abc import Iterator
from typing import Any, Final

import msgspec
from flask import Blueprint, Response, render_template, request

from cogread.errors import CogError
from server.api.context import context, document, response
from server.description import describe, summary
from server.errors import public_reason
from server.grid import NATIVE
from server.http import IMMUTABLE, local_root, redirect
from server.open_layer import IMAGE, OpenLayer
from server.tiles import BUDGET_S

blueprint = Blueprint("layers", __name__)

PICTURES: Final = ("jpg", "webp", "png")
"""Formats that browsers show."""

OPEN_ALL_S: Final = 3.0
"""How long a list waits for files that are not known yet."""


@blueprint.get("/layers")
def layers() -> Response:
    """All layers, with what is known of each."""
    ctx = context()
    opened = ctx.catalog.open_all(OPEN_ALL_S, BUDGET_S)
    rows = [_row(summary(layer, ctx.root), opened[layer.config.name]) for layer in ctx.catalog]
    return document(msgspec.json.encode({"layers": rows}), "application/json")


@blueprint.get("/layers/<name>")
def layer(name: str) -> Response:
    """One layer; with `@` and a version behind its name, that version and no other."""
    name, at, version = name.partition("@")
    found = context().catalog[name]
    opened = found.open(time.monotonic() + BUDGET_S)
    if at and version != opened.version_key:
        return response(redirect(context().root + found.path))
    body = msgspec.json.encode(describe(found, opened, context().root))
    return document(body, "application/json", IMMUTABLE if at else "no-cache")


@blueprint.get("/")
def index() -> Response:
    """A page for people."""
    ctx = context()
    opened = ctx.catalog.open_all(OPEN_ALL_S, BUDGET_S)
    origin = "" if ctx.settings.roots.is_fixed else _own_origin()
    cards = [_card(summary(layer, ctx.root), opened[layer.config.name], origin) for layer in ctx.catalog]
    title = ctx.settings.server.title
    page = render_template("index.html", title=title, cards=cards, layers_href=f"{ctx.root}/layers")
    return document(page.encode(), "text/html; charset=utf-8")


def _row(about: dict[str, Any], opened: OpenLayer | CogError | None) -> dict[str, Any]:
    if opened is None:
        return {**about, "status": "not opened yet"}
    if isinstance(opened, CogError):
        return {**about, "status": "error", "reason": public_reason(opened)}
    formats = [extension for extension, reason in opened.refusals(IMAGE).items() if reason is None]
    image = opened.cog.full
    return {**about, "status": "ok", "width": image.width, "height": image.height, "formats": formats}


def _card(about: dict[str, Any], opened: OpenLayer | CogError | None, origin: str) -> dict[str, Any]:
    """A row, with a tile to look at, the coarsest that a browser shows, and lines to copy that begin with `origin`."""
    row = _row(about, opened)
    row["curl"] = [f"curl {origin}{about['href']}"]
    if isinstance(opened, OpenLayer):
        shown = next((tile for tile in _tiles(opened) if tile.rpartition(".")[2] in PICTURES), None)
        row["tile"] = f"{about['href']}/{shown}" if shown else None
        fetched = shown or next(_tiles(opened), None)
        if fetched:
            row["curl"].append(f"curl -O {origin}{about['href']}/{fetched}")
    return row


def _tiles(opened: OpenLayer) -> Iterator[str]:
    """The first tile of each level in each format, coarse to fine, as URLs relative to the layer's."""
    count = len(opened.cog.levels)
    for z in range(count):
        for extension in opened.offered(IMAGE, count - 1 - z):
            yield f"{IMAGE}/{NATIVE}/{z}/0/0.{extension}"


def _own_origin() -> str:
    """Where this server listens, for the lines that people copy; not what a client's Host claims."""
    return local_root(request.environ["SERVER_NAME"], request.environ["SERVER_PORT"])
