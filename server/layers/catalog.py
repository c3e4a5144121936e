"""Layer name -> layer: what the config says, the source, and the header once it is known."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Final

from cogread.byterange import Version
from cogread.deadline import Deadline
from cogread.errors import CogError, OutOfTime, SourceChanged
from cogread.reader import read_cog
from server.cache.lru import ByteLru
from server.http.errors import UnknownLayer
from server.http.reply import EVERY_REPLY, IMMUTABLE, cache_control
from server.layers.layer_version import OpenLayer
from server.layers.similar_names import SimilarNames
from server.origin.cached_source import CachedSource
from server.resilience.failures import copy_of
from server.resilience.layer_fault import one_layer
from server.settings.load import LayerConfig

RETRY_FAILED_S: Final = 3.0
"""How long a layer that could not be opened is not tried again."""


class Layer:
    """A layer as it runs. Safe to share between threads."""

    def __init__(
        self,
        config: LayerConfig,
        source: CachedSource,
        open_versions: ByteLru[str, OpenLayer],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make a layer; nothing is read yet.

        Args:
            config: what the config file says.
            source: its file.
            open_versions: open layer versions of the worker, by name.
            clock: monotonic seconds.
        """
        self.config, self.source = config, source
        self.path: Final = f"/layers/{config.name}"
        """Of the layer's document, below the server's root; its tiles are below it."""
        self.headers: Final = (("Cache-Control", cache_control(config.max_age_s)), *EVERY_REPLY)
        """Of every reply that has an ETag."""
        self.immutable_headers: Final = (("Cache-Control", IMMUTABLE), *EVERY_REPLY)
        """The same, of URLs that name a version."""
        self._clock = clock
        self._open_versions = open_versions
        self._failure: tuple[float, CogError] | None = None
        self._opening = threading.Lock()
        self.last_error: CogError | None = None
        """Error of the last try to open the layer; None after a success and before the first try."""

    def open(self, deadline: Deadline) -> OpenLayer:
        """The layer's current version; reads the header if it is not known.

        Args:
            deadline: when the call gives up.

        Raises:
            CogError: the source cannot be read or is no COG; the same error is raised again for `RETRY_FAILED_S`.
        """
        try:
            opened = self._open(deadline)
        except CogError as error:
            self.last_error = copy_of(error)
            raise
        self.last_error = None
        return opened

    def _open(self, deadline: Deadline) -> OpenLayer:
        known = self.last_version()
        if known is not None:
            version = self.source.version(deadline)
            if version is known.cog.version or version == known.cog.version:
                return known
        self._raise_known_failure()
        with self.source.waiting(deadline) as until:
            if not self._opening.acquire(timeout=until.left_s):
                raise OutOfTime(f"layer {self.config.name!r}: its header is still being read")
            try:
                return self._read(until)
            finally:
                self._opening.release()

    def versioned_path(self, opened: OpenLayer) -> str:
        """Where documents point to for a version of the layer."""
        return f"{self.path}@{opened.version_key}" if self.config.versioned_urls else self.path

    def forget(self, version: Version) -> None:
        """Give up a version that the source no longer has."""
        self.source.forget(version)

    def last_version(self) -> OpenLayer | None:
        """The last version that was opened, whether or not it is current; None if it is not kept."""
        return self._open_versions.get(self.config.name)

    def _raise_known_failure(self) -> None:
        failure = self._failure
        if failure is not None and self._clock() < failure[0]:
            raise copy_of(failure[1])

    def _read(self, deadline: Deadline) -> OpenLayer:
        self._raise_known_failure()
        try:
            version = self.source.version(deadline)
            known = self.last_version()
            if known is not None and known.cog.version == version:
                return known
            with one_layer(self.config.name):
                opened = OpenLayer(read_cog(self.source, version, deadline))
        except (SourceChanged, OutOfTime):  # the next try may go well
            raise
        except CogError as error:
            self._failure = (self._clock() + RETRY_FAILED_S, copy_of(error))
            raise
        self._failure = None
        self._open_versions.put(self.config.name, opened, opened.cost_bytes)
        return opened


class Catalog:
    """All layers, by name."""

    def __init__(self, layers: Mapping[str, Layer]) -> None:
        self._layers = dict(layers)
        self._similar_names = lru_cache(256)(SimilarNames(self._layers).to)

    def __iter__(self) -> Iterator[Layer]:
        return iter(self._layers.values())

    def __contains__(self, name: object) -> bool:
        return name in self._layers

    def __getitem__(self, name: str) -> Layer:
        """The layer of this name.

        Raises:
            UnknownLayer: there is none.
        """
        layer = self._layers.get(name)
        if layer is None:
            name = name[:100]
            similar = ", ".join(self._similar_names(name))
            raise UnknownLayer(f"no layer {name!r}; {f'similar: {similar}' if similar else 'all are at /layers'}")
        return layer
