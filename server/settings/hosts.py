"""`hosts` of a collection: hosts and buckets on which the files of a catalog may be."""

import re
from typing import Final, NamedTuple

from cogread.sources import BUCKETS
from cogread.sources.http_client.url import HOST

BUCKET: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,62}", re.ASCII)
"""Name of a bucket."""
_ENTRY: Final = re.compile(rf"(?P<host>{HOST.pattern})(?::(?P<port>[1-9][0-9]{{0,4}}))?", re.IGNORECASE | re.ASCII)


class Host(NamedTuple):
    """A host, or a bucket."""

    scheme: str
    """`http` for both http and https, or that of a bucket."""
    name: str
    """Name or address in lower case, an IPv6 address without brackets; or the bucket."""
    port: int | None = None
    """None: the default ports of http and https."""

    @classmethod
    def parse(cls, text: str) -> "Host":
        """Read `host`, `host:port`, or a bucket such as `s3://bucket`.

        Raises:
            ValueError: it is none of these.
        """
        scheme, _, bucket = text.removesuffix("/").partition("://")
        if scheme in BUCKETS and BUCKET.fullmatch(bucket):
            return cls(scheme, bucket)
        match = None if text.count(":") > 1 and not text.startswith("[") else _ENTRY.fullmatch(text)
        if match is None or int(match["port"] or 1) > 65535:
            raise ValueError(
                "wanted a host such as data.example.com or data.example.com:8443, or a bucket such as s3://bucket"
            )
        return cls("http", match["host"].lower().strip("[]"), int(match["port"]) if match["port"] else None)
