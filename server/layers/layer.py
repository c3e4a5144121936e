"""A layer: its configuration, its source, and its header after the first read."""

import threading
from collections.abc import Callable, Mapping
from itertools import count
from typing import Final, NamedTuple, TypeVar

from cogread.crs.lookup import CrsResolver
from cogread.deadline import Deadline
from cogread.errors import CogError, OutOfTime
from cogread.reader import read_cog
from cogread.wrap import WITH_REPACKED, WRAPPERS
from server.access.caller import PUBLIC
from server.cache.lru import ByteLru
from server.http.reply import EVERY_REPLY, IMMUTABLE, cache_control
from server.layers.layer_version import LayerVersion
from server.origin.cached_source import CachedSource
from server.resilience.failures import Failures, copy_of
from server.resilience.layer_fault import one_layer
from server.settings.layer_config import LayerConfig

FAILURES_S: Final[Mapping[type[Exception], float]] = {CogError: 3.0}
"""Lifetime in seconds of the error of a layer that could not be opened."""

SERIALS: Final = count()
"""Numbers of the layers and collections of a worker."""


class OpenKey(NamedTuple):
    """All that an open version depends on beside the bytes of the file."""

    name: str
    """The layer's; layers of the same file have an open version each."""
    identity: str
    """The source's."""
    jxl: bool


class Layer:
    """A layer of the running server. Thread-safe."""

    def __init__(
        self,
        config: LayerConfig,
        source: CachedSource,
        open_versions: ByteLru[OpenKey, LayerVersion],
        failures: Failures,
        resolver: CrsResolver,
    ) -> None:
        """Make a layer; nothing is read yet.

        Args:
            config: its configuration.
            source: its file.
            open_versions: open layer versions of the worker.
            failures: errors of the worker's layers that could not be opened, by name.
            resolver: resolves CRSs.
        """
        self.config, self.source = config, source
        self.serial: Final = next(SERIALS)
        """Number in the worker: a layer of the same name with another configuration has another."""
        self.is_public: Final = config.access == PUBLIC
        """True: it takes no right to read it."""
        self.path: Final = f"/layers/{config.name}"
        """Path of the layer's document, and prefix of its tiles, below the server's base URL."""
        self.headers: Final = (("Cache-Control", cache_control(config.max_age_s)), *EVERY_REPLY)
        """Headers of every reply that has an ETag."""
        self.immutable_headers: Final = (("Cache-Control", IMMUTABLE), *EVERY_REPLY)
        """The same for URLs that name a version."""
        self.open_key: Final = OpenKey(config.name, config.identity, config.jxl)
        """Key of its open version."""
        self._open_versions = open_versions
        self._failures = failures
        self._resolver = resolver
        self._opening = threading.Lock()
        self.holds: Callable[[], bool] | None = None
        """Tells whether the layer is still that of its name; None: always."""
        self.last_error: CogError | None = None
        """Error of the last try to open the layer; None after a success and before the first try."""

    def under(self, config: LayerConfig, kind: "type[L]") -> "L":
        """The same file as a layer of another configuration."""
        return kind(config, self.source, self._open_versions, self._failures, self._resolver)

    def open(self, deadline: Deadline) -> LayerVersion:
        """The layer's current version; reads the header if needed.

        Args:
            deadline: when the call gives up.

        Raises:
            CogError: the source cannot be read or is no COG; the error is repeated for a moment (`FAILURES_S`).
        """
        try:
            opened = self._open(deadline)
        except CogError as error:
            self.last_error = copy_of(error)
            raise
        self.last_error = None
        return opened

    def _open(self, deadline: Deadline) -> LayerVersion:
        last = self.last_version()
        if last is not None:
            version = self.source.version(deadline)
            if version is last.cog.version or version == last.cog.version:
                return last
        self._failures.check(self.config.name)
        with self.source.waiting(deadline) as limit:
            if not self._opening.acquire(timeout=limit.left_s):
                raise OutOfTime(f"layer {self.config.name!r}: its header is still being read")
            try:
                return self._read(limit)
            finally:
                self._opening.release()

    def versioned_path(self, opened: LayerVersion) -> str:
        """Path of a version of the layer, for links in documents."""
        return f"{self.path}@{opened.version_key}" if self.config.versioned_urls else self.path

    def document_key(self, opened: LayerVersion) -> tuple[object, ...]:
        """The part of the keys of documents that stands for a version of the layer and for its configuration."""
        return self.serial, opened.version_key

    def last_version(self) -> LayerVersion | None:
        """The version that was opened last, current or not; None after its eviction."""
        return self._open_versions.get(self.open_key)

    def _read(self, deadline: Deadline) -> LayerVersion:
        self._failures.check(self.config.name)
        try:
            version = self.source.version(deadline)
            last = self.last_version()
            if last is not None and last.cog.version == version:
                return last
            with one_layer(self.config.name):
                wrappers = WITH_REPACKED if self.config.jxl else WRAPPERS
                opened = LayerVersion(read_cog(self.source, version, deadline), self._resolver, wrappers)
        except CogError as error:
            self._failures.remember([self.config.name], error)
            raise
        self._open_versions.put(self.open_key, opened, opened.cost_bytes)
        return opened


L = TypeVar("L", bound=Layer)
