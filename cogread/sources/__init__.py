"""Sources by scheme. A module is imported when its scheme is first used: boto3 alone takes 0.2 s and 60 MB."""

from importlib import import_module
from pathlib import Path

from cogread.sources.protocol import DEFAULT_OPTIONS, Source, SourceOptions
from cogread.sources.uri import SourceUri, parse_uri

SCHEMES = {
    "file": "cogread.sources.file",
    "http": "cogread.sources.http",
    "https": "cogread.sources.http",
    "s3": "cogread.sources.s3",
}
"""Scheme -> module with a function `make(uri: SourceUri, options: SourceOptions) -> Source`."""


def open_source(text: str, options: SourceOptions = DEFAULT_OPTIONS, base: Path | None = None) -> Source:
    """Make the source of a path or URI; nothing is read yet.

    Args:
        text: any spelling that `parse_uri` takes.
        options: how to reach the origin.
        base: folder that relative paths start from.

    Raises:
        UriError: the text is of no known form.
    """
    return make_source(parse_uri(text, base), options)


def make_source(uri: SourceUri, options: SourceOptions = DEFAULT_OPTIONS) -> Source:
    """Make the source of a canonical URI; nothing is read yet."""
    source: Source = import_module(SCHEMES[uri.scheme]).make(uri, options)
    return source


__all__ = ["SCHEMES", "Source", "SourceOptions", "SourceUri", "make_source", "open_source", "parse_uri"]
