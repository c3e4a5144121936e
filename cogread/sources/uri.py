"""Parses paths and URIs of sources into one canonical form."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from cogread.errors import UriError
from cogread.sources.http_client.url import split_url

_VARIABLE = re.compile(r"(^|/)\$(\w+|\{\w+\})(/|$)", re.ASCII)
"""A part of a path that a shell would expand."""


BUCKET_NAME: Final = re.compile(r"(?!\.{1,2}(?:/|$))[^/?#@\[\]\\\s\x00-\x1f\x7f]+")
"""Name of a bucket that no URL takes for more; the stores refuse most others."""


@dataclass(frozen=True, slots=True)
class SourceUri:
    """The canonical URI of a source."""

    scheme: str
    """A key of `SCHEMES`."""

    location: str
    """A file's path; for the others the whole URI, which may hold credentials."""

    def __repr__(self) -> str:
        return f"SourceUri({self.display!r})"

    @property
    def display(self) -> str:
        """The URI without user, password and query, which may hold a signature."""
        if self.scheme == "file":
            return self.location
        parts = urlsplit(self.location)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


class Scheme(NamedTuple):
    """A kind of sources: its module, and the form of its URIs."""

    module: str
    """Module with `make(uri: SourceUri, options: SourceOptions) -> Source`, imported at first use: boto3 alone takes
    0.2 s and 60 MB."""
    location: Callable[[str, str], str]
    """Makes `SourceUri.location` of the scheme and the part behind `://`; raises UriError."""
    gdal_name: str | None = None
    """GDAL's virtual file system for paths of the form bucket/key."""


def _file_path(scheme: str, rest: str) -> str:
    host, _, path = rest.partition("/")
    if host not in ("", "localhost"):
        uri = f"{scheme}://{rest}"
        raise UriError(f"source {uri!r}: a file URI with the host {host!r}, wanted file:///path")
    return unquote(urlsplit(f"file:///{path}").path)


def _http_url(scheme: str, rest: str) -> str:
    url = f"{scheme}://{rest}"
    try:
        split_url(url)
    except ValueError as error:
        raise UriError(f"source of scheme {scheme!r}: {error}, wanted {scheme}://host[:port]/path") from None
    return url


def _bucket_and_key(scheme: str, rest: str) -> str:
    uri = f"{scheme}://{rest}"
    bucket, _, key = rest.partition("/")
    if not BUCKET_NAME.fullmatch(bucket):  # it may be a secret
        raise UriError(f"source of scheme {scheme!r}: no name of a bucket, wanted {scheme}://bucket/key")
    if not key:
        raise UriError(f"source {uri!r}: wanted {scheme}://bucket/key")
    return uri


SCHEMES: Final[dict[str, Scheme]] = {
    "file": Scheme("cogread.sources.file", _file_path),
    "http": Scheme("cogread.sources.http", _http_url),
    "https": Scheme("cogread.sources.http", _http_url),
    "s3": Scheme("cogread.sources.s3", _bucket_and_key, "vsis3"),
    "gs": Scheme("cogread.sources.gs", _bucket_and_key, "vsigs"),
    "az": Scheme("cogread.sources.az", _bucket_and_key, "vsiaz"),
}
"""All schemes by name."""

BUCKETS: Final = tuple(name for name, scheme in SCHEMES.items() if scheme.gdal_name)
"""The schemes of objects in buckets, which Azure calls containers."""

_WITHOUT_SLASHES: Final = re.compile(rf"({'|'.join(SCHEMES)}):/?(?!/)", re.IGNORECASE | re.ASCII)


def parse_uri(text: str, base: Path | None = None) -> SourceUri:
    """Parse a path, a URI of one of `SCHEMES`, or a path of GDAL's virtual file systems.

    Args:
        text: path or URI.
        base: folder that relative paths start from; None: the working directory.

    Raises:
        UriError: the text is of no known form.
    """
    text = _without_gdal_prefix(text)
    scheme, separator, rest = text.partition("://")
    if not separator:
        return SourceUri("file", str((base or Path()) / _path(text)))
    scheme = scheme.lower()
    if scheme not in SCHEMES:
        *names, last = (f"{name}://" for name in SCHEMES)
        raise UriError(f"source of scheme {scheme!r}: wanted a path, {', '.join(names)} or {last}")
    return SourceUri(scheme, SCHEMES[scheme].location(scheme, rest))


def _path(text: str) -> Path:
    """A literal path; a misspelt URI, and a path that needs a shell, are refused with the correct spelling."""
    if not text or "\0" in text:
        raise UriError(f"source {text!r}: wanted a path or a URI")
    match = _WITHOUT_SLASHES.match(text)
    if match:
        scheme, rest = match[1].lower(), text[match.end() :]
        wanted = f"{scheme}://{'/' * (scheme == 'file')}{rest}"
        if "@" in rest or "?" in rest:  # it may hold a secret
            raise UriError(f"source of scheme {scheme!r}: two slashes have to follow, wanted {scheme}://host/path")
        raise UriError(f"source {text!r}: two slashes have to follow the scheme, wanted {wanted!r}")
    if text.startswith("~"):
        raise UriError(f"source {text!r}: '~' stands for nothing here, wanted {_expanded(text)}")
    if _VARIABLE.search(text):
        wanted = _expanded(re.sub(r"^\$(HOME|\{HOME\})(?=/|$)", "~", text))
        raise UriError(f"source {text!r}: variables are not expanded, wanted {wanted}")
    return Path(text)


def _expanded(text: str) -> str:
    """The expanded path, quoted, or an example."""
    try:
        path = str(Path(text).expanduser()) if text.startswith("~") else text
    except RuntimeError:  # ~user for an unknown user
        path = text
    return "a path such as '/data/x.tif'" if path.startswith("~") or _VARIABLE.search(path) else repr(path)


def _without_gdal_prefix(text: str) -> str:
    """The URI behind GDAL's virtual file systems, https://gdal.org/en/stable/user/virtual_file_systems.html."""
    if text.startswith("/vsicurl?"):
        urls = parse_qs(text[len("/vsicurl?") :]).get("url")
        if not urls:
            raise UriError("source /vsicurl?…: no url= in it")
        return urls[0]
    prefixes = {f"/{scheme.gdal_name}": f"{name}://" for name, scheme in SCHEMES.items() if scheme.gdal_name}
    prefixes["/vsicurl"] = ""  # the URL follows
    for prefix, replacement in prefixes.items():
        for form in (f"{prefix}/", f"{prefix}_streaming/"):
            if text.startswith(form):
                return replacement + text[len(form) :]
    if text.startswith("/vsi"):
        names = ", ".join(f"{prefix}/" for prefix in prefixes)
        raise UriError(f"source {text.split('/')[1]!r}: of GDAL's file systems only {names} are known")
    return text
