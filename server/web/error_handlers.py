"""Error replies of the app, and headers and log line of every reply."""

import logging
import time
from typing import TYPE_CHECKING, Final

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

from server.access.authenticator import CALLER
from server.access.caller import Caller
from server.documents.wmts.exceptions import report
from server.documents.wmts.names import QUERIES
from server.http.errors import UnknownUrl, status_of
from server.http.problems import problem, public_reason, reply_to
from server.http.reply import EVERY_REPLY, NOSNIFF, PREFLIGHT, Reply
from server.layers.grids import NATIVE
from server.logs.line_format import escaped
from server.logs.request_ids import REQUEST_ID, request_id
from server.logs.trace import trace
from server.resilience.layer_fault import layer_fault
from server.tiles.request import split_version
from server.web.context import context
from server.web.negotiation import prefers_html
from server.web.pages import problem_page
from server.web.replies import response as flask_response

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

logger = logging.getLogger(__name__)

_DETAILS: Final = {404: "nothing is served at this path", 405: "wanted GET, HEAD or OPTIONS"}

_SAME_FOR_ALL: Final = frozenset(
    {"/access/<rest:rest>", "/layers/<name>/cog.tif", "/collections/<name>/map/tiles/<grid>/<z>/<row>/<col>"}
)
"""Endpoints whose replies have no URLs, and no signature therefore."""


def install(app: Flask) -> None:
    """Register the handlers."""
    app.before_request(_begin)
    app.after_request(_end)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _error)


def problem_reply(app: Flask, environ: "WSGIEnvironment", error: Exception) -> Reply:
    """Make the reply to a request that failed in the tile middleware: a problem document, or a page for browsers.

    Args:
        app: renders the page.
        environ: WSGI environment of the request.
        error: the cause.
    """
    reply = reply_to(error)
    if "text/html" not in environ.get("HTTP_ACCEPT", "") and "f=" not in environ.get("QUERY_STRING", ""):
        return reply
    with app.request_context(environ):
        response = _negotiated(reply, public_reason(error))
    return Reply(response.status_code, list(response.headers), response.data)


def _begin() -> None:
    g.began_s = time.perf_counter()
    g.cause = ""
    trace.request.reset()
    is_redirect = isinstance(request.routing_exception, RequestRedirect)  # to the request's own Host
    if is_redirect or request.environ["PATH_INFO"].startswith("//"):  # Flask ignores slashes at the start
        raise UnknownUrl(_DETAILS[404])


def _http_error(error: HTTPException) -> Response:
    """Reply to an error of Flask's routing: no such path, method not allowed."""
    status = error.code or 500
    detail = _DETAILS.get(status, error.description or "")
    response = _negotiated(problem(status, detail), detail)
    allowed = getattr(error, "valid_methods", None)
    if allowed:
        response.headers["Allow"] = ", ".join(sorted(allowed))
    return response


def _error(error: Exception) -> Response:
    """Reply to an error that a view raised."""
    name = _layer_name()
    if status_of(error) == 500 and name is not None:
        error = layer_fault(name, error)
    g.cause = f"{type(error).__name__}: {error}"
    if status_of(error) == 500:
        logger.exception("request failed")
    if request.endpoint == QUERIES:
        return flask_response(report(error))
    return _negotiated(reply_to(error), public_reason(error))


def _layer_name() -> str | None:
    """Name of the layer of the requested document, which views of one layer get as their argument `name`."""
    name = split_version((request.view_args or {}).get("name", ""))[0].removeprefix(f"{NATIVE}.")
    return None if context().catalog.get(name) is None else name


def _negotiated(reply: Reply, detail: str) -> Response:
    """The problem document of a reply, or a page in its place where the client prefers HTML."""
    response = flask_response(reply)
    return problem_page(response, detail) if prefers_html() else response


def _end(response: Response) -> Response:
    ctx, headers, environ = context(), response.headers, request.environ
    if NOSNIFF[0] not in headers:  # else the reply has them all, as an error or a tile has
        headers.extend(EVERY_REPLY)
    caller: Caller | None = environ.get(CALLER)
    if caller is not None and caller.has_used_right:
        if "Cache-Control" in headers:
            is_tile = request.endpoint in _SAME_FOR_ALL
            headers["Cache-Control"] = caller.policy(headers["Cache-Control"], is_tile=is_tile)
        if caller.varies:
            response.vary.add("Authorization")
    if environ["REQUEST_METHOD"] == "OPTIONS":
        headers.extend(PREFLIGHT)
    sent_id, own_id = environ.get("HTTP_X_REQUEST_ID"), ""
    if sent_id is not None or (response.status_code >= 400 and "ETag" not in headers):
        own_id = request_id(sent_id)
        headers.set(REQUEST_ID, own_id)
    ctx.log.write(
        escaped(environ["REQUEST_METHOD"]),
        request.path,
        response.status_code,
        response.content_length or response.calculate_content_length() or 0,
        g.began_s,
        g.cause,
        _log_fields,
        response.mimetype or "-",
        own_id,
        environ.get("HTTP_TRACEPARENT", ""),
    )
    return response


def _log_fields(path: str) -> str:
    return f"path={escaped(path)}"
