"""Byte ranges (RFC 9110 §14): of tiles, which clients may open as files, and of whole files.

The range of a tile is cut from the whole reply. So all formats, content codings and URLs of a tile have ranges, and a
request without a Range field costs nothing. Offsets count bytes of the representation as sent, after any
Content-Encoding.
"""

import re
from typing import Final

from server.http.errors import RangeNotSatisfiable
from server.http.reply import Reply

MOST_RANGES: Final = 32
"""Ranges of one request for a file, each of which may cost a read at the origin; more are refused."""

_UNIT: Final = re.compile(r"bytes=", re.IGNORECASE)
_RANGE: Final = re.compile(r"[ \t]*([0-9]{0,40})-([0-9]{0,40})[ \t]*")
"""One range. Groups: the first and the last byte; without a first byte, the length of a suffix."""


def ranged(reply: Reply, range_field: str, if_range: str | None) -> Reply:
    """Cut the requested range from the reply to a GET.

    Several ranges are ignored, as RFC 9110 §14.2 allows: a tile is small.

    Args:
        reply: the reply to the same request without Range.
        range_field: value of the Range field.
        if_range: value of the If-Range field; None: no such field.

    Raises:
        RangeNotSatisfiable: the range begins beyond the end of the representation.
    """
    if reply.status != 200 or not _is_same(if_range, reply):
        return reply
    size_bytes = len(reply.body)
    spans = requested_spans(range_field, size_bytes, most=1)
    if spans is None:
        return reply
    headers = [field for field in reply.headers if field[0] != "Content-Length"]
    headers += part_headers(spans[0], size_bytes)
    return reply._replace(status=206, headers=headers, body=reply.body[spans[0].start : spans[0].stop])


def requested_spans(range_field: str, size_bytes: int, most: int = MOST_RANGES) -> list[range] | None:
    """The offsets that a Range field asks for; None: it asks for the whole, or is to be ignored.

    Other units and malformed fields are ignored, as are ranges that come to more than the whole.

    Args:
        range_field: value of the field.
        size_bytes: size of the representation.
        most: ranges that are served; if that is one, several are ignored, else more are refused.

    Raises:
        RangeNotSatisfiable: all ranges begin beyond the end of the representation, or there are too many.
    """
    unit = _UNIT.match(range_field.strip())
    parts = [] if unit is None else range_field.strip()[unit.end() :].split(",")
    named = [part for part in parts if part.strip()]  # a list may have empty elements (RFC 9110 §5.6.1)
    matches = [_RANGE.fullmatch(part) for part in named[: MOST_RANGES + 1]]
    spans = [None if match is None else _span(match[1], match[2], size_bytes) for match in matches]
    sound = [span for span in spans if span is not None]
    if not sound or len(sound) < len(spans) or (most == 1 and len(spans) > 1):
        return None
    if len(spans) > most:
        raise RangeNotSatisfiable(f"more than {most} ranges", size_bytes)
    wanted = [span for span in sound if span]
    if not wanted:
        asked = range_field.strip()[6:100]
        raise RangeNotSatisfiable(f"range {asked}: wanted one within {size_bytes} bytes", size_bytes)
    return wanted if sum(map(len, wanted)) <= size_bytes else None


def part_headers(span: range, size_bytes: int) -> list[tuple[str, str]]:
    """Content-Range and Content-Length of a 206 with one part."""
    return [("Content-Range", content_range(span, size_bytes)), ("Content-Length", str(len(span)))]


def content_range(span: range, size_bytes: int) -> str:
    """Value of Content-Range (RFC 9110 §14.4)."""
    return f"bytes {span.start}-{span.stop - 1}/{size_bytes}"


def _is_same(if_range: str | None, reply: Reply) -> bool:
    """Evaluate If-Range: False if it is a different entity tag, a weak one, or a date (RFC 9110 §13.1.5)."""
    return if_range is None or ("ETag", if_range.strip()) in reply.headers


def _span(first: str, last: str, size_bytes: int) -> range | None:
    """The offsets of a range: empty if it cannot be satisfied, None if it is malformed."""
    if first:
        if last and int(last) < int(first):
            return None
        return range(int(first), min(int(last) + 1, size_bytes) if last else size_bytes)
    return range(max(0, size_bytes - int(last)), size_bytes) if last else None
