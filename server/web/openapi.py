"""`/api`: all endpoints in OpenAPI, for programs that write clients and tests."""

import msgspec
from flask import Response

from server.documents.ogc.links import OPENAPI
from server.documents.openapi import document as description
from server.web.context import context
from server.web.gzip import packed_document
from server.web.negotiation import asked_format


def api() -> Response:
    """The description."""
    asked_format("json")
    ctx = context()
    body = msgspec.json.encode(description(ctx.settings.server.title, ctx.base_url))
    return packed_document(body, OPENAPI, ctx.base_url_policy)
