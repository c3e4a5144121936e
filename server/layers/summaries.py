"""Summaries of layer versions, from which all lists are written: a list of ten thousand layers opens no file again.

Opener threads open a layer and summarize it; see `openers`. Summaries are kept encoded within a bound in bytes and
outlive the open headers. A layer that cannot be summarized is an error in the list and leaves the others as they are.
"""

import logging
from collections.abc import Callable, Sequence
from itertools import count
from typing import Final, Generic

import msgspec

from cogread.deadline import NEVER, Deadline
from cogread.errors import CogError
from server.access.caller import Caller
from server.cache.lru import ByteLru
from server.http.errors import LayerFault, ServerError
from server.layers.catalog import Catalog
from server.layers.layer import Layer
from server.layers.layer_version import LayerVersion
from server.layers.listing import Listing, Outcome, S
from server.layers.openers import Openers
from server.resilience.bulkhead import Bulkhead
from server.resilience.layer_fault import one_layer

logger = logging.getLogger(__name__)

BUDGET_S: Final = 12.0
"""Longest time to open a layer: with less, a slow origin would be taken for a dead one."""

RETRY_FAILED_S: Final = 60.0
"""Lifetime of a failed or incomplete summary: memory may have been short."""

ENTRY_BYTES: Final = 900
"""Cost of an entry beside its encoded summary: key, version, and its share of the table."""


_SERIALS: Final = count()


class Summaries(Generic[S]):
    """The summaries of all layers. Safe to share between threads."""

    def __init__(
        self,
        catalog: Catalog,
        summarize: Callable[[Layer, LayerVersion], S],
        kind: type[S],
        bound_bytes: int,
        bulkhead: Bulkhead,
    ) -> None:
        """Make an empty store.

        Args:
            catalog: the layers.
            summarize: makes the summary of a layer version.
            kind: class of the summaries.
            bound_bytes: of all encoded summaries.
            bulkhead: bounds the requests that wait for layers to be opened; see `lists_bulkhead`.
        """
        self._catalog, self._summarize, self.bulkhead = catalog, summarize, bulkhead
        self._kind = kind
        self._encoder, self._decoder = msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder(kind)
        self._outcomes = ByteLru[str, Outcome](bound_bytes)
        self._openers: Final = Openers(bulkhead)

    def successor(self, catalog: Catalog) -> "Summaries[S]":
        """A store for another catalog, with the summaries of the layers that are in both."""
        other = Summaries(catalog, self._summarize, self._kind, self._outcomes.bound_bytes, self.bulkhead)
        other._outcomes = self._outcomes.successor(
            lambda name, _: (layer := catalog.get(name)) is not None and layer is self._catalog.get(name)
        )
        return other

    def all(self, caller: Caller) -> Listing[S]:
        """The layers that lists show to a caller; see `of`.

        Raises:
            Unauthorized: the caller's token is unknown.
        """
        return self.of(self._catalog.listed(caller))

    def of(self, layers: Sequence[Layer], *, opens: bool = True) -> Listing[S]:
        """Some layers. If an origin is slow to tell the current version, or the bulkhead is full, the last one counts.

        Args:
            layers: layers of the config, or members of collections.
            opens: False: no file is opened and no origin is asked; the last version counts.

        Raises:
            ListBusy: the bulkhead is full, and some layers were never tried.
        """
        if not opens:
            last = self._outcomes.get
            return Listing([(each, last(each.config.name) or each.last_error) for each in layers], self._decoder.decode)
        outcomes: dict[str, Outcome | CogError | None] = {layer.config.name: self._current(layer) for layer in layers}
        missing = [layer for layer in layers if outcomes[layer.config.name] is None]
        if missing:
            outcomes |= self._openers.open(missing, self._work, self._outcomes.get)
        return Listing([(layer, outcomes[layer.config.name]) for layer in layers], self._decoder.decode)

    def _current(self, layer: Layer) -> Outcome | None:
        """The outcome of the current version, if that can be told without waiting and no other try is due."""
        outcome = self._outcomes.get(layer.config.name)
        if outcome is None or outcome.lifetime.is_expired:
            return None
        try:
            return outcome if layer.source.cached_version() == outcome.version else None
        except CogError:
            return None

    def _work(self, layer: Layer) -> Outcome | CogError:
        """Open and summarize a layer, in an opener thread."""
        try:
            with one_layer(layer.config.name):
                opened = layer.open(Deadline.after(BUDGET_S))
        except CogError as error:
            return error
        outcome = self._outcomes.get(layer.config.name)
        if outcome is None or outcome.version != opened.cog.version or outcome.lifetime.is_expired:
            outcome = self._summarized(layer, opened, outcome)
            size_bytes = len(outcome.encoded) if isinstance(outcome.encoded, bytes) else 0
            self._outcomes.put(layer.config.name, outcome, ENTRY_BYTES + size_bytes)
        return outcome

    def _summarized(self, layer: Layer, opened: LayerVersion, before: Outcome | None) -> Outcome:
        name, version = layer.config.name, opened.cog.version
        try:
            with one_layer(name):
                summary = self._summarize(layer, opened)
                encoded = self._encoder.encode(summary)
        except (CogError, ServerError) as failure:
            error = failure if isinstance(failure, CogError) else LayerFault(str(failure))
            is_news = before is None or str(before.encoded) != str(error)
            if is_news and not isinstance(failure, LayerFault):  # that was logged with its traceback
                logger.warning("layer %r cannot be described: %s", name, failure)
            return Outcome(version, error, Deadline.after(RETRY_FAILED_S), next(_SERIALS))
        lifetime = NEVER if summary.is_complete else Deadline.after(RETRY_FAILED_S)
        return Outcome(version, encoded, lifetime, next(_SERIALS))
