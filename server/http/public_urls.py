"""The beginning of URLs in documents: `public_url`, else the fields of a trusted proxy, else the Host of the request.

Links have no host if they need none, so that the Host field of a client does not get into them. Documents that need
absolute URLs are private to the client that requested them, unless `public_url` is set.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any, Final, NamedTuple

from server.http.errors import BadRequest
from server.http.reply import local_url

_HOST: Final = re.compile(r"(?:[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,253})|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_PREFIX: Final = re.compile(r"(?:/(?!\.\.?(?:/|$))[A-Za-z0-9._~-]{1,100}){0,10}/?")


class Links(NamedTuple):
    """URLs of this server, for a document."""

    prefix: str
    """Beginning of the URLs."""
    query: str = ""
    """Signature that the document was asked for with, which its URLs carry on; empty: there was none."""

    def to(self, path: str) -> str:
        """The URL of a path, which may have a query of its own."""
        return f"{self.prefix}{path}{'&' if '?' in path else '?'}{self.query}" if self.query else self.prefix + path


Environ = Mapping[str, Any]
TrustedProxies = int | tuple[IPv4Network | IPv6Network, ...]
"""Number of proxies in a row in front of the server, or their networks."""


@dataclass(frozen=True, slots=True)
class PublicUrls:
    """The server's place as clients see it."""

    public_url: str | None = None
    trusted: TrustedProxies = 0

    @property
    def is_fixed(self) -> bool:
        """True if URLs do not depend on the request."""
        return self.public_url is not None

    @property
    def is_prefix_fixed(self) -> bool:
        """True if the prefix of links does not depend on the request; a proxy may pass on a prefix of the client's."""
        return self.is_fixed or not self.trusted

    def link_prefix(self, environ: Environ) -> str:
        """Prefix of links: `public_url` without its last slash, else the path that the server is mounted at."""
        if self.public_url is not None:
            return self.public_url.rstrip("/")
        return self._prefix(environ)

    def base_url(self, environ: Environ) -> str:
        """Prefix of absolute URLs.

        Raises:
            BadRequest: the Host of the request is invalid.
        """
        if self.public_url is not None:
            return self.public_url.rstrip("/")
        return f"{self._scheme(environ)}://{self._host(environ)}{self._prefix(environ)}"

    def _scheme(self, environ: Environ) -> str:
        forwarded = self._forwarded(environ, "HTTP_X_FORWARDED_PROTO").lower()
        return forwarded if forwarded in ("http", "https") else str(environ["wsgi.url_scheme"])

    def _host(self, environ: Environ) -> str:
        host = self._forwarded(environ, "HTTP_X_FORWARDED_HOST") or environ.get("HTTP_HOST", "")
        if not host:  # HTTP/1.0
            return local_url(environ["SERVER_NAME"], environ["SERVER_PORT"]).partition("//")[2]
        if not _HOST.fullmatch(host):
            raise BadRequest(f"host {host[:100]!r}: wanted a name or an address, and a port if any")
        return str(host)

    def _prefix(self, environ: Environ) -> str:
        forwarded = self._forwarded(environ, "HTTP_X_FORWARDED_PREFIX")
        prefix = forwarded if _PREFIX.fullmatch(forwarded) else ""
        return prefix.rstrip("/") + str(environ.get("SCRIPT_NAME", ""))

    def _forwarded(self, environ: Environ, name: str) -> str:
        """Value of a field as the outermost trusted proxy set it; empty if there is no such proxy or field."""
        value = environ.get(name)
        if not value or not self.trusted:
            return ""
        values = [part.strip() for part in value.split(",")]
        if isinstance(self.trusted, int):
            return str(values[-min(self.trusted, len(values))])
        return str(values[-1]) if _is_within(environ.get("REMOTE_ADDR", ""), self.trusted) else ""


def _is_within(address: str, networks: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    try:
        ip = ip_address(address)
    except ValueError:  # a Unix socket
        return False
    return any(ip in network for network in networks)
