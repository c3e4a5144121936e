"""The plan of a reply with bytes of a file: status, headers, and the parts of its body, before any of them is read."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from secrets import token_hex
from typing import Final

from cogread.byterange import ByteRange, Version
from server.http.conditions import Field, parsed_date, refused_status
from server.http.errors import PreconditionFailed
from server.http.ranges import content_range, part_headers, requested_spans
from server.http.reply import ACCEPT_RANGES

MEDIA_TYPE: Final = "image/tiff; application=geotiff; profile=cloud-optimized"
"""OGC 21-026, requirement 13."""

Part = bytes | ByteRange
"""Bytes between the ranges, or a range of the file."""


@dataclass(frozen=True, slots=True)
class FilePlan:
    """A reply without the bytes of the file."""

    status: int
    headers: list[tuple[str, str]]
    parts: Sequence[Part]
    size_bytes: int
    """Size of the body."""


def plan_reply(
    field: Field, is_head: bool, version: Version, is_local: bool, policy: Sequence[tuple[str, str]]
) -> FilePlan:
    """Plan the reply to a request.

    Args:
        field: fields of the request.
        is_head: whether the body is left out.
        version: of the file.
        is_local: whether the file is a local one, which states its date in other terms.
        policy: headers of every reply with the file.

    Raises:
        PreconditionFailed: the client wants another version.
        RangeNotSatisfiable: no range lies within the file, or there are too many.
    """
    etag, modified = f'"{version.key}"', _modified(version, is_local)
    headers = [("ETag", etag), *policy, ACCEPT_RANGES]
    if modified is not None:
        headers.append(("Last-Modified", modified.strftime("%a, %d %b %Y %H:%M:%S GMT")))
    status = refused_status(field, etag, modified)
    if status == 412:
        raise PreconditionFailed("the file has another version than the one that If-Match or a date asks for")
    if status is not None:
        return FilePlan(status, headers, (), 0)
    if_range = field("If-Range")
    range_field = None if is_head or if_range not in (None, etag) else field("Range")
    spans = None if range_field is None else requested_spans(range_field, version.size_bytes)
    return _with_body(headers, spans, version.size_bytes)


def _with_body(headers: list[tuple[str, str]], spans: list[range] | None, size_bytes: int) -> FilePlan:
    if spans is None:
        headers += [("Content-Type", MEDIA_TYPE), ("Content-Length", str(size_bytes))]
        return FilePlan(200, headers, [ByteRange(0, size_bytes)], size_bytes)
    if len(spans) == 1:
        headers += [("Content-Type", MEDIA_TYPE), *part_headers(spans[0], size_bytes)]
        return FilePlan(206, headers, [_bytes_of(spans[0])], len(spans[0]))
    parts: list[Part] = []
    boundary = token_hex(12)  # a file cannot hold it on purpose
    for span in spans:
        parts += [_part_head(boundary, span, size_bytes), _bytes_of(span)]
    parts.append(f"\r\n--{boundary}--\r\n".encode())
    body_bytes = sum(len(part) if isinstance(part, bytes) else part.size_bytes for part in parts)
    headers += [("Content-Type", f"multipart/byteranges; boundary={boundary}"), ("Content-Length", str(body_bytes))]
    return FilePlan(206, headers, parts, body_bytes)


def _part_head(boundary: str, span: range, size_bytes: int) -> bytes:
    place = content_range(span, size_bytes)
    return f"\r\n--{boundary}\r\nContent-Type: {MEDIA_TYPE}\r\nContent-Range: {place}\r\n\r\n".encode()


def _bytes_of(span: range) -> ByteRange:
    return ByteRange(span.start, span.stop)


def _modified(version: Version, is_local: bool) -> datetime | None:
    """Date of the last modification, in whole seconds; None: it is unknown."""
    if version.modified is None or not is_local:
        return parsed_date(version.modified)
    return datetime.fromtimestamp(int(version.modified.partition("-")[0]) // 10**9, UTC)
