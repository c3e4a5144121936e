"""Parses paths and URIs of sources into one canonical form."""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from cogread.errors import UriError
from cogread.sources.web import split_url

_WITHOUT_SLASHES = re.compile(r"(file|https?|s3):/?(?!/)", re.IGNORECASE | re.ASCII)
_VARIABLE = re.compile(r"(^|/)\$(\w+|\{\w+\})(/|$)", re.ASCII)
"""A part of a path that a shell would expand."""


@dataclass(frozen=True, slots=True)
class SourceUri:
    """The canonical URI of a source."""

    scheme: str
    """`file`, `http`, `https` or `s3`."""

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


def parse_uri(text: str, base: Path | None = None) -> SourceUri:
    """Read a path, a `file://`, `http(s)://` or `s3://` URI, or GDAL's `/vsis3/` and `/vsicurl/`.

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
    text = f"{scheme}://{rest}"
    if scheme in ("http", "https"):
        try:
            split_url(text)
        except ValueError as error:
            raise UriError(f"source of scheme {scheme!r}: {error}, wanted {scheme}://host[:port]/path") from None
        return SourceUri(scheme, text)
    if scheme == "file":
        host, _, path = rest.partition("/")
        if host not in ("", "localhost"):
            raise UriError(f"source {text!r}: a file URI with the host {host!r}, wanted file:///path")
        return SourceUri("file", unquote(urlsplit(f"file:///{path}").path))
    if scheme == "s3":
        if not all(rest.partition("/")[::2]):
            raise UriError(f"source {text!r}: wanted s3://bucket/key")
        return SourceUri("s3", text)
    raise UriError(f"source of scheme {scheme!r}: wanted a path, file://, http://, https:// or s3://")


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
    for prefix in ("/vsis3/", "/vsis3_streaming/"):
        if text.startswith(prefix):
            return "s3://" + text[len(prefix) :]
    for prefix in ("/vsicurl/", "/vsicurl_streaming/"):
        if text.startswith(prefix):
            return text[len(prefix) :]
    if text.startswith("/vsicurl?"):
        urls = parse_qs(text[len("/vsicurl?") :]).get("url")
        if not urls:
            raise UriError("source /vsicurl?…: no url= in it")
        return urls[0]
    if text.startswith("/vsi"):
        raise UriError(f"source {text.split('/')[1]!r}: of GDAL's file systems only /vsis3/ and /vsicurl/ are known")
    return text
