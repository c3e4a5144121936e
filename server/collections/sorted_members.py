"""Members that are all in memory, in the order of their names: found by bisection, and listed by pages."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence

from cogread.crs.georeference import Bounds
from server.collections.instants import Interval
from server.collections.rule import Member, Page, Query


class SortedMembers:
    """The members of a collection at one time. Members are made when they are asked for."""

    def __init__(self, names: Sequence[str], member: Callable[[int], Member]) -> None:
        """Index the members.

        Args:
            names: in ascending order, without duplicates.
            member: makes the member of a place in `names`.
        """
        self._names, self._member = names, member

    def find(self, name: str) -> Member | None:
        """See `Rule.find`."""
        place = bisect_left(self._names, name)
        return self._member(place) if place < len(self._names) and self._names[place] == name else None

    def page(self, query: Query) -> Page:
        """See `Rule.page`."""
        members: list[Member] = []
        is_filtered = bool(query.text or query.bbox or query.datetime)
        for place in range(bisect_right(self._names, query.after), len(self._names)):
            member = self._member(place)
            if not is_filtered or matches(member, query):
                if len(members) == query.limit:
                    return Page(members, members[-1].name, None if is_filtered else len(self._names))
                members.append(member)
        return Page(members, None, None if is_filtered else len(self._names))


def matches(member: Member, query: Query) -> bool:
    """Tell whether a member matches a query."""
    text = f"{member.name} {member.title or ''}".lower()
    if not all(word in text for word in query.text.lower().split()):
        return False
    if query.bbox is not None and (member.bbox is None or not _overlap(member.bbox, query.bbox)):
        return False
    return query.datetime is None or is_within(member, query.datetime)


def is_within(member: Member, time: Interval) -> bool:
    """Tell whether the time of a member, if it has one, and an interval have a common instant."""
    first, last = time
    begin, end = member.datetime, member.end_datetime or member.datetime
    return begin is not None and end is not None and (last is None or begin <= last) and (first is None or first <= end)


def _overlap(one: Bounds, other: Bounds) -> bool:
    """Tell whether two areas have a common point; an area whose west exceeds its east crosses the antimeridian."""
    if one[1] > other[3] or other[1] > one[3]:
        return False
    return any(west <= right and left <= east for west, east in _ranges(one) for left, right in _ranges(other))


def _ranges(bounds: Bounds) -> list[tuple[float, float]]:
    west, _, east, _ = bounds
    return [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]
