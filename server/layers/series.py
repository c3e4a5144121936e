"""Members of a collection that differ in time, as one layer with the name of the collection.

The times come from the rule, so no file is opened to list them. The layer is that of the latest member under another
name: it gives the grid and the formats. A request for a time is one for the member of that time, which has to lie on
the grid of the latest: it is compared when it is opened.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from threading import Lock
from typing import Final

from cogread.deadline import Deadline
from cogread.errors import CogError, SourceTimeout
from server.collections import Member, Query
from server.collections.instants import named_interval
from server.collections.rule import MOST_LISTED
from server.collections.times import Instant, Times, labelled
from server.http.errors import ListUnavailable, UnknownTime
from server.layers.collection import Collection
from server.layers.layer import Layer
from server.layers.layer_version import LayerVersion

logger = logging.getLogger(__name__)

MOST_TIMES: Final = 10_000
LONGEST_AGE_S: Final = 30.0
"""Age at which the times are taken anew from the rule's list, which is renewed by `refresh_s`."""
_MOST_TRIED: Final = 5
"""Latest members that may be broken; the next one gives the grid."""
_MOST_COMPARED: Final = 10_000


class TimeLayer(Layer):
    """The latest member of a collection under the name of the collection."""

    labels: tuple[str, ...] = ()

    def document_key(self, opened: LayerVersion) -> tuple[object, ...]:
        """See `Layer.document_key`."""
        return *super().document_key(opened), self.labels


class Series:
    """The members of a collection in time. Thread-safe."""

    def __init__(self, collection: Collection, clock: Callable[[], float] = time.monotonic) -> None:
        self.collection, self._clock = collection, clock
        fields = collection.config.fields
        self._template, self._renew_s = fields.time or "", min(LONGEST_AGE_S, fields.refresh_s / 10)
        self._renewing = Lock()
        self._times: tuple[float, Times] | None = None
        self._latest: tuple[Layer, TimeLayer] | None = None
        self._grids: dict[tuple[int, str, int, str], bool] = {}
        """Two layer versions -> they lie on the same grid."""
        self._left_out: set[str] = set()

    def times(self) -> Times:
        """The times as of now. One thread renews them, others do not wait for it.

        Raises:
            CogError: the members cannot be listed.
        """
        times = self._times
        if times is None:
            self._times = times = self._clock(), self._read()
        elif self._clock() - times[0] >= self._renew_s and self._renewing.acquire(blocking=False):
            try:
                times = self._clock(), self._read()
            except CogError:  # the rule logs it
                times = self._clock(), times[1]
            finally:
                self._times = times
                self._renewing.release()
        return times[1]

    def labels(self) -> tuple[str, ...]:
        """The times as documents name them, ascending; see `times`."""
        return tuple(self.times().labels)

    def span(self) -> tuple[str, str] | None:
        """First and last instant of the members, RFC 3339; None: none has a time."""
        instants = self.times().instants
        return (instants[0].first, max(each.last for each in instants)) if instants else None

    def layer(self) -> TimeLayer:
        """The layer of the latest member under the name of the collection.

        Raises:
            UnknownTime: no member has a time.
            CogError: the members cannot be listed.
        """
        times, config = self.times(), self.collection.config
        member = self.collection.layer(self._choose(times, "").member)
        latest = self._latest
        if latest is None or latest[0] is not member:
            own = replace(member.config, name=config.name, title=self.collection.title, versioned_urls=False)
            self._latest = latest = member, member.under(own, TimeLayer)
        latest[1].labels = tuple(times.labels)
        return latest[1]

    def at(self, text: str, deadline: Deadline) -> Layer:
        """The member of a time; see `Times.choose`.

        Raises:
            BadRequest, UnknownTime: there is none, or it lies on another grid than the latest.
            CogError: the members cannot be listed, or the file cannot be opened.
        """
        times = self.times()
        chosen = self._choose(times, text)
        layer = self.collection.layer(chosen.member)
        if chosen is not times.instants[-1]:
            self._check_grid(layer, times, deadline)
        return layer

    def _choose(self, times: Times, text: str) -> Instant:
        if not times.instants:
            raise UnknownTime(f"no member of collection {self.collection.config.name!r} has a time")
        return times.choose(text)

    def _check_grid(self, layer: Layer, times: Times, deadline: Deadline) -> None:
        opened = layer.open(deadline)
        latest, latest_opened = self._reference(times, deadline)
        key = layer.serial, opened.version_key, latest.serial, latest_opened.version_key
        is_same = self._grids.get(key)
        if is_same is None:
            is_same = opened.grid_key == latest_opened.grid_key
            if len(self._grids) >= _MOST_COMPARED:
                self._grids.clear()
            self._grids[key] = is_same
            if not is_same:
                logger.warning("layer %r lies on another grid than %r", layer.config.name, latest.config.name)
        if not is_same:
            raise UnknownTime(
                f"the member of that time, {layer.config.name!r}, lies on another grid than the latest, "
                f"{latest.config.name!r}; it is served at {layer.path}"
            )

    def _reference(self, times: Times, deadline: Deadline) -> tuple[Layer, LayerVersion]:
        """The latest member that can be opened."""
        failure: CogError | None = None
        for each in times.instants[: -_MOST_TRIED - 1 : -1]:
            layer = self.collection.layer(each.member)
            try:
                return layer, layer.open(deadline)
            except CogError as error:
                failure = failure or error
        raise failure or UnknownTime("no member has a time")

    def _read(self) -> Times:
        name = self.collection.config.name
        instants: list[Instant] = []
        left_out: set[str] = set()
        after: str | None = ""
        while after is not None and len(instants) < MOST_TIMES:
            page = self.collection.page(Query(after=after, limit=MOST_LISTED))
            if page.total is None:  # the latest may be missing
                raise ListUnavailable(name, SourceTimeout(f"collection {name!r}: still being read"))
            for member in page.members:
                span = self._span(member)
                if span is not None:
                    instants.append(Instant(*span, member))
                elif member.refusal is None:
                    left_out.add(f"member {member.name!r} has no time")
            after = page.next
        instants.sort()
        times = labelled(instants[:MOST_TIMES], left_out)
        for problem in sorted(left_out - self._left_out)[:10]:
            logger.warning("collection %r: %s", name, problem)
        self._left_out = left_out
        return times

    def _span(self, member: Member) -> tuple[str, str] | None:
        """First and last instant of a member; None: it is no layer, or has no time."""
        return None if member.refusal is not None else named_interval(self._template, member.parts)
