"""The parts of a worker as the views use them, and replies in Flask's class."""

from dataclasses import dataclass
from typing import cast

from flask import Flask, Response, current_app, request

from server.cache import Cache
from server.documents.summary import Summary
from server.documents.wmts.capabilities import Capabilities
from server.http.ranges import ranged
from server.http.reply import Reply, none_match
from server.layers.catalog import Catalog
from server.layers.summaries import Summaries
from server.logs.request_log import RequestLog
from server.settings.load import Settings
from server.tiles.service import Tiles
from server.web.packed import PackedDocuments


@dataclass(frozen=True, slots=True)
class Context:
    """One worker's parts."""

    settings: Settings
    catalog: Catalog
    summaries: Summaries[Summary]
    capabilities: Capabilities
    tiles: Tiles
    packed: PackedDocuments
    cache: Cache | None
    log: RequestLog

    @property
    def link_prefix(self) -> str:
        """Prefix of links in the reply to this request; never the Host that a client names."""
        return self.settings.public_urls.link_prefix(request.environ)

    @property
    def base_url(self) -> str:
        """Prefix of absolute URLs; see `PublicUrls.base_url`."""
        return self.settings.public_urls.base_url(request.environ)

    @property
    def base_url_policy(self) -> str:
        """Cache-Control of documents with `base_url` in them: private where that is the client's Host."""
        return "no-cache" if self.settings.public_urls.is_fixed else "private, no-cache"


def attach(app: Flask, context: Context) -> None:
    """Give the context to the app's views."""
    app.extensions["rawcog"] = context


def context() -> Context:
    """The context of this request's app."""
    return cast(Context, current_app.extensions["rawcog"])


def response(reply: Reply) -> Response:
    """The reply in Flask's class, without the media type and the length that it adds."""
    flask_response = Response([reply.body], reply.status, reply.headers)
    if all(name != "Content-Type" for name, _ in reply.headers):
        del flask_response.headers["Content-Type"]
    if reply.close is not None:
        flask_response.call_on_close(reply.close)
    return flask_response


def tile_response(reply: Reply) -> Response:
    """The reply with a tile, or with the part that Range asks for."""
    wanted = request.headers.get("Range")
    if wanted is not None and request.method == "GET":
        reply = ranged(reply, wanted, request.headers.get("If-Range"))
    return response(reply)


def document(body: bytes, media_type: str, cache_control: str = "no-cache") -> Response:
    """A document with an ETag, or 304. Unless told otherwise, caches keep it and revalidate it."""
    flask_response = Response(body, 200, [("Content-Type", media_type), ("Cache-Control", cache_control)])
    flask_response.add_etag()
    etag = flask_response.headers["ETag"]
    if not none_match(request.headers.get("If-None-Match"), etag):
        flask_response.status_code = 304
        flask_response.set_data(b"")
        del flask_response.headers["Content-Type"], flask_response.headers["Content-Length"]
    return flask_response
