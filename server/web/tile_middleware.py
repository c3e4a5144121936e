"""The hot route: a WSGI callable that answers tiles itself and hands everything else to the Flask app.

A Flask view costs as much as all the rest of a tile, so tiles do without it. What a path must look like to be answered
here is strict (ASCII digits, no doubt about its parts); any other goes to the app, which says what is wrong with it.
"""

import logging
import re
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Final

from server.documents.wmts.exceptions import report
from server.documents.wmts.names import QUERIES, RESOURCES
from server.documents.wmts.tiles import WmtsTiles
from server.http.errors import status_of
from server.http.public_urls import PublicUrls
from server.http.ranges import ranged
from server.http.reply import STATUS_LINES, Reply
from server.layers.layer_version import IMAGE, MASK
from server.logs.request_log import RequestLog, escaped
from server.logs.trace import trace
from server.tiles.request import NUMBER, TileRequest
from server.tiles.service import Tiles

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

logger = logging.getLogger(__name__)

_TILE: Final = re.compile(
    r"/layers/([A-Za-z0-9_.-]{1,100})(?:@([A-Za-z0-9_.-]{1,64}))?/(tiles|mask)/([A-Za-z0-9_.-]{1,50})"
    rf"/({NUMBER})/({NUMBER})/({NUMBER})\.([a-z]{{1,8}})"
)
"""Its parts may stand in the log as they are."""

_NOUN: Final = {IMAGE: "tile", MASK: "mask"}
"""Kinds of tiles, as the log names them."""

_QUERIES: Final = (QUERIES, f"{QUERIES}/")

_EQUALS: Final = escaped("=")
"""Between quotes it cannot pretend to end a name."""


class HotRoute:
    """WSGI middleware that answers GET and HEAD of tiles."""

    def __init__(
        self,
        app: "WSGIApplication",
        tiles: Tiles,
        wmts: WmtsTiles,
        log: RequestLog,
        public_urls: PublicUrls,
        problem_reply: "Callable[[WSGIEnvironment, Exception], Reply]",
    ) -> None:
        self._app, self._tiles, self._wmts, self._log, self._public_urls = app, tiles, wmts, log, public_urls
        self._problem_reply = problem_reply

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer, or hand on."""
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        if method not in ("GET", "HEAD"):
            return self._app(environ, start_response)
        began_s = time.perf_counter()
        trace.reset()
        cause = ""
        try:
            reply = self._serve(path, method == "HEAD", environ)
            if "HTTP_RANGE" in environ and reply is not None and method == "GET":
                reply = ranged(reply, environ["HTTP_RANGE"], environ.get("HTTP_IF_RANGE"))
        except Exception as error:  # whatever it is, the client gets a reply and the log the cause
            cause = f"{type(error).__name__}: {error}"
            if status_of(error) == 500:
                logger.exception("tile request failed")
            reply = report(error) if path in _QUERIES else self._problem_reply(environ, error)
        if reply is None:
            return self._app(environ, start_response)
        target = f"{path}?{environ.get('QUERY_STRING', '')}" if path in _QUERIES else path
        self._log.write(method, target, reply.status, len(reply.body), began_s, cause, _spelled)
        start_response(STATUS_LINES[reply.status], reply.headers[:])  # a copy: it is the server's from here on
        if method != "GET" or not reply.body:
            return []
        return [reply.body] if reply.close is None else _Body(reply.body, reply.close)

    def _serve(self, path: str, is_head: bool, environ: "WSGIEnvironment") -> Reply | None:
        """Answer; None if the URL is not that of a tile."""
        if_none_match = environ.get("HTTP_IF_NONE_MATCH")
        reply = self._tiles.serve_known(path, if_none_match, is_head)
        if reply is not None:
            return reply
        if path in _QUERIES:
            return self._wmts.serve_query(environ.get("QUERY_STRING", ""), if_none_match, is_head)
        reply = (
            self._wmts.serve_path(path, if_none_match, is_head)
            if path.startswith(RESOURCES)
            else self._serve_path(path, if_none_match, is_head, environ)
        )
        return reply.below(self._public_urls.relative(environ)) if reply and reply.status == 302 else reply

    def _serve_path(
        self, path: str, if_none_match: str | None, is_head: bool, environ: "WSGIEnvironment"
    ) -> Reply | None:
        match = _TILE.fullmatch(path)
        if match is None:
            return None
        layer, version, kind, grid, z, x, y, extension = match.groups()
        request = TileRequest(
            layer,
            version,
            kind,
            grid,
            int(z),
            int(x),
            int(y),
            extension,
            query=environ.get("QUERY_STRING", ""),
            accept_encoding=environ.get("HTTP_ACCEPT_ENCODING"),
            if_none_match=if_none_match,
            is_head=is_head,
        )
        return self._tiles.serve(path, request)


class _Body:
    """A body that the server closes when it has sent it or the client has gone (PEP 3333)."""

    def __init__(self, body: bytes, close: Callable[[], None]) -> None:
        self._parts = iter((body,))
        self.close = close

    def __iter__(self) -> Iterator[bytes]:
        return self._parts


def _spelled(target: str) -> str:
    """The path of a tile, or a query for one, in the words of the log."""
    path, _, query = target.partition("?")
    if path in _QUERIES:
        return f'path={path} query="{escaped(query, most=400).replace(_EQUALS, "=")}"'
    _, first, second, third, place = path.split("/", 4)
    if first == "layers":
        return f"layer={second} {_NOUN[third]}={place}"
    return f"layer={third} {first}={place}"
