"""Layer name -> layer: what the config says, the source, and the header once it is known."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, wait
from functools import lru_cache, partial
from typing import Final

from cogread.byterange import Version
from cogread.deadline import Deadline
from cogread.errors import CogError, OutOfTime, SourceChanged, SourceTimeout
from cogread.reader import read_cog
from server.http.errors import UnknownLayer
from server.http.reply import EVERY_REPLY, IMMUTABLE, cache_control
from server.layers.layer_version import OpenLayer
from server.layers.open_layers import OpenLayers
from server.layers.similar_names import SimilarNames
from server.origin.cached_source import CachedSource
from server.resilience.failures import copy_of
from server.resilience.layer_fault import one_layer
from server.resilience.list_places import ListPlaces
from server.resilience.parallel import Helpers
from server.settings.load import LayerConfig

RETRY_FAILED_S: Final = 3.0
"""How long a layer that could not be opened is not tried again."""

OPENERS: Final = 8
"""Threads of a worker that open layers for lists; the rest of its time is for tiles."""

LATE_PATIENCE_S: Final = 0.2
"""How long lists wait for layers that the last one waited for in vain: an origin that hangs slows down one list."""


class Layer:
    """A layer as it runs. Safe to share between threads."""

    def __init__(
        self,
        config: LayerConfig,
        source: CachedSource,
        kept: OpenLayers,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make a layer; nothing is read yet.

        Args:
            config: what the config file says.
            source: its file.
            kept: where all layers of the worker keep their headers.
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
        self._kept = kept
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
        known = self.known()
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

    def path_of(self, opened: OpenLayer) -> str:
        """Where documents point to for a version of the layer."""
        return f"{self.path}@{opened.version_key}" if self.config.versioned_urls else self.path

    def forget(self, version: Version) -> None:
        """Give up a version that the source no longer has."""
        self.source.forget(version)

    def known(self) -> OpenLayer | None:
        """The last version that was opened, whether or not it is current; None if it is not kept."""
        return self._kept.get(self.config.name)

    def at_hand(self) -> OpenLayer | None:
        """The current version, where it is open and that can be told without waiting; None: ask `open`."""
        known = self.known()
        try:
            is_current = known is not None and self.source.cached_version() == known.cog.version
        except CogError:
            return None
        return known if is_current else None

    def _raise_known_failure(self) -> None:
        failure = self._failure
        if failure is not None and self._clock() < failure[0]:
            raise copy_of(failure[1])

    def _read(self, deadline: Deadline) -> OpenLayer:
        self._raise_known_failure()
        try:
            version = self.source.version(deadline)
            known = self.known()
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
        self._kept.put(self.config.name, opened)
        return opened


class Catalog:
    """All layers, by name."""

    def __init__(self, layers: Mapping[str, Layer], list_places: ListPlaces) -> None:
        self._layers = dict(layers)
        self._similar_names = lru_cache(256)(SimilarNames(self._layers).to)
        self.list_places: Final = list_places
        """Who waits for many layers has one of them."""
        self._openers = Helpers(OPENERS, "open")
        self._late: set[str] = set()
        """Layers that were begun and not open in time, until they are."""
        self.unopened: Final[dict[str, CogError | None]] = {}
        """By name, the layers that lists could not open when they last tried: why, or None where it took too long."""

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

    def open_all(
        self, patience_s: float, budget_s: float, layers: Iterable[Layer] | None = None
    ) -> dict[str, OpenLayer | CogError | None]:
        """Open layers, a few at a time for all lists that are asked for at the same moment.

        Args:
            patience_s: seconds after which what was not begun is left, and what was is waited for no longer; layers
                that were late before are given `LATE_PATIENCE_S`.
            budget_s: longest time that opening one may take; with less, a slow origin would be taken for a dead one.
            layers: which ones; None: all.

        Returns:
            By name: the open layer, why it could not be opened, or, where the time was not enough, what the layer's
            last try ended with: an error or the version that was open before, if any.
        """
        futures = {
            layer.config.name: self._openers.submit(layer.config.name, partial(_try_open, layer, budget_s))
            for layer in (self if layers is None else layers)
        }
        wait([future for name, future in futures.items() if name not in self._late], timeout=patience_s)
        wait(futures.values(), timeout=min(patience_s, LATE_PATIENCE_S))
        return {name: self._outcome(name, future) for name, future in futures.items()}

    def _outcome(self, name: str, future: Future[OpenLayer | CogError]) -> OpenLayer | CogError | None:
        """What became of a layer by now."""
        if future.done() and not future.cancelled():
            result = future.result()
            if isinstance(result, OpenLayer):
                self._late.discard(name)
                self.unopened.pop(name, None)
                return result
            if isinstance(result, SourceTimeout):
                self._late.add(name)
            self.unopened[name] = result
            return result
        if not future.cancel():  # it was begun
            self._late.add(name)
            self.unopened[name] = self._layers[name].last_error
        return self._layers[name].last_error or self._layers[name].known()


def _try_open(layer: Layer, budget_s: float) -> OpenLayer | CogError:
    try:
        with one_layer(layer.config.name):
            return layer.open(Deadline.after(budget_s))
    except CogError as error:
        return error
