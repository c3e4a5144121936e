"""Identifiers that tie a request to the logs of clients and proxies: `X-Request-ID`, and `traceparent` of W3C."""

import re
import secrets
from typing import Final

REQUEST_ID: Final = "X-Request-ID"

_ID: Final = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")
_TRACEPARENT: Final = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-[\x21-\x7e]{0,100})?"
)
"""Trace Context §3.2; a later version may have more fields."""


def request_id(sent: str | None) -> str:
    """Return the client's identifier if it is a short plain word, else a new one."""
    return sent if sent is not None and _ID.fullmatch(sent) else secrets.token_hex(8)


def traceparent(sent: str) -> str:
    """Return the version, trace and parent that a client sent; empty if the field is invalid."""
    return sent[:55] if _TRACEPARENT.fullmatch(sent) else ""
