"""`folder` and `prefix`: the members are the TIFFs whose keys a listing has. Names alone tell the keys."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Final

from cogread.deadline import Deadline
from cogread.sources import SourceUri
from server.collections.instants import named_interval
from server.collections.key_pages import KeyPages
from server.collections.keys import is_tiff, key_of, matches, name_of
from server.collections.refreshed import Refreshed
from server.collections.rule import Member, Page, Query
from server.collections.sorted_members import is_within
from server.settings.layer_config import CollectionConfig


class KeyRule:
    """A `Rule`."""

    is_listable: Final = True
    is_fixed: Final = True
    parts: Final = ("name",)

    def __init__(
        self, config: CollectionConfig, uri_of: Callable[[str], SourceUri], listed: Callable[[Deadline], Iterator[str]]
    ) -> None:
        """Make the rule; nothing is listed yet.

        Args:
            config: of the collection.
            uri_of: the URI of a key.
            listed: lists all keys in their order, before a deadline.
        """
        self._pattern, self._uri_of, self._listed = config.fields.pattern, uri_of, listed
        self._time = config.fields.time or ""
        self._keys = Refreshed(f"collection {config.name!r}", config.fields.refresh_s, self._read)

    def find(self, name: str) -> Member | None:
        """See `Rule.find`."""
        key = key_of(name)
        return self._member(key) if key is not None and self._is_member(key) else None

    def holds(self, member: Member) -> bool:
        """See `Rule.holds`."""
        return True

    def page(self, query: Query) -> Page:
        """See `Rule.page`."""
        time = query.datetime
        if query.bbox is not None or (time is not None and not self._time):
            return Page([], total=0)
        keys, words = self._keys.get(), query.text.lower().split()
        behind: Iterator[Member] = map(self._member, keys.after(key_of(query.after) or query.after, words))
        if time is not None:
            behind = filter(lambda member: is_within(member, time), behind)
        members = list(islice(behind, query.limit))
        is_last = keys.is_complete and next(behind, None) is None
        after = members[-1].name if members else query.after
        total = keys.count if keys.is_complete and not words and time is None else None
        return Page(members, None if is_last else after, total)

    def _is_member(self, key: str) -> bool:
        return is_tiff(key) and (self._pattern is None or matches(key, self._pattern)) and "//" not in key

    def _member(self, key: str) -> Member:
        name = name_of(key) or ""
        title = key.removesuffix(".tif").encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        parts = {"name": name}
        first, last = named_interval(self._time, parts) or (None, None)
        return Member(name, self._uri_of(key), title=title, datetime=first, parts=parts, end_datetime=last)

    def _read(self, deadline: Deadline) -> KeyPages:
        pages = KeyPages()
        self._keys.publish(pages)
        pages.extend(key for key in self._listed(deadline) if self._is_member(key) and name_of(key) is not None)
        return pages.complete()
