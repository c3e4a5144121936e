"""The header of a usual reply, parsed at once. Sans-io.

Strategy: http.client parses a header as that of a mail, which takes longer than all the rest of a read. Usual replies
have one form: HTTP/1.1, a stated length, and a connection that stays open. This parser takes that form alone and leaves
all else (interim replies, chunks, folded lines, contradictory lengths, garbage) to http.client.
"""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

MOST_BYTES: Final = 65536
"""Longest header; the same bound as that of a line in http.client."""

_HEAD: Final = re.compile(
    rb"HTTP/1\.1 ([2-5][0-9]{2})(?: [^\r\n\0]*+)?"
    rb"((?:\r\n[!#$%&'*+.^_`|~0-9A-Za-z-]++:[^\r\n\0]*+){0,99})"
    rb"\r\n\r\n"
)
"""RFC 9112 §4 and §5, without folded lines, with as many fields as http.client takes.

No group is possessive: before 3.11.5, Python loses characters where the last round of one fails.
"""

_LENGTH: Final = re.compile(r"[0-9]{1,18}")

_WITHOUT_BODY: Final = frozenset({204, 304})


class ReplyHead(NamedTuple):
    """The header of a reply."""

    status: int
    headers: Mapping[str, str]
    """Fields by names in lower case; repeated ones are joined by commas."""
    size_bytes: int
    """Length of the header, with the empty line at its end."""
    body_bytes: int
    """Stated length of the body."""


def parse_head(received: bytes) -> ReplyHead | None:
    """Parse the header at the start of what was received; None: its form is another, or it is incomplete."""
    match = _HEAD.match(received)
    if match is None or match.end() > MOST_BYTES:
        return None
    headers: dict[str, str] = {}
    for line in match[2].decode("latin-1").split("\r\n")[1:]:
        name, _, value = line.partition(":")
        key, value = name.lower(), value.strip(" \t")
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    status, length = int(match[1]), headers.get("content-length", "")
    is_usual = _LENGTH.fullmatch(length) and "transfer-encoding" not in headers and status not in _WITHOUT_BODY
    if not is_usual or headers.get("connection", "keep-alive").lower() != "keep-alive":
        return None
    return ReplyHead(status, headers, match.end(), int(length))
