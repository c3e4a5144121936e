"""URLs of http and https, read by one grammar for all that is decided about them and for what is dialled.

Parsers disagree about odd URLs: of `http://a\\@b/` urllib takes b for the host, and urllib3 takes a. A check by one of
them says nothing about a connection by the other. So a URL is taken only where all parsers agree: the scheme, `//`, a
host of the characters that hosts have, a port, and no backslash, control character or white space but for spaces in
the path and the query.
"""

import re
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import urljoin

_PORTS = {"http": 80, "https": 443}

_DOUBTFUL = re.compile(r"[\\\x00-\x1f\x7f-\x9f]|[^\S ]")
"""Backslash, control characters, and white space other than the space."""

_URL = re.compile(
    r"(?P<scheme>https?)://"
    r"(?:(?P<userinfo>[^\s@/?#\[\]]*)@)?"
    r"(?P<authority>(?P<host>\[[0-9a-f:.]{2,45}\]|[\w.\u00a1-\U0010ffff-]{1,255})"
    r"(?::(?P<port>[0-9]{0,5}))?)"
    r"(?P<target>(?:[/?#].*)?)",
    re.IGNORECASE | re.ASCII,
)
"""RFC 3986 §3, narrowed. A configured host may have letters beyond ASCII (IDNA); what is dialled may not."""

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE | re.ASCII)

HOST = re.compile(r"[a-z0-9._-]{1,255}|\[?[0-9a-f]*:[0-9a-f]*:[0-9a-f:.]{0,40}\]?", re.IGNORECASE | re.ASCII)
"""A host that stands alone, as in `redirect_hosts`."""


class WebOrigin(NamedTuple):
    """Scheme, host and port: the place that a connection goes to (RFC 6454)."""

    scheme: str
    host: str
    """In lower case, an IPv6 address without brackets."""
    port: int

    @property
    def is_usual(self) -> bool:
        """Whether the port is the scheme's own."""
        return self.port == _PORTS[self.scheme]

    def upgrades_to(self, other: "WebOrigin") -> bool:
        """Whether `other` is the same host by https, and this is http.

        One port speaks one protocol, so the port differs: from 80 it is 443, from any other it may be any.
        """
        is_step_up = (self.scheme, other.scheme) == ("http", "https") and self.host == other.host
        return is_step_up and (other.is_usual or not self.is_usual)


class WebUrl(NamedTuple):
    """A URL in its parts."""

    origin: WebOrigin
    userinfo: str | None
    authority: str
    """Host and port as they were written."""
    target: str
    """Path, query and fragment."""

    def __str__(self) -> str:
        """The URL without the user."""
        return f"{self.origin.scheme}://{self.authority}{self.target}"


def split_url(url: str) -> WebUrl:
    """Read a URL.

    Raises:
        ValueError: its form leaves a doubt; the message does not show it.
    """
    if _DOUBTFUL.search(url):
        raise ValueError("a backslash, a control character or white space in it")
    match = _URL.fullmatch(url)
    if match is None:
        raise ValueError("its scheme, host and port cannot be read")
    scheme, host = match["scheme"].lower(), match["host"].lower().strip("[]")
    port = int(match["port"] or _PORTS[scheme])
    if not 0 < port < 65536:
        raise ValueError("its port is out of range")
    return WebUrl(WebOrigin(scheme, host, port), match["userinfo"], match["authority"], match["target"])


def redirection(here: WebUrl, location: str) -> WebUrl:
    """The URL that a Location leads to (RFC 9110 §10.2.2).

    Args:
        here: the URL that was asked.
        location: the header's value.

    Raises:
        ValueError: its form leaves a doubt, or it names a user; the message does not show it.
    """
    with suppress(UnicodeError):  # http.client reads headers as Latin-1, servers write UTF-8
        location = location.encode("latin-1").decode()
    location = location.strip(" \t")
    if _DOUBTFUL.search(location):
        raise ValueError("a backslash, a control character or white space in it")
    if _SCHEME.match(location):
        there = split_url(location)
    elif location.startswith("//"):
        there = split_url(f"{here.origin.scheme}:{location}")
    else:
        there = split_url(urljoin(str(here), location))
    if there.userinfo is not None:
        raise ValueError("a user in it")
    if not there.origin.host.isascii():
        raise ValueError("a host beyond ASCII")
    return there
