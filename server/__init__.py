"""The server. `create_app` is the only place that puts its parts together."""

from functools import partial

from flask import Flask

from cogread.sources import make_source
from cogread.sources.file import FileSource
from server.cache import open_cache
from server.cache.lru import ByteLru
from server.cache.memory import MemoryCache
from server.cache.single_flight import SingleFlight
from server.documents.summary import Summary, summarize
from server.documents.tms import TmsTiles
from server.documents.wmts.capabilities import Capabilities
from server.documents.wmts.tiles import WmtsTiles
from server.layers.catalog import FAILURES_S, Catalog, Layer
from server.layers.layer_version import OpenLayer
from server.layers.summaries import Summaries, lists_bulkhead
from server.logs.request_log import RequestLog, set_up
from server.origin.cached_source import CachedSource
from server.origin.guard import OriginGuard, origins_bulkhead
from server.origin.mounts import MountedFile, Mounts
from server.resilience.failures import Failures
from server.resilience.inflight import Limits, MemoryBudget, decoders_bulkhead, free_at_once
from server.resilience.parallel import Helpers
from server.settings.current import settings as settings_in_force
from server.settings.load import LayerConfig, Settings
from server.tiles.reply_cache import ReplyCache
from server.tiles.service import Tiles
from server.web import STRICT, TILE_URLS, URLS
from server.web.context import Context, attach
from server.web.error_handlers import install, problem_reply
from server.web.packed import PackedDocuments
from server.web.tile_middleware import TileMiddleware

OPEN_VERSIONS_SHARE = 1 / 4
"""Share of a worker's `memory_bytes` for open layer versions."""
SUMMARIES_SHARE = 3 / 16
"""The same for summaries of layers: 24 MiB of 128 hold 10,000."""
REPLIES_SHARE = 1 / 8
"""The same for whole replies."""
PLANS_SHARE = 1 / 32
"""The same for tile plans."""
DOCUMENTS_SHARE = 1 / 32
"""The same for packed documents. The rest is for bytes of files."""

HELPERS = 16
"""Helper threads of a worker: enough to locate two tiles of three bands and a mask at the same time."""


def create_app(settings: Settings | None = None) -> Flask:
    """Make a worker's app; nothing is read or connected yet.

    Args:
        settings: what the server is told; None: the settings in force.

    Raises:
        ConfigError: the settings have to be read, and are wrong.
    """
    settings = settings or settings_in_force()
    log = RequestLog(settings.log_level, set_up(settings.log_level))
    cache = open_cache(settings.redis_url, settings.redis_tls_verify)
    free_at_once()
    shares = (OPEN_VERSIONS_SHARE, SUMMARIES_SHARE, REPLIES_SHARE, PLANS_SHARE, DOCUMENTS_SHARE)
    versions_bytes, summaries_bytes, replies_bytes, plans_bytes, documents_bytes = (
        int(settings.server.memory_bytes * share) for share in shares
    )
    flight = SingleFlight(MemoryCache(int(settings.server.memory_bytes * (1 - sum(shares)))), cache)
    open_versions = ByteLru[str, OpenLayer](versions_bytes)
    failures = Failures(FAILURES_S, limit=len(settings.layers))
    origins = origins_bulkhead(settings.threads)
    helpers, mounts = Helpers(HELPERS, "helper"), Mounts(settings.threads)

    def layer(config: LayerConfig) -> Layer:
        origin = make_source(config.uri, config.options)
        label = f"layer {config.name!r}: {origin.name}"
        if isinstance(origin, FileSource):
            origin = MountedFile(origin, mounts)
        source = CachedSource(
            origin,
            flight,
            key=config.identity,
            label=label,
            revalidate_s=settings.server.revalidate_s,
            cache_tiles=config.cache_tiles,
            first_read_bytes=settings.first_read_bytes,
            guard=OriginGuard(label, settings.threads, origins),
            helpers=None if origin.is_local else helpers,
        )
        return Layer(config, source, open_versions, failures)

    catalog = Catalog({name: layer(config) for name, config in settings.layers.items()})
    summaries = Summaries(catalog, summarize, Summary, summaries_bytes, lists_bulkhead(settings.threads))
    capabilities = Capabilities(summaries, settings.server.title)
    app = Flask(__name__, static_folder=None)  # `api.static` has them
    app.url_map.merge_slashes = False
    app.url_map.strict_slashes = False  # a document has the same reply with a slash at the end of its URL
    limits = Limits(MemoryBudget(settings.server.inflight_bytes), decoders_bulkhead())
    tiles = Tiles(catalog, ReplyCache(plans_bytes, replies_bytes), limits)
    packed = PackedDocuments(documents_bytes)
    attach(app, Context(settings, catalog, summaries, capabilities, tiles, packed, cache, log))
    install(app)
    for rule, view in URLS.items():
        app.add_url_rule(rule, rule, view, methods=["GET"], strict_slashes=rule in STRICT)
    wmts = WmtsTiles(catalog, tiles)
    services = {type(service): service.serve for service in (tiles, wmts, TmsTiles(catalog, tiles))}
    by_url = {template: services[service] for template, service in TILE_URLS.items()}
    app.wsgi_app = TileMiddleware(  # type: ignore[method-assign]
        app.wsgi_app, tiles, wmts, by_url, log, settings.public_urls, partial(problem_reply, app)
    )
    return app
