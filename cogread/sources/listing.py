"""The keys of a bucket, by pages: ListObjectsV2 of S3 and Google Cloud Storage, List Blobs of Azure."""

from collections.abc import Iterator
from typing import Final, cast
from urllib.parse import unquote, unquote_plus
from xml.etree import ElementTree

from cogread.deadline import NEVER, Deadline
from cogread.errors import SourceProtocolError
from cogread.sources import make_source
from cogread.sources.bucket import BucketSource, Store
from cogread.sources.protocol import SourceOptions
from cogread.sources.uri import SourceUri

_MOST_BYTES: Final = 24 << 20
"""Bound of the size of a page: 5,000 keys of 1,024 bytes, quoted, with their metadata."""


def list_keys(uri: SourceUri, options: SourceOptions, deadline: Deadline = NEVER) -> Iterator[list[str]]:
    """All keys that begin with the key of a URI, in pages; of S3 and Google in the order of their bytes in UTF-8.

    Args:
        uri: `s3://bucket/prefix`, or of another store; the prefix may be empty.
        options: how to reach the store.
        deadline: when the call gives up.

    Raises:
        SourceError: a page cannot be read.
    """
    page = cast("BucketSource[Store]", make_source(uri, options))
    after: str | None = ""
    ends: set[str | None] = set()
    while after is not None:
        ends.add(after)
        page.turn_to(after)
        content = page.read_whole(_MOST_BYTES, deadline=deadline)
        keys, after = _parse(uri, content.data if content else b"")
        yield keys
        if after in ends:
            raise SourceProtocolError(f"{page.name}: a page of the list that does not go on")


def _parse(uri: SourceUri, body: bytes) -> tuple[list[str], str | None]:
    """The keys of a page, and its end, if another one follows: the last key, or Azure's marker."""
    try:
        listing = ElementTree.fromstring(body) if b"<!" not in body[:1000] else None  # noqa: S314 - no entities
    except ElementTree.ParseError:
        listing = None
    if listing is not None and listing.tag.endswith("ListBucketResult"):
        return _parse_objects(listing)
    if listing is not None and listing.tag == "EnumerationResults":
        return _parse_blobs(listing)
    raise SourceProtocolError(f"{uri.display}: the reply is no list of a bucket")


def _parse_objects(listing: ElementTree.Element) -> tuple[list[str], str | None]:
    namespace = listing.tag.removesuffix("ListBucketResult")
    keys = [element.text or "" for element in listing.iterfind(f"{namespace}Contents/{namespace}Key")]
    if listing.findtext(f"{namespace}EncodingType") == "url":
        keys = [unquote_plus(key) for key in keys]
    is_truncated = listing.findtext(f"{namespace}IsTruncated") == "true"
    return keys, (keys[-1] if keys else "") if is_truncated else None


def _parse_blobs(listing: ElementTree.Element) -> tuple[list[str], str | None]:
    names = listing.iterfind("Blobs/Blob/Name")
    keys = [unquote(name.text or "") if name.get("Encoded") == "true" else name.text or "" for name in names]
    return keys, listing.findtext("NextMarker") or None
