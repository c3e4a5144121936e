"""What the views are given by the app."""

from dataclasses import dataclass
from typing import cast

from flask import Flask, Response, current_app, request

from server.cache import Cache
from server.documents.summary import Glance
from server.http.ranges import ranged
from server.http.reply import Reply, none_match
from server.layers.catalog import Catalog
from server.layers.summaries import ByVersion
from server.logs.request_log import RequestLog
from server.settings.load import Settings
from server.tiles.service import Tiles


@dataclass(frozen=True, slots=True)
class Context:
    """One worker's parts."""

    settings: Settings
    catalog: Catalog
    glances: ByVersion[Glance]
    tiles: Tiles
    cache: Cache | None
    log: RequestLog

    @property
    def root(self) -> str:
        """What links of this request's reply begin with; never the Host that a client names."""
        return self.settings.public_urls.relative(request.environ)

    @property
    def absolute_root(self) -> str:
        """What URLs begin with that must be whole; see `PublicUrls.absolute`."""
        return self.settings.public_urls.absolute(request.environ)

    @property
    def absolute_policy(self) -> str:
        """Cache-Control of documents with `absolute_root` in them: what a client says of a host is for that client."""
        return "no-cache" if self.settings.public_urls.is_fixed else "private, no-cache"


def attach(app: Flask, context: Context) -> None:
    """Give the context to the app's views."""
    app.extensions["rawcog"] = context


def context() -> Context:
    """The context of the app that serves this request."""
    return cast(Context, current_app.extensions["rawcog"])


def response(reply: Reply) -> Response:
    """The reply in Flask's class, which adds a media type of its own, and for bytes the length 0 of a HEAD's body."""
    made = Response([reply.body], reply.status, reply.headers)
    if all(name != "Content-Type" for name, _ in reply.headers):
        del made.headers["Content-Type"]
    if reply.close is not None:
        made.call_on_close(reply.close)
    return made


def tile_response(reply: Reply) -> Response:
    """The reply with a tile, or the part of it that this request asks for."""
    wanted = request.headers.get("Range")
    if wanted is not None and request.method == "GET":
        reply = ranged(reply, wanted, request.headers.get("If-Range"))
    return response(reply)


def document(body: bytes, media_type: str, cache_control: str = "no-cache") -> Response:
    """A document that is made anew for each request: unless told otherwise, caches keep it and ask again."""
    made = Response(body, 200, [("Content-Type", media_type), ("Cache-Control", cache_control)])
    made.add_etag()
    etag = made.headers["ETag"]
    if not none_match(request.headers.get("If-None-Match"), etag):
        made.status_code = 304
        made.set_data(b"")
        del made.headers["Content-Type"], made.headers["Content-Length"]
    return made
