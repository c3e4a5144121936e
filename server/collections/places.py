"""Places to which the links of a remote document may lead.

A catalog or a remote list is not trusted, and the server reaches hosts that its author does not: a link is followed,
and a file opened, only on the origin or in the bucket or folder of the collection's own document, or where `hosts`
names the host or bucket. A link is parsed by the grammar that its connection is dialled by
(`cogread.sources.http_client.url`), so no spelling of an address, such as 2130706433 for 127.0.0.1, passes for a name
in the list.
"""

import re
from dataclasses import dataclass
from os.path import realpath
from pathlib import Path
from posixpath import dirname, join, normpath
from typing import Final, NamedTuple

from cogread.sources import BUCKETS, SourceUri
from cogread.sources.http_client.url import WebOrigin, WebUrl, resolved, split_url
from server.settings.hosts import BUCKET, Host

LONGEST_LINK: Final = 4096
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_WEB: Final = ("http", "https")
_OBJECT: Final = re.compile(rf"//({BUCKET.pattern})/(.+)", re.ASCII)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f\\]")
_NO_SEGMENTS: Final = frozenset({"", ".", ".."})
"""Parts between slashes that a key may not have: programs disagree about them."""


class RefusedLink(Exception):
    """A link that is not followed; the message is a clause about it, which shows no more of it than its host."""


class Target(NamedTuple):
    """The end of a link."""

    uri: SourceUri
    is_own: bool
    """True: on the document's own origin, to which credentials may go."""


@dataclass(frozen=True, slots=True)
class Places:
    """The places of one collection."""

    home: SourceUri
    """The collection's document."""
    hosts: tuple[Host, ...] = ()
    """Hosts and buckets of the config."""

    def resolve(self, link: str, base: SourceUri) -> Target:
        """Find the place that a link of a document leads to.

        Args:
            link: an `href`.
            base: place of the document; relative links start from it.

        Raises:
            RefusedLink: it may not be followed.
        """
        if not link or len(link) > LONGEST_LINK or _CONTROL.search(link):
            raise RefusedLink("its link is empty, too long, or has a backslash or a control character")
        match = _SCHEME.match(link)
        scheme = match[1].lower() if match else ""
        if scheme in BUCKETS:
            return self._object(_object_uri(scheme, link[len(f"{scheme}:") :]))
        if scheme in _WEB or (not scheme and base.scheme in _WEB):
            return self._web(_web_url(link, base))
        if scheme or link.startswith("//"):
            wanted = ", ".join((*_WEB, *BUCKETS))
            raise RefusedLink(
                f"its link begins with {(scheme + ':' if scheme else '//')[:20]!r}, wanted a path or one of {wanted}"
            )
        return self._object(_relative_key(link, base)) if base.scheme in BUCKETS else self._file(link, base)

    def is_own(self, uri: SourceUri) -> bool:
        """True for a place on the document's own origin, or in its bucket or folder."""
        if uri.scheme in _WEB and self.home.scheme in _WEB:
            home, origin = split_url(self.home.location).origin, split_url(uri.location).origin
            return origin == home or home.upgrades_to(origin)
        return uri.scheme == self.home.scheme and (uri.scheme not in BUCKETS or _bucket(uri) == _bucket(self.home))

    def _web(self, url: WebUrl) -> Target:
        origin, target = url.origin, SourceUri(url.origin.scheme, str(url))
        if self.is_own(target):
            return Target(target, is_own=True)
        if any(host.scheme == "http" and _is_at(host, origin) for host in self.hosts):
            return Target(target, is_own=False)
        port = "" if origin.has_default_port else f":{origin.port}"
        raise RefusedLink(f"its link leads to the host {f'{origin.host}{port}'[:100]!r}, which hosts does not name")

    def _object(self, uri: SourceUri) -> Target:
        bucket = _bucket(uri)
        if self.is_own(uri):
            return Target(uri, is_own=True)
        if any(host.scheme == uri.scheme and host.name == bucket for host in self.hosts):
            return Target(uri, is_own=False)
        raise RefusedLink(
            f"its link leads to the bucket {bucket[:100]!r}, which hosts does not name as '{uri.scheme}://{bucket}'"
        )

    def _file(self, link: str, base: SourceUri) -> Target:
        """A file at or below the folder of the collection's document, symbolic links followed."""
        if link.startswith("/vsi"):
            raise RefusedLink("its link is a path of GDAL's virtual file systems, wanted a path")
        path = realpath(Path(base.location).parent / link)
        if not Path(path).is_relative_to(realpath(Path(self.home.location).parent)):
            raise RefusedLink("its link leads out of the folder of the collection's document")
        return Target(SourceUri("file", path), is_own=True)


def _web_url(link: str, base: SourceUri) -> WebUrl:
    """Resolve a link to http(s); in a document that is none of the web, it is whole, and the base does not matter."""
    try:
        return resolved(split_url(base.location if base.scheme in _WEB else "https://localhost/"), link)
    except ValueError as error:
        raise RefusedLink(f"its link is refused: {error}") from None


def _object_uri(scheme: str, rest: str) -> SourceUri:
    """The object at `//bucket/key`."""
    match = _OBJECT.fullmatch(rest)
    if match is None or not _NO_SEGMENTS.isdisjoint(match[2].split("/")):
        raise RefusedLink(f"its link is no {scheme}://bucket/key")
    return SourceUri(scheme, f"{scheme}:{rest}")


def _relative_key(link: str, base: SourceUri) -> SourceUri:
    bucket = _bucket(base)
    path = normpath(join(dirname(base.location.removeprefix(f"{base.scheme}://{bucket}")), link))
    return _object_uri(base.scheme, f"//{bucket}/{path.lstrip('/')}")


def _bucket(uri: SourceUri) -> str:
    return uri.location.partition("://")[2].partition("/")[0]


def _is_at(host: Host, origin: WebOrigin) -> bool:
    return host.name == origin.host and (origin.has_default_port if host.port is None else host.port == origin.port)
