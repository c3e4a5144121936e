"""Threads that open layers for lists.

The patience of a list bounds both the reads of headers and the work of PROJ. Layers that take longer are not opened yet
in that list; their opening goes on for the next one.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from functools import partial
from typing import Final

from cogread.deadline import Deadline
from cogread.errors import CogError, SourceTimeout
from server.http.errors import ListBusy
from server.layers.layer import Layer
from server.layers.listing import Outcome
from server.resilience.bulkhead import Bulkhead
from server.resilience.parallel import Helpers

Work = Callable[[Layer], Outcome | CogError]

PATIENCE_S: Final = 5.0
"""Longest wait of a list for layers without a summary; the next list has those that take longer."""

LATE_PATIENCE_S: Final = 0.2
"""The same for layers that outlasted the previous list: an origin that hangs slows down one list."""

OPENERS: Final = 8
"""Opener threads of a worker; the rest of its time is for tiles."""

WAITING_SHARE: Final = 4
"""A worker's threads divided by this may wait for lists: as many as opener threads, of 32. The others are for tiles."""

BULKHEAD_WAIT_S: Final = 0.25
"""Longest wait of a request to wait for a list. It holds a thread, so it is short; lists of few layers take less."""

MOST_UNOPENED: Final = 20_000
"""Names of layers that could not be opened; more are of members that no list has any more."""


class Openers:
    """The opener threads of a worker. Safe to share between threads."""

    def __init__(self, bulkhead: Bulkhead) -> None:
        """Start no thread yet.

        Args:
            bulkhead: bounds the requests that wait for layers to be opened; see `lists_bulkhead`.
        """
        self._bulkhead = bulkhead
        self._helpers: Final = Helpers(OPENERS, "open")
        self._slow_layers: set[str] = set()
        """Names of layers whose opening outlasted a list and is not finished."""
        self._unopened: dict[str, CogError | None] = {}
        """Layers that the last list could not open: the error, or None where it took too long."""

    def open(
        self, layers: Sequence[Layer], work: Work, last: Callable[[str], Outcome | None]
    ) -> dict[str, Outcome | CogError | None]:
        """Outcomes of layers that must be opened, or asked for their version, first.

        Args:
            layers: the layers.
            work: opens and summarizes one.
            last: the outcome before, by the name of a layer.

        Raises:
            ListBusy: the bulkhead is full, and some layers were never tried.
        """
        try:
            with self._bulkhead.entered(Deadline.after(BULKHEAD_WAIT_S)):
                results = self._open(layers, work)
        except ListBusy:
            before = {layer.config.name: last(layer.config.name) for layer in layers}
            if any(outcome is None and name not in self._unopened for name, outcome in before.items()):
                raise
            return {name: outcome or self._unopened.get(name) for name, outcome in before.items()}
        return {name: result or last(name) for name, result in results.items()}

    def _open(self, layers: Sequence[Layer], work: Work) -> dict[str, Outcome | CogError | None]:
        futures = {layer.config.name: self._helpers.submit(layer.config.name, partial(work, layer)) for layer in layers}
        wait([future for name, future in futures.items() if name not in self._slow_layers], timeout=PATIENCE_S)
        wait(futures.values(), timeout=min(PATIENCE_S, LATE_PATIENCE_S))
        return {layer.config.name: self._result(layer, futures[layer.config.name]) for layer in layers}

    def _result(self, layer: Layer, future: Future[Outcome | CogError]) -> Outcome | CogError | None:
        """The outcome of an opening; of one that takes longer the last error, or None."""
        name = layer.config.name
        if len(self._unopened) > MOST_UNOPENED:
            self._unopened.clear()
            self._slow_layers.clear()
        if not future.done() or future.cancelled():
            if not future.cancel():  # it was begun
                self._slow_layers.add(name)
                self._unopened[name] = layer.last_error
            return layer.last_error
        result = future.result()
        if isinstance(result, CogError):
            self._unopened[name] = result
            if isinstance(result, SourceTimeout):
                self._slow_layers.add(name)
        else:
            self._slow_layers.discard(name)
            self._unopened.pop(name, None)
        return result


def lists_bulkhead(threads: int) -> Bulkhead:
    """The bulkhead of the requests that wait for lists, so that a worker of so many threads has some for tiles.

    A list of a thousand unopened layers takes seconds, and all requests for lists meanwhile would wait for the same.
    """
    busy = partial(ListBusy, "the list of the layers is being made, and as many wait for it as may: try again")
    return Bulkhead(max(1, threads // WAITING_SHARE), busy)
