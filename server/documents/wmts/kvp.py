"""Requests by key-value pairs (OGC 07-057r7 §8): keys in any case, the first of equal keys counts, others are ignored.

Errors are exceptions of WMTS with the parameter as locator. Layers and tiles are not looked up here.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, quote

from server.documents.pictures import MEDIA_TYPES
from server.documents.wmts.exceptions import OperationNotSupported, OwsError, invalid
from server.documents.wmts.names import EXTENSIONS
from server.tiles.request import NUMBER, STYLE, TIME, WMTS, TileAddress

VERSION: Final = "1.0.0"
SECTIONS: Final = ("ServiceIdentification", "ServiceProvider", "OperationsMetadata", "Contents", "Themes")
"""Sections of the capabilities, in the order of the document."""

GET_CAPABILITIES: Final = "GetCapabilities"
GET_TILE: Final = "GetTile"
GET_FEATURE_INFO: Final = "GetFeatureInfo"

_OPERATIONS: Final = {name.lower(): name for name in (GET_CAPABILITIES, GET_TILE, GET_FEATURE_INFO)}
_SECTION_OF: Final = {name.lower(): name for name in SECTIONS}
_MOST_PAIRS: Final = 100
_NUMBER: Final = re.compile(NUMBER)
_INTEGER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,99})")
_BLANKS: Final = re.compile(r"\s+")

Pairs = Mapping[str, str]
"""Keys in lower case -> values."""


@dataclass(frozen=True, slots=True)
class CapabilitiesRequest:
    """A GetCapabilities request."""

    sections: tuple[str, ...]
    """Sections in their order; () for the whole document."""
    update_sequence: str
    """Update sequence of the client's document; empty if it has none."""


def pairs_of(query: str) -> Pairs:
    """Parse a query.

    Raises:
        OwsError: the query has more than `_MOST_PAIRS`.
    """
    try:
        items = parse_qsl(query, keep_blank_values=True, max_num_fields=_MOST_PAIRS)
    except ValueError as error:
        raise OwsError("NoApplicableCode", f"more than {_MOST_PAIRS} parameters") from error
    return {key.lower(): value for key, value in reversed(items)}


def operation(pairs: Pairs) -> str:
    """The operation: GET_CAPABILITIES or GET_TILE.

    Raises:
        OwsError: the service or the operation is missing or unknown.
        OperationNotSupported: the standard has the operation, and the server does not.
    """
    service = _required(pairs, "service")
    if service.upper() != "WMTS":
        raise invalid("service", service, "WMTS")
    request = _required(pairs, "request")
    name = _OPERATIONS.get(request.lower())
    if name == GET_FEATURE_INFO:
        raise OperationNotSupported("OperationNotSupported", "no layer has feature info", GET_FEATURE_INFO)
    if name is None:
        raise invalid("request", request, f"{GET_CAPABILITIES} or {GET_TILE}")
    return name


def capabilities_request(pairs: Pairs) -> CapabilitiesRequest:
    """Read a GetCapabilities request.

    Raises:
        OwsError: a version or a section does not exist.
    """
    versions = [version.strip() for version in pairs.get("acceptversions", "").split(",") if version.strip()]
    if versions and VERSION not in versions:
        raise OwsError("VersionNegotiationFailed", f"AcceptVersions: wanted {VERSION} among them")
    sections = _sections(pairs["sections"]) if "sections" in pairs else ()
    return CapabilitiesRequest(sections, pairs.get("updatesequence", ""))


def tile_address(pairs: Pairs) -> TileAddress:
    """Read a GetTile request.

    Raises:
        OwsError: a parameter is missing, or invalid for all layers.
    """
    version = _required(pairs, "version")
    if version != VERSION:
        raise invalid("version", version, VERSION)
    layer, style, media_type = (_required(pairs, name) for name in ("Layer", "Style", "Format"))
    tile_matrix_set, tile_matrix = _required(pairs, "TileMatrixSet"), _required(pairs, "TileMatrix")
    row, col = _index(pairs, "TileRow"), _index(pairs, "TileCol")
    if style != STYLE:
        raise invalid("Style", style, STYLE)
    extension = EXTENSIONS.get(_BLANKS.sub("", media_type).lower())
    if extension is None:
        raise invalid("Format", media_type, ", ".join(MEDIA_TYPES.values()))
    if not _NUMBER.fullmatch(tile_matrix):
        raise invalid("TileMatrix", tile_matrix, "a number")
    query = f"{TIME}={quote(pairs['time'])}" if pairs.get("time") else ""
    return TileAddress(WMTS, layer, None, tile_matrix_set, int(tile_matrix), col, row, extension, query)


def _required(pairs: Pairs, name: str) -> str:
    value = pairs.get(name.lower())
    if not value:
        raise OwsError("MissingParameterValue", f"the parameter {name} is missing", name)
    return value


def _sections(text: str) -> tuple[str, ...]:
    if not text:
        raise OwsError("MissingParameterValue", "the parameter sections has no value", "sections")
    names = [name.strip().lower() for name in text.split(",")]
    if not set(names) <= {*_SECTION_OF, "all"}:
        raise invalid("sections", text, f"All, or some of {', '.join(SECTIONS)}")
    return () if "all" in names else tuple(name for name in SECTIONS if name.lower() in names)


def _index(pairs: Pairs, name: str) -> int:
    text = _required(pairs, name)
    if _NUMBER.fullmatch(text):
        return int(text)
    if _INTEGER.fullmatch(text):
        raise OwsError("TileOutOfRange", f"{name}={text[:20]!r}: the layer has no such tile", name)
    raise invalid(name, text, "a whole number in decimal digits, without leading zeros")
