"""What a client asks for when it asks for a tile."""

from typing import Final, NamedTuple
from urllib.parse import quote

NUMBER: Final = r"(?:0|[1-9][0-9]{0,9})"
"""Pattern of a tile's number in any URL. No leading zeros: a tile has one path, which caches may keep for ever."""

PLAIN_NUMBERS: Final = "with decimal numbers, no leading zeros"
"""The same in the message of an error."""

_IN_QUERIES: Final = "%!$&'()*+,;=:@/?-._~"
"""What a query may hold as it is (RFC 3986 §3.4)."""


class TileRequest(NamedTuple):
    """What a client asks for. A named tuple, since a frozen dataclass takes four times as long to make."""

    layer: str
    version: str | None
    """The one that the URL names, if it does: what is served is then immutable."""
    kind: str
    """`tiles` or `mask`."""
    grid: str
    z: int
    x: int
    y: int
    extension: str
    query: str
    accept_encoding: str | None
    if_none_match: str | None
    is_head: bool

    def plain(self, path: str) -> str:
        """The same URL, whose path is given, without its version."""
        plain = path.replace(f"@{self.version}", "", 1)
        return f"{plain}?{quote(self.query, safe=_IN_QUERIES)}" if self.query else plain
