"""Spellings of a source's place -> one canonical URI."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from cogread.errors import UriError


@dataclass(frozen=True, slots=True)
class SourceUri:
    """A source's place in canonical form."""

    scheme: str
    """`file`, `http`, `https` or `s3`."""

    location: str
    """A file's path; for the others the whole URI, which may hold credentials."""

    def __repr__(self) -> str:
        return f"SourceUri({self.display!r})"

    @property
    def display(self) -> str:
        """The place without user, password and query, which may hold a signature."""
        if self.scheme == "file":
            return self.location
        parts = urlsplit(self.location)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def parse_uri(text: str, base: Path | None = None) -> SourceUri:
    """Read a path, a `file://`, `http(s)://` or `s3://` URI, or GDAL's `/vsis3/` and `/vsicurl/`.

    Args:
        text: the spelling.
        base: folder that relative paths start from; None: the working directory.

    Raises:
        UriError: the text is of no known form.
    """
    text = _without_gdal_prefix(text)
    scheme, separator, _ = text.partition("://")
    if not separator:
        if not text or "\0" in text:
            raise UriError(f"source {text!r}: wanted a path or a URI")
        try:
            path = Path(text).expanduser()
        except RuntimeError as error:  # of ~user for an unknown user
            raise UriError(f"source {text!r}: {error}") from error
        return SourceUri("file", str((base or Path()) / path))
    try:
        parts = urlsplit(text)
        _ = parts.port  # a port that is no number raises here
    except ValueError:  # whose text may hold a part of a password
        raise UriError(f"source of scheme {scheme!r}: its host and port cannot be read") from None
    if scheme == "file":
        if parts.netloc not in ("", "localhost"):
            raise UriError(f"source {text!r}: a file URI with the host {parts.netloc!r}, wanted file:///path")
        return SourceUri("file", unquote(parts.path))
    if scheme in ("http", "https"):
        if not parts.hostname:
            raise UriError(f"source of scheme {scheme!r}: no host")
        return SourceUri(scheme, text)
    if scheme == "s3":
        if not parts.netloc or not text.partition("://")[2].partition("/")[2]:
            raise UriError(f"source {text!r}: wanted s3://bucket/key")
        return SourceUri("s3", text)
    raise UriError(f"source of scheme {scheme!r}: wanted a path, file://, http://, https:// or s3://")


def _without_gdal_prefix(text: str) -> str:
    """GDAL's virtual file systems, https://gdal.org/en/stable/user/virtual_file_systems.html."""
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
