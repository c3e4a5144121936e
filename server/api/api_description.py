"""`/api`: all endpoints in OpenAPI, for programs that write clients and tests."""

import msgspec
from flask import Blueprint, Response

from server.api.context import context
from server.api.negotiation import asked_format
from server.api.packing import packed_document
from server.ogc.links import OPENAPI
from server.openapi import document as description

blueprint = Blueprint("api_description", __name__)


@blueprint.get("/api")
def api() -> Response:
    """The description."""
    asked_format("json")
    ctx = context()
    body = msgspec.json.encode(description(ctx.settings.server.title, ctx.absolute_root))
    return packed_document(body, OPENAPI, ctx.absolute_policy)
