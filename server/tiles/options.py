"""Options of a representation by the query and Accept-Encoding; the encoding of terrain. Unknown keys are ignored."""

import re
from typing import Final
from urllib.parse import parse_qs

from cogread.image import Level
from cogread.wrap import TERRAIN, Options, Wrapper
from server.http.errors import BadRequest
from server.http.reply import accepts_coding

_NUMBER: Final = re.compile(r"[0-9]{1,6}")
_ENCODING: Final = re.compile(r"(?:^|&)encoding=([^&]*)")
_TERRAIN_SUFFIX: Final = ".png"


def cache_key(path: str, query: str) -> str:
    """The path of a tile as a key of caches: with the encoding, if the query asks for terrain."""
    match = _ENCODING.search(query) if path.endswith(_TERRAIN_SUFFIX) else None
    if match is None:
        return path
    return f"{path}?encoding={match[1] if match[1] in TERRAIN else ''}"


def terrain_format(query: str) -> str | None:
    """The name of the format that a query for a `png` asks for; None: no terrain.

    Raises:
        BadRequest: there is no such encoding.
    """
    match = _ENCODING.search(query)
    return None if match is None else named_terrain(match[1]).extension


def named_terrain(encoding: str) -> Wrapper:
    """The format of an encoding.

    Raises:
        BadRequest: there is no such encoding.
    """
    if encoding not in TERRAIN:
        raise BadRequest(f"encoding={encoding[:20]!r}: wanted one of: {', '.join(TERRAIN)}")
    return TERRAIN[encoding]


def options_of(query: str, accept_encoding: str | None, level: Level, coding: str) -> Options:
    """Parse the options of a request for a representation with options.

    Args:
        query: query of the URL, undecoded.
        accept_encoding: header of the request.
        level: level of the tile.
        coding: content coding of the stored bytes.

    Raises:
        BadRequest: a value is invalid.
    """
    try:
        values = parse_qs(query, keep_blank_values=True, max_num_fields=50)
    except ValueError as error:
        raise BadRequest(f"query: {error}") from error
    is_plain = "predictor" in values
    if is_plain and values["predictor"] != ["none"]:
        raise BadRequest(f"predictor={values['predictor'][-1][:20]!r}: wanted none, or no such key")
    is_identity = is_plain or (coding != "identity" and not accepts_coding(accept_encoding, coding))
    return Options(_plane(values.get("band", ["1"])[-1], level.image.planes), is_identity, is_plain)


def _plane(text: str, planes: int) -> int:
    if not _NUMBER.fullmatch(text) or not 1 <= int(text) <= planes:
        wanted = f"1 to {planes}" if planes > 1 else "1, for the bands of a tile are stored together"
        raise BadRequest(f"band={text[:20]!r}: wanted {wanted}")
    return int(text) - 1
