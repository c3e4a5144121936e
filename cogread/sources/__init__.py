"""Sources by scheme."""

from importlib import import_module
from pathlib import Path

from cogread.sources.protocol import DEFAULT_OPTIONS, Document, Source, SourceOptions
from cogread.sources.uri import BUCKETS, SCHEMES, SourceUri, parse_uri


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
    source: Source = import_module(SCHEMES[uri.scheme].module).make(uri, options)
    return source


def make_document(uri: SourceUri, options: SourceOptions = DEFAULT_OPTIONS) -> Document:
    """Make the document of a canonical URI; nothing is read yet."""
    document: Document = import_module(SCHEMES[uri.scheme].module).make(uri, options)
    return document


__all__ = [
    "BUCKETS",
    "SCHEMES",
    "Document",
    "Source",
    "SourceOptions",
    "SourceUri",
    "make_source",
    "open_source",
    "parse_uri",
]
