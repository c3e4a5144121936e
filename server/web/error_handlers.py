"""What holds for every reply of the app: problem documents for errors, the headers of all, and a line in the log."""

import logging
import time
from typing import TYPE_CHECKING, Final

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

from server.http.errors import UnknownUrl, problem, public_reason, reply_to, status_of
from server.http.reply import EVERY_REPLY, PREFLIGHT, Reply
from server.layers.grids import NATIVE
from server.logs.request_log import escaped
from server.logs.trace import trace
from server.resilience.layer_fault import layer_fault
from server.tiles.request import split_version
from server.web.context import context, response
from server.web.negotiation import prefers_html
from server.web.pages import problem_page

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

logger = logging.getLogger(__name__)

_DETAILS: Final = {404: "nothing is served at this path", 405: "wanted GET, HEAD or OPTIONS"}


def install(app: Flask) -> None:
    """Register the handlers."""
    app.before_request(_begin)
    app.after_request(_end)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _error)


def problem_reply(app: Flask, environ: "WSGIEnvironment", error: Exception) -> Reply:
    """The reply to a request that ended in an error before the app got it: a problem document, or a page for browsers.

    Args:
        app: renders the page.
        environ: of the request.
        error: as the tile middleware caught it.
    """
    reply = reply_to(error)
    if "text/html" not in environ.get("HTTP_ACCEPT", "") and "f=" not in environ.get("QUERY_STRING", ""):
        return reply
    with app.request_context(environ):
        made = _told(reply, public_reason(error))
    return Reply(made.status_code, list(made.headers), made.data)


def _begin() -> None:
    g.began_s = time.perf_counter()
    g.cause = ""
    trace.reset()
    is_redirect = isinstance(request.routing_exception, RequestRedirect)  # to the host that the client names
    if is_redirect or request.environ["PATH_INFO"].startswith("//"):  # Flask takes many slashes for one, tiles do not
        raise UnknownUrl(_DETAILS[404])


def _http_error(error: HTTPException) -> Response:
    """An error that Flask found: no such path, method not allowed."""
    status = error.code or 500
    detail = _DETAILS.get(status, error.description or "")
    made = _told(problem(status, detail), detail)
    allowed = getattr(error, "valid_methods", None)
    if allowed:
        made.headers["Allow"] = ", ".join(sorted(allowed))
    return made


def _error(error: Exception) -> Response:
    """An error that a view raised."""
    name = _layer_name()
    if status_of(error) == 500 and name is not None:
        error = layer_fault(name, error)
    g.cause = f"{type(error).__name__}: {error}"
    if status_of(error) == 500:
        logger.exception("request failed")
    return _told(reply_to(error), public_reason(error))


def _layer_name() -> str | None:
    """The layer whose document the view was to write; views of one layer have its name as their argument `name`."""
    name = split_version((request.view_args or {}).get("name", ""))[0].removeprefix(f"{NATIVE}.")
    return name if name in context().catalog else None


def _told(reply: Reply, detail: str) -> Response:
    """A problem document, for people as a page."""
    made = response(reply)
    return problem_page(made, detail) if prefers_html() else made


def _end(made: Response) -> Response:
    for field in EVERY_REPLY:
        made.headers.set(*field)
    if request.method == "OPTIONS":
        made.headers.extend(PREFLIGHT)
    size_bytes = made.calculate_content_length() or 0
    context().log.write(
        escaped(request.method), f"path={escaped(request.path)}", made.status_code, size_bytes, g.began_s, g.cause
    )
    return made
