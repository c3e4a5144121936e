"""Counts requests in the background: a request queues the fields of its line in the log, and nothing else.

Strategy: the request's thread appends a tuple that it has anyway; twice a second the thread of the exporter sorts the
tuples into series. A path is cut at its slashes here: the grammar of URLs would cost as much as all the rest. Labels
are looked up once for each kind of request.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from server.logs.request_log import RequestFields
from server.metrics.counters import SUM, Counters, Series
from server.metrics.definitions import REQUEST_SECONDS, REQUESTS, SECONDS

AUTO: Final = "auto"
"""Format of a tile whose URL has no extension."""

_NAME_PLACES: Final = {"layers": 2, "collections": 2, "wmts": 3, "tms": 3}
"""First segment of a path -> number of the segment with the layer's name."""
_NO_PLACE: Final = 1 << 30
_MOST_PAIRS: Final = 100


class RequestCounts:
    """Requests by group of layers, format, status, tier and time."""

    def __init__(self, counters: Counters, groups: Mapping[str, str], media_types: Mapping[str, str]) -> None:
        """Count nothing yet.

        Args:
            counters: get the counts.
            groups: name of a layer, or of a collection with ':' at its end -> label.
            media_types: extension of a tile -> its media type.
        """
        self._counters = counters
        self.groups = groups
        """May be replaced at any time."""
        self._extensions = {"": AUTO} | {extension: extension for extension in media_types}
        self._formats = {_essence(media_type): extension for extension, media_type in media_types.items()}
        self._queue: deque[RequestFields] = deque()
        self.put: Final = self._queue.append
        """Queues a request."""

    def count(self) -> None:
        """Count the queued requests. Call it from one thread at a time."""
        counts: dict[tuple[str, str, int], int] = {}
        seconds: dict[tuple[str, str], list[float]] = {}
        queue = self._queue
        while queue:
            _, _, target, _, status, _, elapsed_s, tier, _, _, media_type, _, _ = queue.popleft()
            segments = target.split("/")
            place = _NAME_PLACES.get(segments[1], _NO_PLACE)
            if place < len(segments):
                key = (segments[place], media_type or segments[-1].partition(".")[2], status)
            else:
                key = ("", media_type or target, status)
            counts[key] = counts.get(key, 0) + 1
            kind = ("document" if media_type else "tile", tier)
            times = seconds.get(kind)
            if times is None:
                times = seconds[kind] = [0.0] * (len(SECONDS) + 2)
            times[bisect_left(SECONDS, elapsed_s)] += 1
            times[SUM] += elapsed_s
        self._counters.merge(self._series(counts, seconds))

    def _series(
        self, counts: Mapping[tuple[str, str, int], int], seconds: Mapping[tuple[str, str], list[float]]
    ) -> Mapping[Series, float]:
        amounts: dict[Series, float] = {}
        for (name, form, status), count in counts.items():
            series = (REQUESTS, (*self._labels(name, form), str(status)), 0)
            amounts[series] = amounts.get(series, 0) + count
        for (kind, tier), times in seconds.items():
            labels = (kind, "none" if tier == "-" else tier)
            places = (*range(len(SECONDS) + 1), SUM)
            amounts |= {(REQUEST_SECONDS, labels, place): times[place] for place in places if times[place]}
        return amounts

    def _labels(self, name: str, form: str) -> tuple[str, str]:
        """Group and format.

        Args:
            name: of the layer, with its version; empty if the path has none.
            form: extension of a tile, media type of a document, or the query of a tile with its path.
        """
        if form.startswith("/"):
            return self._labels_of_query(form.partition("?")[2])
        if "/" in form:
            return self._group(name), self._formats.get(form) or form.rpartition("/")[2]
        return self._group(name), self._extensions.get(form.partition("?")[0], "")

    def _labels_of_query(self, query: str) -> tuple[str, str]:
        try:
            pairs = {key.lower(): value for key, value in parse_qsl(query, max_num_fields=_MOST_PAIRS)}
        except ValueError:
            return "", ""
        return self._group(pairs.get("layer", "")), self._formats.get(_essence(pairs.get("format", "")), "")

    def _group(self, name: str) -> str:
        name = name.partition("@")[0]
        return self.groups.get(name) or self.groups.get(name[: name.find(":") + 1], "")


def _essence(media_type: str) -> str:
    """Return a media type without its parameters."""
    return media_type.partition(";")[0].strip().lower()
