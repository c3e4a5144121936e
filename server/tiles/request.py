"""Requests for tiles, and the one grammar of their URLs: XYZ, WMTS, TMS and OGC API Tiles.

Each URL is a template of parts, and each part has one pattern, so that a new part, a new spelling of names or a new
service is a change of one line. Key-value pairs of WMTS are read by `server.documents.wmts.kvp` with the same patterns.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote

from cogread.deadline import Deadline
from server.access.authenticator import Authenticator
from server.access.caller import Caller
from server.layers.layer_version import IMAGE, MASK
from server.logs.trace import RequestTrace, trace
from server.settings.collections import ANY_NAME

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

NUMBER: Final = r"(?:0|[1-9][0-9]{0,9})"
"""Pattern of a tile's number in any URL. No leading zeros: a tile has one path, which caches may keep for ever."""

PLAIN_NUMBERS: Final = "with decimal numbers, no leading zeros"
"""The same rule in error messages."""

BUDGET_S: Final = 12.0
"""Longest time that a request may take, below the 30 s after which routers give up."""

STYLE: Final = "default"
"""The only WMTS style of each layer."""

VERSION: Final = r"[A-Za-z0-9_.-]{1,64}"
"""Pattern of a layer version's key."""

_PARTS: Final[Mapping[str, str]] = {
    "layer": rf"(?P<layer>{ANY_NAME})(?:@(?P<version>{VERSION}))?",
    "grid": r"(?P<grid>[A-Za-z0-9_.:~-]{1,320})",
    "z": f"(?P<z>{NUMBER})",
    "x": f"(?P<x>{NUMBER})",
    "y": f"(?P<y>{NUMBER})",
    "format": r"(?P<format>[a-z]{1,8})",
    "time": r"(?P<time>[0-9A-Za-z:.+-]{1,40})",
}
"""Pattern of each part of a template. All parts are printable ASCII without blanks or quotes, fit for the log as they
are."""

_GROUPS: Final = ("layer", "version", "grid", "z", "x", "y", "format", "time")

XYZ: Final = "/layers/{layer}/tiles/{grid}/{z}/{x}/{y}.{format}"
XYZ_AUTO: Final = "/layers/{layer}/tiles/{grid}/{z}/{x}/{y}"
"""The lightest picture of each tile."""
XYZ_MASK: Final = "/layers/{layer}/mask/{grid}/{z}/{x}/{y}.{format}"
WMTS: Final = f"/wmts/1.0.0/{{layer}}/{STYLE}/{{grid}}/{{z}}/{{y}}/{{x}}.{{format}}"
"""Its grid is the identifier of a tile matrix set: `native.{layer}` for a layer's own."""
WMTS_TIME: Final = f"/wmts/1.0.0/{{layer}}/{STYLE}/{{time}}/{{grid}}/{{z}}/{{y}}/{{x}}.{{format}}"
"""The same of layers with a time."""
TMS: Final = "/tms/1.0.0/{layer}/{z}/{x}/{y}.{format}"
"""Tiles of `WebMercatorQuad`, y counted from the bottom."""
OGC: Final = "/collections/{layer}/map/tiles/{grid}/{z}/{y}/{x}"
"""The format is negotiated."""
TEMPLATES: Final = (XYZ, XYZ_AUTO, XYZ_MASK, WMTS, WMTS_TIME, TMS, OGC)

TIME: Final = "datetime"
"""Key of the query that names a time."""


QUERY_CHARACTERS: Final = "%!$&'()*+,;=:@/?-._~"
"""Characters that a query may hold as they are (RFC 3986 §3.4)."""


class TileAddress(NamedTuple):
    """A tile and its representation, as a request names them. A named tuple, which is made fast."""

    template: str
    """The URL's form, one of TEMPLATES."""
    layer: str
    version: str | None
    """The layer version in the URL, whose replies are immutable; None: the current one."""
    grid: str
    """Empty where the template has none."""
    z: int
    x: int
    y: int
    format: str
    """Extension; empty where the template has none."""
    query: str = ""
    """Options of the representation, undecoded."""
    accept_encoding: str | None = None
    """Content codings that the client takes."""

    @property
    def kind(self) -> str:
        """IMAGE or MASK."""
        return MASK if self.template is XYZ_MASK else IMAGE

    def unversioned(self, path: str) -> str:
        """The URL that follows the file, of a path that names a version."""
        path = path.replace(f"@{self.version}", "", 1)
        return f"{path}?{quote(self.query, safe=QUERY_CHARACTERS)}" if self.query else path

    def path(self, template: str) -> str:
        """The path of the same numbers, names and format in another form, without the version."""
        return template.format_map(self._asdict())


@dataclass(slots=True)
class TileRequest:
    """The part of a request for a tile that a cached reply needs. Not frozen, since it is made for each hit."""

    key: str
    """Key of the caches of plans and replies; see `server.tiles.options.cache_key`."""
    if_none_match: str | None
    is_head: bool
    environ: "WSGIEnvironment"
    authenticator: Authenticator
    trace: RequestTrace = field(default_factory=lambda: trace.request)
    _deadline: Deadline | None = field(default=None, init=False)

    @property
    def caller(self) -> Caller:
        """The caller, made when the right to a layer is first checked."""
        return self.authenticator.caller(self.environ)

    def deadline(self) -> Deadline:
        """The one deadline of the request; made at the first call, where it may begin to wait, as hits need none."""
        if self._deadline is None:
            self._deadline = Deadline.after(BUDGET_S)
        return self._deadline


def parse(path: str, query: str = "", accept_encoding: str | None = None) -> TileAddress | None:
    """Read the URL of a tile; None: the path is not well-formed, or no tile's."""
    for template, pattern in _GRAMMAR.get(path[: path.find("/", 1)], ()):
        match = pattern.fullmatch(path)
        if match is not None:
            layer, version, grid, z, x, y, extension, time = match.group(*_GROUPS)
            query = f"{TIME}={quote(time)}&{query}" if time else query
            return TileAddress(
                template, layer, version, grid, int(z), int(x), int(y), extension, query, accept_encoding
            )
    return None


def split_version(name: str) -> tuple[str, str | None]:
    """The layer's name and the version in `{layer}` or `{layer}@{version}`, as in URLs of documents."""
    layer, at, version = name.partition("@")
    return layer, version if at else None


def _pattern(template: str) -> re.Pattern[str]:
    """The pattern of a template, with an empty group for each part that it lacks."""
    pattern = re.sub(r"\{(\w+)\}", lambda part: _PARTS[part[1]], template.replace(".", r"\."))
    return re.compile(pattern + "".join(f"(?P<{part}>)" for part in _PARTS if f"{{{part}}}" not in template))


def _grammar(templates: Iterable[str]) -> Mapping[str, list[tuple[str, re.Pattern[str]]]]:
    """First segment of the path -> templates that begin with it, and their patterns."""
    grammar: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
    for template in templates:
        grammar.setdefault(template[: template.find("/", 1)], []).append((template, _pattern(template)))
    return grammar


_GRAMMAR: Final = _grammar(TEMPLATES)
