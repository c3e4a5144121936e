"""Instants and intervals as text: RFC 3339 in UTC, to the second, whose order is that of its characters."""

import re
from calendar import monthrange
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

Interval = tuple[str | None, str | None]
"""First and last instant, both included; None: open at that end."""

WANTED: Final = (
    "wanted an instant such as 2024, 2024-05, 2024-05-01 or 2024-05-01T10:20:30Z, or two with '/' between them"
)

_PARTIAL: Final = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?", re.ASCII)
_OPEN: Final = ("", "..")
_PART: Final = re.compile(r"\{(\w+)\}", re.ASCII)


def instant(text: str | None) -> str | None:
    """An instant, such as `2024-05-01T10:20:30Z`; None: the text is none."""
    try:
        moment = datetime.fromisoformat(text or "")
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return f"{moment.replace(tzinfo=None).isoformat(timespec='seconds')}Z"


def interval(text: str) -> Interval:
    """The interval of a year, a month, a day or an instant, or from one to another, as `datetime=` has it.

    Raises:
        ValueError: the text is none of these, or ends before it begins.
    """
    begin, separator, end = text.partition("/")
    if not separator:
        return _span(begin)
    first = None if begin in _OPEN else _span(begin)[0]
    last = None if end in _OPEN else _span(end)[1]
    if first is not None and last is not None and last < first:
        raise ValueError(f"found {text[:60]!r}, which ends before it begins")
    return first, last


def named_interval(template: str, parts: Mapping[str, str]) -> tuple[str, str] | None:
    """First and last instant that a text names with values in place of its parts in braces; None: it names none."""
    try:
        first, last = interval(_PART.sub(lambda part: parts.get(part[1], ""), template))
    except ValueError:
        return None
    return None if first is None or last is None else (first, last)


def _span(text: str) -> tuple[str, str]:
    """First and last second of a year, a month or a day; of an instant the same twice."""
    match = _PARTIAL.fullmatch(text)
    if match is None:
        moment = instant(text)
        if moment is None:
            raise ValueError(f"found {text[:60]!r}, {WANTED}")
        return moment, moment
    year, month, day = match[1], match[2], match[3]
    try:
        days = monthrange(int(year), int(month or 12))[1]
        datetime(int(year), int(month or 1), int(day or 1))
    except ValueError:
        raise ValueError(f"found {text[:60]!r}, {WANTED}") from None
    first, last = f"{year}-{month or '01'}-{day or '01'}", f"{year}-{month or '12'}-{day or f'{days:02d}'}"
    return f"{first}T00:00:00Z", f"{last}T23:59:59Z"
