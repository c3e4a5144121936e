"""What lists say of each layer, worked out once for each version: a list of ten thousand layers opens no file again.

It outlives the open headers, of which a worker keeps only so many. A layer of which nothing can be worked out is an
error in the list, and the others are as they were.
"""

import logging
import time
from collections.abc import Callable
from threading import Lock
from typing import Final, Generic, NamedTuple, TypeVar

from cogread.byterange import Version
from cogread.errors import CogError
from server.http.errors import LayerFault, ListBusy, ServerError
from server.layers.catalog import Catalog, Layer
from server.layers.layer_version import OpenLayer
from server.resilience.layer_fault import one_layer

logger = logging.getLogger(__name__)

T = TypeVar("T")

RETRY_FAILED_S: Final = 60.0
"""After this time a version of which nothing could be worked out is tried again: memory may have been short."""


class Known(NamedTuple, Generic[T]):
    """What was worked out of a version."""

    version: Version
    what: T


class _Failure(NamedTuple):
    """A version of which nothing could be worked out."""

    version: Version
    error: CogError
    until_s: float
    """Instant of `time.monotonic()` from which another try is due."""


class ByVersion(Generic[T]):
    """Keeps what is worked out of the current version of each layer. Safe to share between threads."""

    def __init__(self, catalog: Catalog, work_out: Callable[[Layer, OpenLayer], T]) -> None:
        """Keep nothing yet.

        Args:
            catalog: the layers.
            work_out: what is wanted of an open layer; small, since it is kept for as long as the worker lives.
        """
        self._catalog, self._work_out = catalog, work_out
        self._known: dict[str, Known[T]] = {}
        self._failures: dict[str, _Failure] = {}
        self._working_out = Lock()

    def of_all(self, patience_s: float, budget_s: float) -> dict[str, Known[T] | CogError | None]:
        """Ask all layers; those whose current version is known cost next to nothing.

        Args:
            patience_s: see `Catalog.open_all`.
            budget_s: the same.

        Returns:
            By name: what is known, why the layer cannot be opened or described, or None where the time was not enough.
            Where too many threads wait for such lists already: what was known before.

        Raises:
            ListBusy: they do, and some layers were never tried.
        """
        at_hand: dict[str, Known[T] | CogError | None] = {
            layer.config.name: self._at_hand(layer) for layer in self._catalog
        }
        unknown = [layer for layer in self._catalog if at_hand[layer.config.name] is None]
        if not unknown:
            return at_hand
        try:
            with self._catalog.list_places.place():
                opened = self._catalog.open_all(patience_s, budget_s, unknown)
                return at_hand | {name: self._take(self._catalog[name], result) for name, result in opened.items()}
        except ListBusy:
            names, unopened = {layer.config.name for layer in unknown}, self._catalog.unopened
            if names - self._known.keys() - unopened.keys():
                raise
            return at_hand | {name: self._known.get(name) or unopened.get(name) for name in names}

    def _at_hand(self, layer: Layer) -> Known[T] | CogError | None:
        """What is known of the current version, if that can be told without waiting."""
        name = layer.config.name
        if name not in self._known and name not in self._failures:
            return None
        try:
            version = layer.source.cached_version()
        except CogError:
            return None
        known = self._known.get(name)
        return known if known is not None and known.version == version else self._failed(name, version)

    def _failed(self, name: str, version: Version | None) -> CogError | None:
        """The error of a version of which nothing can be worked out, unless another try is due."""
        failure = self._failures.get(name)
        if failure is None or failure.version != version or failure.until_s <= time.monotonic():
            return None
        return failure.error

    def _take(self, layer: Layer, opened: OpenLayer | CogError | None) -> Known[T] | CogError | None:
        name = layer.config.name
        known = self._known.get(name)
        if opened is None:
            return known
        if isinstance(opened, CogError):
            return opened
        if known is None or known.version != opened.cog.version:
            return self._worked_out(layer, opened)
        return known

    def _worked_out(self, layer: Layer, opened: OpenLayer) -> Known[T] | CogError:
        """What is new of a layer: by one thread for all that ask for lists at the same moment."""
        name, version = layer.config.name, opened.cog.version
        with self._working_out:
            known = self._known.get(name)
            if known is not None and known.version == version:
                return known
            error = self._failed(name, version)
            if error is not None:
                return error
            try:
                with one_layer(name):
                    known = self._known[name] = Known(version, self._work_out(layer, opened))
            except (CogError, ServerError) as failure:
                return self._fail(name, version, failure)
            self._failures.pop(name, None)
            return known

    def _fail(self, name: str, version: Version, failure: CogError | ServerError) -> CogError:
        error = failure if isinstance(failure, CogError) else LayerFault(str(failure))
        before = self._failures.get(name)
        if not isinstance(failure, LayerFault) and (before is None or str(before.error) != str(error)):
            logger.warning("layer %r cannot be described: %s", name, failure)
        self._failures[name] = _Failure(version, error, time.monotonic() + RETRY_FAILED_S)
        return error
