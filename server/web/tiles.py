"""Malformed URLs of tiles; `tile_middleware` replies to GET and HEAD of all others before the app sees them."""

from flask import Blueprint, Response

from server.http.errors import UnknownUrl
from server.tiles.request import PLAIN_NUMBERS, TMS, WMTS, XYZ, XYZ_MASK, split_version
from server.web.context import context

blueprint = Blueprint("tiles", __name__)


@blueprint.get("/layers/<name>/tiles/<path:rest>", defaults={"template": XYZ})
@blueprint.get("/layers/<name>/mask/<path:rest>", defaults={"template": XYZ_MASK})
@blueprint.get("/wmts/1.0.0/<name>/<path:rest>", defaults={"template": WMTS})
@blueprint.get("/tms/1.0.0/<name>/<path:rest>", defaults={"template": TMS})
def malformed(name: str, rest: str, template: str) -> Response:
    """Explain the form of a tile's URL."""
    _ = context().catalog[split_version(name)[0]]
    raise UnknownUrl(f"tile {rest[:100]!r}: wanted {template}, {PLAIN_NUMBERS}")
