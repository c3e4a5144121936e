"""`/access/…`: the right to the URL behind it, for proxies that cache tiles (`auth_request` of nginx)."""

import re
from contextlib import suppress
from typing import Final

from flask import Response, request
from werkzeug.routing import BaseConverter

from server.documents.wmts.exceptions import OwsError
from server.documents.wmts.kvp import pairs_of
from server.documents.wmts.names import QUERIES
from server.http.reply import Reply, cache_control
from server.web.context import context
from server.web.replies import response


class Rest(BaseConverter):
    """All that follows in a path, slashes at its start too."""

    regex = "(?s:.*)"
    part_isolating = False


LIFETIME_S: Final = 60
"""Time for which a proxy may keep the answer; it ends with the signature."""

_LAYER: Final = re.compile(
    r"/(?:(?:layers|collections|tms/1\.0\.0|wmts/1\.0\.0)/([^/@]+)|tileMatrixSets/native\.([^/]+))(?:[/@].*)?",
    re.DOTALL,
)
"""The place of a layer's name in URLs, as config/nginx.conf reads it: no dots are resolved."""


def check(rest: str) -> Response:
    """Reply with 204 if the caller may ask for a URL, else with 401 or 403. Nothing is opened.

    A URL that names no layer may be asked for by all: its reply shows each caller what it may read.
    """
    match = _LAYER.fullmatch(f"/{rest}")
    name = (match[1] or match[2]) if match is not None else None
    if f"/{rest}".rstrip("/") == QUERIES:
        with suppress(OwsError):  # the URL itself is refused for that
            name = pairs_of(request.query_string.decode("latin-1")).get("layer")
    ctx = context()
    if name is not None:
        ctx.catalog.check(name, ctx.caller)
    return response(Reply(204, [("Cache-Control", cache_control(LIFETIME_S))], b""))
