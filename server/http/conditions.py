"""Conditional requests for a file (RFC 9110 §13), which has a strong entity tag and may have a date.

A date has a resolution of a second and may be that of a copy, so only the very date that was sent means that the client
has the file; and If-Range takes no date.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from server.http.reply import none_match, strong_match

Field = Callable[[str], str | None]
"""Name of a field of the request -> its value; None: there is no such field."""


def refused_status(field: Field, etag: str, modified: datetime | None) -> int | None:
    """Evaluate the conditions in the order of §13.2.2: 412, 304, or None where the reply is the usual one.

    Args:
        field: fields of the request.
        etag: strong entity tag of the file, with its quotes.
        modified: date of its last modification; None: unknown.
    """
    if (tags := field("If-Match")) is not None:
        if not strong_match(tags, etag):
            return 412
    elif modified and (date := parsed_date(field("If-Unmodified-Since"))) and modified > date:
        return 412
    if (tags := field("If-None-Match")) is not None:
        return None if none_match(tags, etag) else 304
    return 304 if modified and parsed_date(field("If-Modified-Since")) == modified else None


def parsed_date(text: str | None) -> datetime | None:
    """The date of a field; None: there is none, or it is malformed."""
    try:
        date = parsedate_to_datetime(text or "")
    except (ValueError, OverflowError):
        return None
    return date.replace(tzinfo=date.tzinfo or UTC)
