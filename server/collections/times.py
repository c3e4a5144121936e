"""The times of members, and the member of the time that a request names."""

from bisect import bisect_left
from typing import Final, NamedTuple

from server.collections.instants import interval
from server.collections.rule import Member
from server.http.errors import BadRequest, UnknownTime

CURRENT: Final = ("", "current", "default")
"""Times of requests for the latest member."""


class Instant(NamedTuple):
    """A member and its time."""

    first: str
    """First instant, RFC 3339 in UTC."""
    last: str
    member: Member


class Times(NamedTuple):
    """The times of a collection."""

    instants: list[Instant]
    """Ascending, with different labels."""
    labels: list[str]
    """The times as documents name them, in one form: years, dates or instants."""

    def choose(self, text: str) -> Instant:
        """The member of a time.

        Args:
            text: a label, an instant or an interval, of which the latest member counts; or one of CURRENT.

        Raises:
            BadRequest: it is none of these.
            UnknownTime: no member is of that time.
        """
        if text in CURRENT and self.instants:
            return self.instants[-1]
        place = bisect_left(self.labels, text)
        if place < len(self.labels) and self.labels[place] == text:
            return self.instants[place]
        try:
            first, last = interval(text)
        except ValueError as error:
            raise BadRequest(f"datetime: {error}") from None
        for each in reversed(self.instants):
            if (last is None or each.first <= last) and (first is None or first <= each.last):
                return each
        span = f"{self.labels[0]} to {self.labels[-1]}" if self.labels else "none"
        raise UnknownTime(f"datetime={text[:60]!r}: no member is of that time; the times are {span}")


def labelled(instants: list[Instant], left_out: set[str]) -> Times:
    """Label the times in the shortest form that all have; of members of equal labels the first by name counts.

    Args:
        instants: ascending.
        left_out: takes what there is to say of the other members.
    """
    if all(
        each.first[4:] == "-01-01T00:00:00Z" and each.last == f"{each.first[:4]}-12-31T23:59:59Z" for each in instants
    ):
        length = 4
    else:
        length = 10 if all(each.first.endswith("T00:00:00Z") for each in instants) else 20
    unique: dict[str, Instant] = {}
    for each in instants:
        first = unique.setdefault(each.first[:length], each)
        if first is not each:
            left_out.add(f"member {each.member.name!r} is of the time of {first.member.name!r}, which counts")
    return Times(list(unique.values()), list(unique))
