"""Byte ranges of tiles (RFC 9110 §14), for clients that open the URL of a tile as a file: GDAL, rasterio, geotiff.js.

The range is cut from the whole reply. So all formats, content codings and URLs of a tile have ranges, and a request
without a Range field costs nothing. Offsets count bytes of the representation as sent, after any Content-Encoding.
"""

import re
from typing import Final

from server.http.errors import RangeNotSatisfiable
from server.http.reply import Reply

_RANGE: Final = re.compile(r"bytes=[ \t]*([0-9]{0,18})-([0-9]{0,18})[ \t]*", re.IGNORECASE)
"""One range. Groups: the first and the last byte; without a first byte, the length of a suffix."""


def ranged(reply: Reply, range_field: str, if_range: str | None) -> Reply:
    """Cut the requested range from the reply to a GET.

    Several ranges, other units and malformed fields are ignored, as RFC 9110 §14.2 allows. Range is also ignored if
    If-Range is a different entity tag, a weak one, or a date (§13.1.5: tiles have strong entity tags and no date).

    Args:
        reply: the reply to the same request without Range.
        range_field: value of the Range field.
        if_range: value of the If-Range field; None: no such field.

    Raises:
        RangeNotSatisfiable: the range begins beyond the end of the representation.
    """
    match = _RANGE.fullmatch(range_field.strip())
    is_same = if_range is None or ("ETag", if_range.strip()) in reply.headers
    if reply.status != 200 or match is None or not is_same:
        return reply
    size_bytes = len(reply.body)
    span = _span(match[1], match[2], size_bytes)
    if span is None:
        return reply
    if not span:
        raise RangeNotSatisfiable(f"range {match[1]}-{match[2]}: wanted one within {size_bytes} bytes", size_bytes)
    headers = [field for field in reply.headers if field[0] != "Content-Length"]
    headers.append(("Content-Range", f"bytes {span.start}-{span.stop - 1}/{size_bytes}"))
    headers.append(("Content-Length", str(len(span))))
    return reply._replace(status=206, headers=headers, body=reply.body[span.start : span.stop])


def _span(first: str, last: str, size_bytes: int) -> range | None:
    """The offsets of a range: empty if it cannot be satisfied, None if it is malformed."""
    if first:
        if last and int(last) < int(first):
            return None
        return range(int(first), min(int(last) + 1, size_bytes) if last else size_bytes)
    return range(max(0, size_bytes - int(last)), size_bytes) if last else None
