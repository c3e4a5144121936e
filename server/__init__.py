"""The server. `create_app` is the only place that assembles its parts."""

import gc
from typing import Final

from flask import Flask

from server.access.authenticator import Authenticator
from server.cache import open_cache
from server.cache.memory import MemoryCache, SideMemory
from server.cache.single_flight import SingleFlight
from server.documents.summary import Summary, summarize
from server.documents.wmts.capabilities import Capabilities
from server.file.service import Files
from server.layers.catalog import Catalog
from server.layers.factory import LayerFactory
from server.layers.openers import lists_bulkhead
from server.layers.summaries import Summaries
from server.logs.request_log import RequestLog, set_up
from server.resilience.inflight import Limits, MemoryBudget, decoders_bulkhead, free_at_once
from server.settings import current
from server.settings.load import Settings
from server.tiles.reply_cache import ReplyCache
from server.tiles.service import Tiles
from server.web.app import make_app
from server.web.context import Context
from server.web.packed import PackedDocuments
from server.web.tracing import load_spans
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
        self._layers = LayerFactory(
            SingleFlight(memory, self._cache),
            SingleFlight(SideMemory(bounds["ranges"], memory), self._cache),
            open_bytes=bounds["open_versions"],
            members_bytes=bounds["members"],
            threads=settings.threads,
            traced=self._spans.traced_source if self._spans else None,
        )
        catalog = self._layers.catalog(settings, Catalog({}, {}))
        lists = lists_bulkhead(settings.threads)
        limits = Limits(MemoryBudget(settings.server.inflight_bytes), decoders_bulkhead())
        self._files = Files(limits.memory, settings.server.inflight_bytes, settings.threads)
        self._packed = PackedDocuments(bounds["documents"])
        parts = WorkerParts(writer, limits.memory, self._layers.open_versions)
        self._metrics = WorkerMetrics(settings, parts) if settings.has_metrics else None
        observe = self._metrics.observe if self._metrics else None
        self._log = RequestLog(settings.log_level, writer, settings.log_format, observe)
        self._context = self._make_context(
            settings,
            catalog,
            Summaries(catalog, summarize, Summary, bounds["summaries"], lists),
            Tiles(catalog, ReplyCache(bounds["plans"], bounds["replies"]), limits),
        )
        self.app: Final = make_app(self._context, self._spans)
        """The app of the worker, whatever its settings."""

    def change(self, settings: Settings) -> None:
        """Serve by other settings from the next request on; a request in flight ends with those that it began with.

        Layers of the same configuration are taken over with their open headers, summaries, plans and replies. Call it
        from one thread at a time.
        """
        before = self._context
        is_same = settings.server.revalidate_s == before.settings.server.revalidate_s
        catalog = self._layers.catalog(settings, before.catalog if is_same else Catalog({}, {}))
        if self._metrics is not None:
            self._metrics.change(settings)
        self._context = self._make_context(
            settings, catalog, before.summaries.successor(catalog), before.tiles.successor(catalog)
        )
        self.app.wsgi_app = make_app(self._context, self._spans).wsgi_app  # type: ignore[method-assign]
        self._layers.retain(catalog)
        gc.unfreeze()
        keep_from_collector()

    def _make_context(
        self, settings: Settings, catalog: Catalog, summaries: Summaries[Summary], tiles: Tiles
    ) -> Context:
        capabilities = Capabilities(catalog, summaries, settings.server.title)
        authenticator = Authenticator(settings.tokens, settings.signing_keys)
        parts = tiles, self._files, self._packed, self._cache, self._log, self._metrics
        return Context(settings, catalog, summaries, capabilities, *parts, authenticator)


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
