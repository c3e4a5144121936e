"""Summaries of layer versions, from which all lists are written: a list of ten thousand layers opens no file again.

Opener threads open a layer and summarize it, so the patience of a list bounds both the reads of headers and the work of
PROJ. Layers without a summary in time are not opened yet in that list. Summaries are kept encoded within a bound in
bytes and outlive the open headers. A layer that cannot be summarized is an error in the list and leaves the others as
they are.
"""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from functools import partial
from itertools import count
from typing import Final, Generic

import msgspec

from cogread.deadline import NEVER, Deadline
from cogread.errors import CogError, SourceTimeout
from server.access.caller import Caller
from server.cache.lru import ByteLru
from server.http.errors import LayerFault, ListBusy, ServerError
from server.layers.catalog import Catalog
from server.layers.layer import Layer
from server.layers.layer_version import LayerVersion
from server.layers.listing import Listing, Outcome, S
from server.resilience.bulkhead import Bulkhead
from server.resilience.layer_fault import one_layer
from server.resilience.parallel import Helpers

logger = logging.getLogger(__name__)

PATIENCE_S: Final = 5.0
"""Longest wait of a list for layers without a summary; the next list has those that take longer."""

LATE_PATIENCE_S: Final = 0.2
"""The same for layers that outlasted the previous list: an origin that hangs slows down one list."""

BUDGET_S: Final = 12.0
"""Longest time to open a layer: with less, a slow origin would be taken for a dead one."""

OPENERS: Final = 8
"""Opener threads of a worker; the rest of its time is for tiles."""

WAITING_SHARE: Final = 4
"""A worker's threads divided by this may wait for lists: as many as opener threads, of 32. The others are for tiles."""

BULKHEAD_WAIT_S: Final = 0.25
"""Longest wait of a request to wait for a list. It holds a thread, so it is short; lists of few layers take less."""

MOST_UNOPENED: Final = 20_000
"""Names of layers that could not be opened; more are of members that no list has any more."""

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
        self._openers: Final = Helpers(OPENERS, "open")
        self._slow_layers: set[str] = set()
        """Names of layers whose opening outlasted a list and is not finished."""
        self._unopened: dict[str, CogError | None] = {}
        """Layers that the last list could not open: the error, or None where it took too long."""

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
            outcomes |= self._opened(missing)
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

    def _opened(self, layers: list[Layer]) -> dict[str, Outcome | CogError | None]:
        """Outcomes of layers that must be opened, or asked for their version, first."""
        try:
            with self.bulkhead.entered(Deadline.after(BULKHEAD_WAIT_S)):
                return self._open(layers)
        except ListBusy:
            before = {layer.config.name: self._outcomes.get(layer.config.name) for layer in layers}
            if any(outcome is None and name not in self._unopened for name, outcome in before.items()):
                raise
            return {name: outcome or self._unopened.get(name) for name, outcome in before.items()}

    def _open(self, layers: list[Layer]) -> dict[str, Outcome | CogError | None]:
        futures = {
            layer.config.name: self._openers.submit(layer.config.name, partial(self._work, layer)) for layer in layers
        }
        wait([future for name, future in futures.items() if name not in self._slow_layers], timeout=PATIENCE_S)
        wait(futures.values(), timeout=min(PATIENCE_S, LATE_PATIENCE_S))
        return {layer.config.name: self._result(layer, futures[layer.config.name]) for layer in layers}

    def _result(self, layer: Layer, future: Future[Outcome | CogError]) -> Outcome | CogError | None:
        """The outcome of an opening; of one that takes longer the last error or the outcome before."""
        name = layer.config.name
        if len(self._unopened) > MOST_UNOPENED:
            self._unopened.clear()
            self._slow_layers.clear()
        if not future.done() or future.cancelled():
            if not future.cancel():  # it was begun
                self._slow_layers.add(name)
                self._unopened[name] = layer.last_error
            return layer.last_error or self._outcomes.get(name)
        result = future.result()
        if isinstance(result, CogError):
            self._unopened[name] = result
            if isinstance(result, SourceTimeout):
                self._slow_layers.add(name)
        else:
            self._slow_layers.discard(name)
            self._unopened.pop(name, None)
        return result

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


def lists_bulkhead(threads: int) -> Bulkhead:
    """The bulkhead of the requests that wait for lists, so that a worker of so many threads has some for tiles.

    A list of a thousand unopened layers takes seconds, and all requests for lists meanwhile would wait for the same.
    """
    busy = partial(ListBusy, "the list of the layers is being made, and as many wait for it as may: try again")
    return Bulkhead(max(1, threads // WAITING_SHARE), busy)
