"""The keys of a bucket, by pages (ListObjectsV2)."""

from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote_plus
from xml.etree import ElementTree

from cogread.deadline import NEVER, Deadline
from cogread.errors import SourceProtocolError
from cogread.sources.aws import Account
from cogread.sources.protocol import SourceOptions
from cogread.sources.s3 import S3Source
from cogread.sources.uri import SourceUri

_MOST_BYTES: Final = 8 << 20
"""Bound of the size of a page: 1,000 keys of 1,024 bytes, quoted, with their metadata."""


class _ListPage(S3Source):
    """A page as a `Document`, of the keys behind `after`."""

    after = ""

    def go_on(self, after: str) -> None:
        """Become the page behind a key."""
        self.after = after
        self._place.forget()

    def _url(self, account: Account) -> str:
        return account.url_of_list(self._bucket, self._key, self.after)


def list_keys(uri: SourceUri, options: SourceOptions, deadline: Deadline = NEVER) -> Iterator[list[str]]:
    """All keys that begin with the key of a URI, in pages of 1,000 at most, in the order of their bytes in UTF-8.

    Args:
        uri: `s3://bucket/prefix`; the prefix may be empty.
        options: how to reach the store.
        deadline: when the call gives up.

    Raises:
        SourceError: a page cannot be read.
    """
    page, is_truncated = _ListPage(uri, options), True
    while is_truncated:
        content = page.read_whole(_MOST_BYTES, deadline=deadline)
        keys, is_truncated = _parse(uri, content.data if content else b"")
        yield keys
        if is_truncated and (not keys or keys[-1] <= page.after):
            raise SourceProtocolError(f"{page.name}: a page of the list that does not go on")
        page.go_on(keys[-1] if keys else "")


def _parse(uri: SourceUri, body: bytes) -> tuple[list[str], bool]:
    """The keys of a page, and True if another one follows."""
    try:
        listing = ElementTree.fromstring(body) if b"<!" not in body[:1000] else None  # noqa: S314 - no entities
    except ElementTree.ParseError:
        listing = None
    if listing is None or not listing.tag.endswith("ListBucketResult"):
        raise SourceProtocolError(f"{uri.display}: the reply is no list of a bucket")
    namespace = listing.tag.removesuffix("ListBucketResult")
    keys = [element.text or "" for element in listing.iterfind(f"{namespace}Contents/{namespace}Key")]
    if listing.findtext(f"{namespace}EncodingType") == "url":
        keys = [unquote_plus(key) for key in keys]
    return keys, listing.findtext(f"{namespace}IsTruncated") == "true"
