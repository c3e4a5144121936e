"""Validation of replies to ranged GETs (RFC 9110 §14, §15). Sans-io: status and header in, version or error out."""

import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from cogread.byterange import ByteRange, Version
from cogread.errors import SourceBusy, SourceChanged, SourceError, SourceForbidden, SourceNotFound, SourceProtocolError
from cogread.sources.protocol import Validators

_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,19})-([0-9]{1,19})/([0-9]{1,19})", re.IGNORECASE)
_UNSATISFIED_RANGE = re.compile(r"bytes \*/([0-9]{1,19})", re.IGNORECASE)
_LONGEST_RETRY_AFTER_S = 86400.0
_LENGTH = re.compile(r"[0-9]{1,19}")
_SHOWN_CHARACTERS = 100
"""Bound of a header's value in a message."""

_NO_CODINGS = frozenset({"", "identity", "none", "aws-chunked", "utf-8", "utf8", "binary"})
"""Values of Content-Encoding that encode nothing.

`aws-chunked` is the encoding of the upload, which S3 stores remove and some still state; the others are values of
charset and Content-Transfer-Encoding. Content-Range and the length of the body prove that the bytes are the file's.
"""

RETRYABLE = frozenset({408, 429, *range(500, 600)})
"""Statuses that are worth another try; 408 ends an idle connection (RFC 9110 §15.5.9)."""


@dataclass(frozen=True, slots=True)
class RangeRequest:
    """A request for a range."""

    name: str
    """The source, for messages."""

    wanted: ByteRange
    expect: Version | None
    validators: Validators = "etag"
    success: int = 206
    """Status of the reply with the bytes; 200: the whole source is wanted."""


def request_headers(request: RangeRequest) -> dict[str, str]:
    """Range, and If-Match where the expected version has a strong ETag (a weak one would never match)."""
    headers = {"Range": f"bytes={request.wanted.start}-{request.wanted.stop - 1}"}
    if request.expect is not None and request.expect.strong_etag:
        headers["If-Match"] = request.expect.strong_etag
    return headers


def check_partial(request: RangeRequest, headers: Mapping[str, str]) -> tuple[Version, int]:
    """Check the header of a 206.

    Returns:
        The version, and the number of bytes of the body.

    Raises:
        SourceChanged: the version differs from the expected one.
        SourceProtocolError: the body is not the plain bytes of the range.
    """
    if headers.get("content-type", "").lower().startswith("multipart/byteranges"):
        raise SourceProtocolError(f"{request.name}: a multipart reply to a single range")
    content_range = headers.get("content-range", "")
    match = _CONTENT_RANGE.fullmatch(content_range)
    if not match:
        raise SourceProtocolError(f"{request.name}: Content-Range {_shown(content_range)}, wanted 'bytes a-b/size'")
    first, last, size_bytes = map(int, match.groups())
    version = _version(request, headers, size_bytes)
    if request.expect is not None and not version.same_as(request.expect):
        raise SourceChanged(f"{request.name}: replaced since its header was read")
    stop = min(request.wanted.stop, size_bytes)
    if request.wanted.start >= stop:  # a reply of no bytes in place of a 416
        raise SourceProtocolError(f"{request.name}: wanted the bytes {request.wanted} of {size_bytes}")
    if (first, last + 1) != (request.wanted.start, stop):
        shown = _shown(content_range)
        raise SourceProtocolError(f"{request.name}: Content-Range {shown}, wanted the bytes {request.wanted}")
    _check_plain(request, headers, stop - first)
    return version, stop - first


def whole_headers(unless: Version | None) -> dict[str, str]:
    """The condition of a GET of the whole source: it has changed since this version (RFC 9110 §13.1.2, §13.1.3)."""
    if unless is None or not (unless.etag or unless.modified):
        return {}
    return {"If-None-Match": unless.etag} if unless.etag else {"If-Modified-Since": unless.modified or ""}


def is_unchanged(unless: Version, status: int, headers: Mapping[str, str]) -> bool:
    """Tell whether a reply to `whole_headers` states the same version, also where the origin ignores conditions."""
    if status != 200:
        return status == 304
    stated = (headers.get("etag"), None if unless.etag else headers.get("last-modified"))
    return any(stated) and stated == (unless.etag, None if unless.etag else unless.modified)


def check_whole(request: RangeRequest, headers: Mapping[str, str]) -> tuple[int | None, bool]:
    """Check the header of a 200 with the whole source.

    Returns:
        The number of bytes of the body, if it is stated, and True if the body is packed with gzip, which some stores
        send unasked.

    Raises:
        SourceProtocolError: the body is too long, or in another encoding.
    """
    text, most_bytes = headers.get("content-length", ""), request.wanted.size_bytes
    length = int(text) if _LENGTH.fullmatch(text) else None
    if length is not None and length > most_bytes:
        raise SourceProtocolError(f"{request.name}: {length} bytes, wanted {most_bytes} at most")
    codings = {coding.strip().lower() for coding in headers.get("content-encoding", "").split(",")} - _NO_CODINGS
    if codings - {"gzip"}:
        raise SourceProtocolError(f"{request.name}: Content-Encoding {_shown(', '.join(codings))}, wanted none or gzip")
    return length, bool(codings)


def whole_body(request: RangeRequest, body: bytes, is_packed: bool) -> bytes:
    """The content of a body.

    Raises:
        SourceProtocolError: it is longer than wanted, or not gzip.
    """
    most_bytes = request.wanted.size_bytes
    if is_packed:
        unpacker = zlib.decompressobj(wbits=31)
        try:
            body = unpacker.decompress(body, most_bytes + 1)
        except zlib.error:
            raise SourceProtocolError(f"{request.name}: the body is not gzip, as its header states") from None
        if not unpacker.eof and len(body) <= most_bytes:
            raise SourceProtocolError(f"{request.name}: the reply ended too early")
    if len(body) > most_bytes:
        raise SourceProtocolError(f"{request.name}: a body of more than {most_bytes} bytes")
    return body


def _version(request: RangeRequest, headers: Mapping[str, str], size_bytes: int) -> Version:
    modified = headers.get("last-modified")
    if request.validators == "etag":
        return Version(size_bytes, headers.get("etag"), modified)
    if not modified:
        raise SourceProtocolError(f"{request.name}: no Last-Modified, which validators = 'modified' needs")
    return Version(size_bytes, modified=modified)


def _check_plain(request: RangeRequest, headers: Mapping[str, str], size_bytes: int) -> None:
    """Refuse encoded bodies, and bodies of another length."""
    codings = headers.get("content-encoding", "")
    if any(coding.strip().lower() not in _NO_CODINGS for coding in codings.split(",")):
        raise SourceProtocolError(f"{request.name}: Content-Encoding {_shown(codings)}, wanted none")
    length = headers.get("content-length")
    if length is not None and length != str(size_bytes):
        raise SourceProtocolError(f"{request.name}: Content-Length {_shown(length)}, wanted {size_bytes}")


def _shown(value: str) -> str:
    """A header's value for a message: quoted, escaped and bounded."""
    return ascii(value[:_SHOWN_CHARACTERS])


def refusal(request: RangeRequest, status: int, headers: Mapping[str, str]) -> SourceError:
    """The error for a status other than 206."""
    name = request.name
    if status in (404, 410):
        return SourceNotFound(f"{name}: not there (status {status})")
    if status in (401, 403):
        return SourceForbidden(f"{name}: the origin refuses us (status {status})")
    if status == 412:
        return SourceChanged(f"{name}: replaced since its header was read (status 412)")
    if status == 416:
        return _unsatisfied(request, headers)
    if status in (429, 503):
        return SourceBusy(f"{name}: the origin is busy (status {status})", retry_after_s(headers.get("retry-after")))
    if status == 200:
        return SourceProtocolError(f"{name}: the origin ignores ranges (status 200, wanted 206)")
    return SourceProtocolError(f"{name}: status {status}, wanted {request.success}")


def _unsatisfied(request: RangeRequest, headers: Mapping[str, str]) -> SourceError:
    """The error for 416: a change if the expected version has these bytes or another size than stated."""
    match = _UNSATISFIED_RANGE.fullmatch(headers.get("content-range", ""))
    size_bytes = int(match[1]) if match else None
    expected = request.expect.size_bytes if request.expect is not None else None
    if expected is not None and (request.wanted.start < expected or size_bytes not in (None, expected)):
        return SourceChanged(f"{request.name}: replaced since its header was read (status 416)")
    size = "an unknown number" if size_bytes is None else size_bytes
    return SourceProtocolError(f"{request.name}: wanted the bytes {request.wanted} of {size} (status 416)")


def retry_after_s(text: str | None) -> float | None:
    """Seconds from a Retry-After of either form (RFC 9110 §10.2.3), at most a day; None if it is invalid."""
    if text is None:
        return None
    if re.fullmatch(r"[0-9]{1,9}", text):
        return min(float(text), _LONGEST_RETRY_AFTER_S)
    instant = http_date(text)
    if instant is None:
        return None
    return min(max((instant - datetime.now(UTC)).total_seconds(), 0.0), _LONGEST_RETRY_AFTER_S)


def http_date(text: str) -> datetime | None:
    """The instant of a header (RFC 9110 §5.6.7); None if it is invalid."""
    try:
        instant = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return instant.replace(tzinfo=instant.tzinfo or UTC)
