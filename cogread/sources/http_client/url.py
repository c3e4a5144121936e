"""URLs of http and https, parsed by one grammar for checks and for dialling.

Parsers disagree about odd URLs: for `http://a\\@b/` the host is b to urllib, and a to urllib3. A check by one of them
says nothing about a connection by the other. A URL is therefore accepted only in a form in which all parsers agree: the
scheme, `//`, a host of valid characters, a port, and no backslash, control character or white space except spaces in
the path and the query.
"""

import re
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import urljoin

_PORTS = {"http": 80, "https": 443}

_AMBIGUOUS = re.compile(r"[\\\x00-\x1f\x7f-\x9f]|[^\S ]")
"""Backslash, control characters, and white space other than the space."""

_URL = re.compile(
    r"(?P<scheme>https?)://"
    r"(?:(?P<userinfo>[^\s@/?#\[\]]*)@)?"
    r"(?P<authority>(?P<host>\[[0-9a-f:.]{2,45}\]|[\w.\u00a1-\U0010ffff-]{1,255})"
    r"(?::(?P<port>[0-9]{0,5}))?)"
    r"(?P<target>(?:[/?#].*)?)",
    re.IGNORECASE | re.ASCII,
)
"""RFC 3986 §3, narrowed. A configured host may have letters beyond ASCII (IDNA), a dialled one may not."""

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE | re.ASCII)

HOST = re.compile(r"[a-z0-9._-]{1,255}|\[?[0-9a-f]*:[0-9a-f]*:[0-9a-f:.]{0,40}\]?", re.IGNORECASE | re.ASCII)
"""A host alone, as in `redirect_hosts`."""


class WebOrigin(NamedTuple):
    """Scheme, host and port of a connection (RFC 6454)."""

    scheme: str
    host: str
    """Name or address in lower case, an IPv6 address without brackets."""
    port: int

    @property
    def has_default_port(self) -> bool:
        """True for the default port of the scheme."""
        return self.port == _PORTS[self.scheme]

    def upgrades_to(self, other: "WebOrigin") -> bool:
        """Tell whether `other` is the same host by https, and this is http.

        One port speaks one protocol, so the port differs: 443 after 80, any port after another one.
        """
        is_step_up = (self.scheme, other.scheme) == ("http", "https") and self.host == other.host
        return is_step_up and (other.has_default_port or not self.has_default_port)


class WebUrl(NamedTuple):
    """The parts of a URL."""

    origin: WebOrigin
    userinfo: str | None
    authority: str
    """Host and port as written."""
    target: str
    """Path, query and fragment."""

    def __str__(self) -> str:
        """The URL without the user."""
        return f"{self.origin.scheme}://{self.authority}{self.target}"


def split_url(url: str) -> WebUrl:
    """Parse a URL.

    Raises:
        ValueError: parsers may disagree about it; the message does not show it.
    """
    if _AMBIGUOUS.search(url):
        raise ValueError("a backslash, a control character or white space in it")
    match = _URL.fullmatch(url)
    if match is None:
        raise ValueError("its scheme, host and port cannot be read")
    scheme, host = match["scheme"].lower(), match["host"].lower().strip("[]")
    port = int(match["port"] or _PORTS[scheme])
    if not 0 < port < 65536:
        raise ValueError("its port is out of range")
    return WebUrl(WebOrigin(scheme, host, port), match["userinfo"], match["authority"], match["target"])


def redirection(current: WebUrl, location: str) -> WebUrl:
    """The target of a Location (RFC 9110 §10.2.2); see `resolved`."""
    with suppress(UnicodeError):  # http.client reads headers as Latin-1, servers write UTF-8
        location = location.encode("latin-1").decode()
    return resolved(current, location.strip(" \t"))


def resolved(current: WebUrl, reference: str) -> WebUrl:
    """The target of a reference in a document or header (RFC 3986 §5).

    Args:
        current: the URL of the document, or of the request.
        reference: a URL, or a path relative to that.

    Raises:
        ValueError: parsers may disagree about it, or it has a user; the message does not show it.
    """
    if _AMBIGUOUS.search(reference):
        raise ValueError("a backslash, a control character or white space in it")
    if _SCHEME.match(reference):
        target = split_url(reference)
    elif reference.startswith("//"):
        target = split_url(f"{current.origin.scheme}:{reference}")
    else:
        target = split_url(urljoin(str(current), reference))
    if target.userinfo is not None:
        raise ValueError("a user in it")
    if not target.origin.host.isascii():
        raise ValueError("a host beyond ASCII")
    return target
