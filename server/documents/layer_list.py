"""The list of all layers: search, filters with counts, and order, from the config and the summaries alone."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

from cogread.errors import CogError
from server.documents.summary import Summary
from server.layers.layer import Layer

OK: Final = "ok"
UNOPENED: Final = "not opened yet"
BROKEN: Final = "error"
_ORDER: Final = (OK, UNOPENED, BROKEN)
NO_CRS: Final = "no CRS"
_ACCENTS: Final = re.compile("[\u0300-\u036f]+")
"""Combining diacritical marks, as NFKD splits them from their letters."""


class Entry(NamedTuple):
    """A layer in the list."""

    layer: Layer
    summary: Summary | CogError | None
    """Its error if it cannot be opened; None: it is not opened yet."""

    @property
    def status(self) -> str:
        """One of OK, UNOPENED and BROKEN."""
        if self.summary is None:
            return UNOPENED
        return BROKEN if isinstance(self.summary, CogError) else OK

    @property
    def searched_text(self) -> str:
        """All that the search looks into."""
        config, summary = self.layer.config, self.summary
        attribution = config.attribution.text if config.attribution else ""
        texts = [config.name, config.title, attribution]
        if isinstance(summary, Summary):
            texts += [summary.dtype, summary.crs or NO_CRS, summary.crs_name or ""]
        return plain(" ".join(texts))


def _of_summary(values: Callable[[Summary], tuple[str, ...]]) -> Callable[[Entry], tuple[str, ...]]:
    return lambda entry: values(entry.summary) if isinstance(entry.summary, Summary) else ()


FILTERS: Final[Mapping[str, Callable[[Entry], tuple[str, ...]]]] = {
    "type": _of_summary(lambda summary: (summary.dtype,)),
    "crs": _of_summary(lambda summary: (summary.crs or NO_CRS,)),
    "format": _of_summary(lambda summary: summary.formats),
    "status": lambda entry: (entry.status,),
}
"""Key in the query -> values of a layer, of which it has one, several or none."""


class Query(NamedTuple):
    """A search and filters; a layer has to match all."""

    text: str = ""
    """Words, each of which has to occur."""
    filters: Mapping[str, str] = {}
    """Key of FILTERS -> wanted value."""


class Selection(NamedTuple):
    """The layers that match a query."""

    entries: list[Entry]
    """In the order of the config."""
    total: int
    """Number of all layers."""
    counts: Mapping[str, Counter[str]]
    """Key of FILTERS -> value -> number of the layers that match with this value in place of the filter's own."""

    def broken_last(self) -> list[Entry]:
        """The layers in the order of the config, those with problems behind the others."""
        return sorted(self.entries, key=lambda entry: _ORDER.index(entry.status))


def select(entries: Iterable[Entry], query: Query) -> Selection:
    """Select the layers that match a query."""
    words = plain(query.text).split()
    matches: list[Entry] = []
    counts: dict[str, Counter[str]] = {key: Counter() for key in FILTERS}
    total = 0
    for entry in entries:
        total += 1
        text = entry.searched_text if words else ""
        if not all(word in text for word in words):
            continue
        values = {key: read(entry) for key, read in FILTERS.items()}
        misses = [key for key, wanted in query.filters.items() if wanted not in values[key]]
        if not misses:
            matches.append(entry)
        for key in FILTERS if not misses else misses[:1] if len(misses) == 1 else ():
            counts[key].update(values[key])
    return Selection(matches, total, counts)


def text_matches(text: str, query: str) -> bool:
    """Tell whether a text has all words of a query."""
    searched = plain(text)
    return all(word in searched for word in plain(query).split())


def plain(text: str) -> str:
    """The text without accents and case, as the search compares it."""
    if text.isascii():
        return text.lower()
    return _ACCENTS.sub("", unicodedata.normalize("NFKD", text)).casefold()
