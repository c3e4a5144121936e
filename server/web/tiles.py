"""Tile URLs that the hot route does not take: it answers every well-formed GET and HEAD before the app sees it."""

from flask import Blueprint, Response

from server.http.errors import UnknownUrl
from server.tiles.request import PLAIN_NUMBERS
from server.web.context import context

blueprint = Blueprint("tiles", __name__)


@blueprint.get("/layers/<name>/tiles/<path:rest>")
@blueprint.get("/layers/<name>/mask/<path:rest>")
def tile(name: str, rest: str) -> Response:
    """Say what a tile's URL looks like."""
    _ = context().catalog[name.partition("@")[0]]
    raise UnknownUrl(f"tile {rest[:100]!r}: wanted {{grid}}/{{z}}/{{x}}/{{y}}.{{format}}, {PLAIN_NUMBERS}")
