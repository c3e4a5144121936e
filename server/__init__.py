"""The server. `create_app` is the only place that assembles its parts."""

import gc
from functools import partial
from typing import Final

from flask import Flask

from cogread.crs.lookup import ProjResolver
from cogread.sources import make_source
from cogread.sources.file import FileSource
from server.access.authenticator import Authenticator
from server.cache import open_cache
from server.cache.lru import ByteLru
from server.cache.memory import MemoryCache, SideMemory
from server.cache.single_flight import SingleFlight
from server.collections import make_rule
from server.documents.summary import Summary, summarize
from server.documents.tms import TmsTiles
from server.documents.wmts.capabilities import Capabilities
from server.documents.wmts.tiles import WmtsTiles
from server.file.service import Files
from server.layers.catalog import Catalog
from server.layers.collection import Collection
from server.layers.crs_store import CrsStore
from server.layers.layer import FAILURES_S, Layer, OpenKey
from server.layers.layer_version import LayerVersion
from server.layers.series import Series
from server.layers.summaries import Summaries, lists_bulkhead
from server.logs.request_log import RequestLog, set_up
from server.origin.cached_source import CachedSource
from server.origin.guard import OriginGuard, origins_bulkhead
from server.origin.mounts import MountedFile, Mounts
from server.resilience.failures import Failures
from server.resilience.inflight import Limits, MemoryBudget, decoders_bulkhead, free_at_once
from server.resilience.parallel import Helpers
from server.settings import current
from server.settings.layer_config import CollectionConfig, LayerConfig
from server.settings.load import Settings
from server.tiles.reply_cache import ReplyCache
from server.tiles.service import Tiles
from server.web import STRICT, TILE_URLS, URLS
from server.web.access import Rest
from server.web.context import Context, attach
from server.web.cors import CorsMiddleware
from server.web.error_handlers import install, problem_reply
from server.web.packed import PackedDocuments
from server.web.tile_middleware import TileMiddleware
from server.web.tracing import Spans, load_spans
from server.web.worker_metrics import WorkerMetrics, WorkerParts

MEMORY_SHARES: Final = {
    "open_versions": 1 / 4,
    "summaries": 3 / 16,  # 24 MiB of 128 MiB hold 12,000 layers
    "members": 1 / 16,  # 8 MiB of 128 MiB hold 1,000 layers
    "replies": 1 / 8,
    "plans": 1 / 32,
    "documents": 1 / 32,
    "ranges": 1 / 16,
}
"""Cache -> its share of a worker's `memory_bytes`; the rest is for bytes of files."""

HELPERS: Final = 16
"""Helper threads of a worker: enough to locate two tiles of three bands and a mask at the same time."""

MEMBER_FAILURES: Final = 4096
"""Errors of members that are remembered: a scan of names takes no more memory."""


class Assembly:
    """The parts of a worker. Caches, connections, threads and their limits stay when the settings change."""

    def __init__(self, settings: Settings) -> None:
        """Assemble an app. Nothing is read or connected yet."""
        memory_bytes = settings.server.memory_bytes
        bounds = {name: int(memory_bytes * share) for name, share in MEMORY_SHARES.items()}
        writer = set_up(settings.log_level, settings.log_format)
        self._spans = load_spans() if settings.has_traces else None
        self._cache = open_cache(settings.redis_url, settings.redis_tls_verify)
        if self._spans and self._cache:
            self._cache = self._spans.traced_cache(self._cache)
        memory = MemoryCache(memory_bytes - sum(bounds.values()))
        self._flight = SingleFlight(memory, self._cache)
        self._ranges = SingleFlight(SideMemory(bounds["ranges"], memory), self._cache)
        self._open_versions = ByteLru[OpenKey, LayerVersion](bounds["open_versions"])
        self._crs_store = CrsStore(self._flight, ProjResolver())
        self._origins = origins_bulkhead(settings.threads)
        self._helpers, self._mounts = Helpers(HELPERS, "helper"), Mounts(settings.threads)
        self._packed = PackedDocuments(bounds["documents"])
        self._members = ByteLru[tuple[Collection, str], Layer](bounds["members"])
        self._member_failures = Failures(FAILURES_S, limit=MEMBER_FAILURES)
        catalog = self._catalog(settings, Catalog({}, {}))
        lists = lists_bulkhead(settings.threads)
        limits = Limits(MemoryBudget(settings.server.inflight_bytes), decoders_bulkhead())
        self._files = Files(limits.memory, settings.server.inflight_bytes, settings.threads)
        parts = WorkerParts(writer, limits.memory, self._open_versions)
        self._metrics = WorkerMetrics(settings, parts) if settings.has_metrics else None
        observe = self._metrics.observe if self._metrics else None
        self._log = RequestLog(settings.log_level, writer, settings.log_format, observe)
        self._context = self._make_context(
            settings,
            catalog,
            Summaries(catalog, summarize, Summary, bounds["summaries"], lists),
            Tiles(catalog, ReplyCache(bounds["plans"], bounds["replies"]), limits),
        )
        self.app: Final = _wsgi_app(self._context, self._spans)
        """The app of the worker, whatever its settings."""

    def change(self, settings: Settings) -> None:
        """Serve by other settings from the next request on; a request in flight ends with those that it began with.

        Layers of the same configuration are taken over with their open headers, summaries, plans and replies. Call it
        from one thread at a time.
        """
        before = self._context
        is_same = settings.server.revalidate_s == before.settings.server.revalidate_s
        catalog = self._catalog(settings, before.catalog if is_same else Catalog({}, {}))
        if self._metrics is not None:
            self._metrics.change(settings)
        self._context = self._make_context(
            settings, catalog, before.summaries.successor(catalog), before.tiles.successor(catalog)
        )
        self.app.wsgi_app = _wsgi_app(self._context, self._spans).wsgi_app  # type: ignore[method-assign]
        self._open_versions.retain(catalog.has_open_key)
        self._members.retain(lambda key: catalog.get_collection(key[0].config.name) is key[0])
        gc.unfreeze()
        keep_from_collector()

    def _make_context(
        self, settings: Settings, catalog: Catalog, summaries: Summaries[Summary], tiles: Tiles
    ) -> Context:
        capabilities = Capabilities(catalog, summaries, settings.server.title)
        authenticator = Authenticator(settings.tokens, settings.signing_keys)
        parts = tiles, self._files, self._packed, self._cache, self._log, self._metrics
        return Context(settings, catalog, summaries, capabilities, *parts, authenticator)

    def _catalog(self, settings: Settings, before: Catalog) -> Catalog:
        """The layers and collections by name; those of the same configuration are taken from the catalog before."""
        failures = Failures(FAILURES_S, limit=len(settings.layers))

        def layer(config: LayerConfig) -> Layer:
            last = before.get(config.name)
            return last if last and last.config == config else self._layer(config, settings, failures)

        def collection(config: CollectionConfig) -> Collection:
            last = before.get_collection(config.name)
            return last if last and last.config == config else self._collection(config, settings)

        collections = {name: collection(config) for name, config in settings.collections.items()}
        return Catalog(
            {name: layer(config) for name, config in settings.layers.items()},
            collections,
            {name: Series(each) for name, each in collections.items() if each.config.fields.time is not None},
        )

    def _collection(self, config: CollectionConfig, settings: Settings) -> Collection:
        guard = OriginGuard(f"collection {config.name!r}", settings.threads, self._origins, group=config.source_name)
        make_layer = partial(
            self._layer, settings=settings, failures=self._member_failures, collection=config, guard=guard
        )
        return Collection(config, make_rule(config), make_layer, self._members)

    def _layer(
        self,
        config: LayerConfig,
        settings: Settings,
        failures: Failures,
        collection: CollectionConfig | None = None,
        guard: OriginGuard | None = None,
    ) -> Layer:
        origin = make_source(config.uri, config.options)
        label = f"layer {config.name!r}: {origin.name}"
        if isinstance(origin, FileSource):
            origin = MountedFile(origin, self._mounts, None if collection is None else collection.folder)
        if self._spans:
            origin = self._spans.traced_source(origin)
        source = CachedSource(
            origin,
            self._flight,
            ranges=self._ranges,
            key=config.identity,
            label=label,
            revalidate_s=settings.server.revalidate_s,
            cache_tiles=config.cache_tiles,
            first_read_bytes=settings.first_read_bytes,
            guard=guard or OriginGuard(label, settings.threads, self._origins, group=config.source_name),
            group=config.source_name,
            helpers=None if origin.is_local else self._helpers,
        )
        return Layer(config, source, self._open_versions, failures, self._crs_store)


def create_app(settings: Settings | None = None) -> Flask:
    """Make the app of a worker. Nothing is read or connected yet.

    Args:
        settings: all settings; None: the current ones.

    Raises:
        ConfigError: there are no current settings, and those of the config file and the environment are wrong.
    """
    free_at_once()
    if settings is not None:
        return Assembly(settings).app
    settings = current.settings()
    assembly = Assembly(settings)
    current.follow(settings, assembly.change)
    return assembly.app


def keep_from_collector() -> None:
    """Spare the garbage collector repeated scans of all that lives as long as the settings: up to 10,000 layers."""
    gc.collect()
    gc.freeze()


def _wsgi_app(context: Context, spans: Spans | None) -> Flask:
    """Make the app of a context, with its tile middleware."""
    catalog, tiles = context.catalog, context.tiles
    app = _flask_app(context)
    wmts = WmtsTiles(catalog, tiles)
    services = {type(service): service.serve for service in (tiles, wmts, TmsTiles(catalog, tiles))}
    by_url = {template: services[service] for template, service in TILE_URLS.items()}
    app.wsgi_app = TileMiddleware(  # type: ignore[method-assign]
        app.wsgi_app,
        tiles,
        wmts,
        by_url,
        context.log,
        context.settings.public_urls,
        partial(problem_reply, app),
        context.authenticator,
    )
    origins = context.settings.server.cors_origins
    if origins != "*":
        app.wsgi_app = CorsMiddleware(app.wsgi_app, frozenset(origins))  # type: ignore[method-assign]
    if spans:
        app.wsgi_app = spans.traced_app(app.wsgi_app)  # type: ignore[method-assign, assignment]
    return app


def _flask_app(context: Context) -> Flask:
    """Make the Flask app with all URLs but those of the tile middleware."""
    app = Flask(__name__, static_folder=None)  # `web.static` serves them
    app.url_map.merge_slashes = False
    app.url_map.strict_slashes = False  # a slash at the end of a document's URL changes nothing
    app.url_map.converters["rest"] = Rest
    attach(app, context)
    install(app)
    for rule, view in URLS.items():
        app.add_url_rule(rule, rule, view, methods=["GET"], strict_slashes=rule in STRICT)
    return app
