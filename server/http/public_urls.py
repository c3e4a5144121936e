"""What URLs in documents begin with: `public_url`, else what a trusted proxy says, else the request's own host.

Links that need no host are given none, so that what a client claims to have asked never gets into them. Documents whose
URLs must be absolute are private to the client that asked, unless `public_url` fixes them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any, Final

from server.http.errors import BadRequest
from server.http.reply import local_url

_HOST: Final = re.compile(r"(?:[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,253})|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_PREFIX: Final = re.compile(r"(?:/(?!\.\.?(?:/|$))[A-Za-z0-9._~-]{1,100}){0,10}/?")

Environ = Mapping[str, Any]
TrustedProxies = int | tuple[IPv4Network | IPv6Network, ...]
"""How many proxies there are before the server, or where they are."""


@dataclass(frozen=True, slots=True)
class PublicUrls:
    """Where the server is, as its clients see it."""

    public_url: str | None = None
    trusted: TrustedProxies = 0

    @property
    def is_fixed(self) -> bool:
        """Whether nothing of a request gets into it."""
        return self.public_url is not None

    @property
    def is_prefix_fixed(self) -> bool:
        """Whether nothing of a request gets into what links begin with: proxies may hand on a client's own prefix."""
        return self.is_fixed or not self.trusted

    def relative(self, environ: Environ) -> str:
        """For links: `public_url` without its last slash, or the path below which the server is."""
        if self.public_url is not None:
            return self.public_url.rstrip("/")
        return self._prefix(environ)

    def absolute(self, environ: Environ) -> str:
        """For documents whose URLs must be whole.

        Raises:
            BadRequest: the request names a host that cannot be one.
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
        """What the outermost proxy that is trusted says; empty if none is, or it says nothing."""
        value = environ.get(name)
        if not value or not self.trusted:
            return ""
        values = [part.strip() for part in value.split(",")]
        if isinstance(self.trusted, int):
            return str(values[-min(self.trusted, len(values))])
        return str(values[-1]) if _is_within(environ.get("REMOTE_ADDR", ""), self.trusted) else ""


def _is_within(address: str, networks: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    try:
        found = ip_address(address)
    except ValueError:  # a Unix socket
        return False
    return any(found in network for network in networks)
