"""The number of a state of the capabilities (OGC 06-121r3 §7.3.4), the same on all machines.

Its first ten digits are the instant at which the newest of the layers' files was written, so that it grows with them;
the other nine are a digest of the content, so that it changes with any part. Two numbers with the same instant differ
without an order.
"""

from collections.abc import Iterable
from datetime import UTC
from email.utils import parsedate_to_datetime
from hashlib import blake2b
from typing import Final

_INSTANT_DIGITS: Final = 10
_DIGEST_DIGITS: Final = 9


def update_sequence(title: str, newest_s: int, digests: Iterable[bytes]) -> str:
    """The number of a document.

    Args:
        title: title of the service.
        newest_s: instant at which the newest file was written, in seconds since the epoch.
        digests: of the layers' parts of the document.
    """
    digest = blake2b(b"\0".join((title.encode(), *digests)), digest_size=8).digest()
    rest = int.from_bytes(digest, "big") % 10**_DIGEST_DIGITS
    return f"{newest_s:0{_INSTANT_DIGITS}d}{rest:0{_DIGEST_DIGITS}d}"


def is_later(asked: str, current: str) -> bool:
    """Tell whether a client names a state after the current one; both differ."""
    if asked.isascii() and asked.isdigit() and len(asked) <= 100:
        unit = 10**_DIGEST_DIGITS
        return int(asked) // unit > int(current) // unit
    return asked[:_INSTANT_DIGITS] > current[:_INSTANT_DIGITS]


def written_at_s(modified: str | None) -> int:
    """Seconds since the epoch of a `Version.modified`; 0 if it has no time."""
    if modified is None:
        return 0
    nanoseconds = modified.partition("-")[0]
    if nanoseconds.isascii() and nanoseconds.isdigit():
        seconds = int(nanoseconds[:30]) // 10**9
    else:
        try:
            seconds = int(parsedate_to_datetime(modified).replace(tzinfo=UTC).timestamp())
        except (ValueError, OverflowError):
            return 0
    return min(max(seconds, 0), 10**_INSTANT_DIGITS - 1)
