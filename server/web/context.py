"""The parts of a worker as the views use them."""

from dataclasses import dataclass
from typing import cast

from flask import Flask, current_app, request

from cogread.deadline import Deadline
from server.access.authenticator import Authenticator
from server.access.caller import Caller
from server.cache import Cache
from server.documents.summary import Summary
from server.documents.wmts.capabilities import Capabilities
from server.file.service import Files
from server.http.public_urls import Links
from server.layers.catalog import Catalog
from server.layers.collection import Collection
from server.layers.layer import Layer
from server.layers.listing import Listing
from server.layers.summaries import Summaries
from server.logs.request_log import RequestLog
from server.settings.load import Settings
from server.tiles.request import BUDGET_S, TIME
from server.tiles.service import Tiles
from server.web.packed import PackedDocuments
from server.web.worker_metrics import WorkerMetrics


@dataclass(frozen=True, slots=True)
class Context:
    """One worker's parts."""

    settings: Settings
    catalog: Catalog
    summaries: Summaries[Summary]
    capabilities: Capabilities
    tiles: Tiles
    files: Files
    packed: PackedDocuments
    cache: Cache | None
    log: RequestLog
    metrics: WorkerMetrics | None
    """None: metrics are off."""
    authenticator: Authenticator

    @property
    def caller(self) -> Caller:
        """The caller of this request."""
        return self.authenticator.caller(request.environ)

    def layer(self, name: str) -> Layer:
        """The layer of this name, if the caller may read it; see `Catalog.layer`.

        Of a collection in time it is the member of the time in the query, or the latest under the collection's name.
        """
        series, text = self.catalog.series(name), request.args.get(TIME)
        if series is None or text is None:
            return self.catalog.layer(name, self.caller)
        return self.catalog.at(series, text, self.caller, Deadline.after(BUDGET_S))

    def collection(self, name: str) -> Collection | None:
        """The collection of this name, if there is one and the caller may read it; see `Catalog.collection`."""
        return self.catalog.collection(name, self.caller)

    def collections(self) -> list[Collection]:
        """The collections that lists show to the caller."""
        return self.catalog.listed_collections(self.caller)

    def listing(self) -> Listing[Summary]:
        """The layers that lists show to the caller, with their summaries."""
        return self.summaries.all(self.caller)

    @property
    def link_prefix(self) -> str:
        """Prefix of links in the reply to this request; never the Host that a client names."""
        return self.settings.public_urls.link_prefix(request.environ)

    @property
    def base_url(self) -> str:
        """Prefix of absolute URLs; see `PublicUrls.base_url`."""
        return self.settings.public_urls.base_url(request.environ)

    @property
    def links(self) -> Links:
        """Links in the reply, once the layer was taken by `layer`."""
        return Links(self.link_prefix, self.caller.signature)

    @property
    def absolute_links(self) -> Links:
        """The same as absolute URLs."""
        return Links(self.base_url, self.caller.signature)

    @property
    def base_url_policy(self) -> str:
        """Cache-Control of documents with `base_url` in them: private where that is the client's Host."""
        return "no-cache" if self.settings.public_urls.is_fixed else "private, no-cache"


def attach(app: Flask, context: Context) -> None:
    """Give the context to the app's views."""
    app.extensions["rawcog"] = context


def context() -> Context:
    """The context of this request's app."""
    return context_of(current_app)


def context_of(app: Flask) -> Context:
    """The context of an app."""
    return cast(Context, app.extensions["rawcog"])
