"""Makes the layers and collections of the settings, over the caches, threads and limits that they share."""

from collections.abc import Callable
from functools import partial
from typing import Final

from cogread.crs.lookup import ProjResolver
from cogread.sources import make_source
from cogread.sources.file import FileSource
from cogread.sources.protocol import Source
from server.cache.lru import ByteLru
from server.cache.single_flight import SingleFlight
from server.collections import make_rule
from server.layers.catalog import Catalog
from server.layers.collection import Collection
from server.layers.crs_store import CrsStore
from server.layers.layer import FAILURES_S, Layer, OpenKey
from server.layers.layer_version import LayerVersion
from server.layers.series import Series
from server.origin.cached_source import CachedSource
from server.origin.guard import OriginGuard, origins_bulkhead
from server.origin.mounts import MountedFile, Mounts
from server.resilience.failures import Failures
from server.resilience.parallel import Helpers
from server.settings.layer_config import CollectionConfig, LayerConfig
from server.settings.load import Settings

HELPERS: Final = 16
"""Helper threads of a worker: enough to locate two tiles of three bands and a mask at the same time."""

MEMBER_FAILURES: Final = 4096
"""Errors of members that are remembered: a scan of names takes no more memory."""


class LayerFactory:
    """Makes the layers of a worker. What they share stays when the settings change."""

    def __init__(
        self,
        flight: SingleFlight,
        ranges: SingleFlight,
        *,
        open_bytes: int,
        members_bytes: int,
        threads: int,
        traced: Callable[[Source], Source] | None,
    ) -> None:
        """Make no layer yet.

        Args:
            flight: the cache tiers.
            ranges: the same for ranges of files that clients read by themselves.
            open_bytes: memory of the open versions.
            members_bytes: memory of the layers of collections.
            threads: request threads of the worker.
            traced: adds spans to the requests of an origin; None: there are no traces.
        """
        self._flight, self._ranges, self._threads, self._traced = flight, ranges, threads, traced
        self.open_versions: Final = ByteLru[OpenKey, LayerVersion](open_bytes)
        self._crs_store = CrsStore(flight, ProjResolver())
        self._origins = origins_bulkhead(threads)
        self._helpers, self._mounts = Helpers(HELPERS, "helper"), Mounts(threads)
        self._members = ByteLru[tuple[Collection, str], Layer](members_bytes)
        self._member_failures = Failures(FAILURES_S, limit=MEMBER_FAILURES)

    def catalog(self, settings: Settings, before: Catalog) -> Catalog:
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

    def retain(self, catalog: Catalog) -> None:
        """Forget the open versions and the members of layers and collections that a catalog does not have."""
        self.open_versions.retain(catalog.has_open_key)
        self._members.retain(lambda key: catalog.get_collection(key[0].config.name) is key[0])

    def _collection(self, config: CollectionConfig, settings: Settings) -> Collection:
        guard = self._guard(f"collection {config.name!r}", config.source_name)
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
        if self._traced:
            origin = self._traced(origin)
        source = CachedSource(
            origin,
            self._flight,
            ranges=self._ranges,
            key=config.identity,
            label=label,
            revalidate_s=settings.server.revalidate_s,
            cache_tiles=config.cache_tiles,
            first_read_bytes=settings.first_read_bytes,
            guard=guard or self._guard(label, config.source_name),
            helpers=None if origin.is_local else self._helpers,
        )
        return Layer(config, source, self.open_versions, failures, self._crs_store)

    def _guard(self, label: str, group: str) -> OriginGuard:
        return OriginGuard(label, self._threads, self._origins, group=group)
