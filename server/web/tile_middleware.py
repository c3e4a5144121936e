"""WSGI middleware that replies to requests for tiles and hands all others to the Flask app.

A Flask view costs as much as all the rest of a tile. Only well-formed paths are handled here (see
`server.tiles.request`); the app explains what is wrong with others.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from server.access.authenticator import CALLER, Authenticator
from server.documents.wmts.exceptions import report
from server.documents.wmts.names import QUERIES
from server.documents.wmts.tiles import WmtsTiles
from server.gunicorn_worker.lead import lead
from server.http.errors import status_of
from server.http.public_urls import PublicUrls
from server.http.ranges import ranged
from server.http.reply import STATUS_LINES, Reply
from server.layers.layer_version import IMAGE, MASK
from server.logs.line_format import escaped
from server.logs.request_ids import REQUEST_ID, request_id
from server.logs.request_log import RequestLog
from server.logs.trace import trace
from server.tiles.options import SAMPLES_SUFFIX, cache_key
from server.tiles.request import TileAddress, TileRequest, parse
from server.tiles.service import Tiles

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

logger = logging.getLogger(__name__)

Serve = Callable[[TileRequest, TileAddress], Reply]
"""Replies to a request for the tile at an address, in the terms of one service."""

_FIELDS: Final = {IMAGE: "tile", MASK: "mask"}
"""Kind of a tile -> name of its field in the log."""

_QUERIES: Final = (QUERIES, f"{QUERIES}/")

_EQUALS: Final = escaped("=")
"""Between quotes it cannot pretend to end a field's name."""


class TileMiddleware:
    """Replies to GET and HEAD of tiles."""

    def __init__(
        self,
        app: "WSGIApplication",
        tiles: Tiles,
        wmts: WmtsTiles,
        services: Mapping[str, Serve],
        log: RequestLog,
        public_urls: PublicUrls,
        problem_reply: "Callable[[WSGIEnvironment, Exception], Reply]",
        authenticator: Authenticator,
    ) -> None:
        """Wrap an app.

        Args:
            app: handles all other requests.
            tiles: replies from its cache, whatever the form of the URL.
            wmts: replies to requests by key-value pairs.
            services: template of URLs -> the service of their tiles; the app serves tiles of other templates.
            log: of requests.
            public_urls: start of the URLs in redirections.
            problem_reply: makes the reply to a request that ended in an error.
            authenticator: tells the callers of requests.
        """
        self._app, self._tiles, self._wmts, self._services = app, tiles, wmts, services
        self._log, self._public_urls, self._problem_reply = log, public_urls, problem_reply
        self._authenticator = authenticator

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Reply, or hand on."""
        method = environ["REQUEST_METHOD"]
        if method not in ("GET", "HEAD"):
            lead.hand_over()
            return self._app(environ, start_response)
        began_s = time.perf_counter()
        request_trace = trace.request
        request_trace.reset()
        path, query = environ["PATH_INFO"], environ.get("QUERY_STRING")
        key = path
        if query or path.endswith(SAMPLES_SUFFIX):
            key = cache_key(path, query or "", environ.get("HTTP_ACCEPT_ENCODING"))
        if_none_match, is_head, cause = environ.get("HTTP_IF_NONE_MATCH"), method == "HEAD", ""
        request = TileRequest(key, if_none_match, is_head, environ, self._authenticator, request_trace)
        try:
            reply = self._tiles.serve_cached(request) or self._serve(request, environ)
            if "HTTP_RANGE" in environ and reply is not None and method == "GET":
                reply = ranged(reply, environ["HTTP_RANGE"], environ.get("HTTP_IF_RANGE"))
        except Exception as error:  # the client gets a reply and the log the cause, whatever it is
            cause = f"{type(error).__name__}: {error}"
            if status_of(error) == 500:
                logger.exception("tile request failed")
            reply = report(error) if path in _QUERIES else self._problem_reply(environ, error)
        if reply is None:
            lead.hand_over()
            return self._app(environ, start_response)
        target = f"{path}?{query}" if query and path in _QUERIES else path
        headers = reply.headers[:]  # a copy, which the server may change too
        if CALLER in environ:
            environ[CALLER].limit(headers)
        sent_id, own_id = environ.get("HTTP_X_REQUEST_ID"), ""
        if sent_id is not None or cause:
            own_id = request_id(sent_id)
            headers.append((REQUEST_ID, own_id))
        ids = (own_id, environ.get("HTTP_TRACEPARENT", ""))
        self._log.write(method, target, reply.status, len(reply.body), began_s, cause, _log_fields, "", *ids)
        start_response(STATUS_LINES[reply.status], headers)
        if method != "GET" or not reply.body:
            return ()
        return (reply.body,) if reply.close is None else _Body(reply.body, reply.close)

    def _serve(self, request: TileRequest, environ: "WSGIEnvironment") -> Reply | None:
        """Reply without the cache; None if the URL is not that of a tile."""
        path, query = environ["PATH_INFO"], environ.get("QUERY_STRING", "")
        if path in _QUERIES:
            return self._wmts.serve_query(request, query)
        address = parse(path, query, environ.get("HTTP_ACCEPT_ENCODING"))
        serve = None if address is None else self._services.get(address.template)
        if address is None or serve is None:
            return None
        reply = serve(request, address)
        return reply.below(self._public_urls.link_prefix(environ)) if reply.status == 302 else reply


class _Body:
    """A body that the server closes once it is sent or the client is gone (PEP 3333)."""

    def __init__(self, body: bytes, close: Callable[[], None]) -> None:
        self._parts = iter((body,))
        self.close = close

    def __iter__(self) -> Iterator[bytes]:
        return self._parts


def _log_fields(target: str) -> str:
    """The path of a tile, or a query for one, as fields of the log."""
    path, _, query = target.partition("?")
    if path in _QUERIES:
        shown = escaped(query, most=400)
        return f'path={path} query="{shown.replace(_EQUALS, "=")}"'
    _, first, second, third, rest = path.split("/", 4)
    if first == "layers":
        return f"layer={second} {_FIELDS[third]}={rest}"
    return f"layer={third} {first}={rest}"
