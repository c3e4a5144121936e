"""What lists say of each layer, worked out once for each version: a list of ten thousand layers opens no file again.

It outlives the open headers, of which a worker keeps only so many.
"""

from collections.abc import Callable
from threading import Lock
from typing import Generic, NamedTuple, TypeVar

from cogread.byterange import Version
from cogread.errors import CogError
from server.catalog import Catalog, Layer
from server.errors import ListBusy
from server.open_layer import OpenLayer

T = TypeVar("T")


class Known(NamedTuple, Generic[T]):
    """What was worked out of a version."""

    version: Version
    what: T


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
        self._working_out = Lock()

    def of_all(self, patience_s: float, budget_s: float) -> dict[str, Known[T] | CogError | None]:
        """Ask all layers; those whose current version is known cost next to nothing.

        Args:
            patience_s: see `Catalog.open_all`.
            budget_s: the same.

        Returns:
            By name: what is known, why the layer cannot be opened, or None where the time was not enough. Where too
            many threads wait for such lists already: what was known before.

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

    def _at_hand(self, layer: Layer) -> Known[T] | None:
        """What is known of the current version, if that can be told without waiting."""
        known = self._known.get(layer.config.name)
        try:
            is_current = known is not None and layer.source.version_at_hand() == known.version
        except CogError:
            return None
        return known if is_current else None

    def _take(self, layer: Layer, opened: OpenLayer | CogError | None) -> Known[T] | CogError | None:
        name = layer.config.name
        known = self._known.get(name)
        if opened is None:
            return known
        if isinstance(opened, CogError):
            return opened
        if known is None or known.version != opened.cog.version:
            known = self._worked_out(layer, opened)
        return known

    def _worked_out(self, layer: Layer, opened: OpenLayer) -> Known[T]:
        """What is new of a layer: by one thread for all that ask for lists at the same moment."""
        with self._working_out:
            known = self._known.get(layer.config.name)
            if known is None or known.version != opened.cog.version:
                known = self._known[layer.config.name] = Known(opened.cog.version, self._work_out(layer, opened))
            return known
