"""Options of a representation by the query and Accept-Encoding; the encoding of terrain. Unknown keys are ignored."""

import re
from hashlib import blake2b
from typing import Final
from urllib.parse import parse_qs

from cogread.image import Image
from cogread.wrap import CODINGS, TERRAIN, Options, Wrapper
from server.access.query import without_credentials
from server.http.errors import BadRequest
from server.http.reply import accepted_codings

_NUMBER: Final = re.compile(r"[0-9]{1,6}")
_MOST_CHARACTERS: Final = 64
"""Longer queries are replaced by their digest in keys, whose size is bounded so."""
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


def options_key(query: str, accept_encoding: str | None) -> str:
    """Make the part of a cache key that stands for all that `options_of` reads; callers share it."""
    codings = ",".join(accepted_codings(accept_encoding, CODINGS))
    query = without_credentials(query)
    if len(query) > _MOST_CHARACTERS:
        return f"?{codings}#{blake2b(query.encode('utf-8', 'replace')).hexdigest()}"
    return f"?{codings}?{query}"


def options_of(query: str, accept_encoding: str | None, image: Image) -> Options:
    """Parse the options of a request for a representation with options.

    Args:
        query: query of the URL, undecoded.
        accept_encoding: header of the request.
        image: image of the tile's level.

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
    band = _band(values["band"][-1], image.samples) if "band" in values else None
    return Options(band, is_plain, accepted_codings(accept_encoding, CODINGS))


def _band(text: str, bands: int) -> int:
    if not _NUMBER.fullmatch(text) or not 1 <= int(text) <= bands:
        raise BadRequest(f"band={text[:20]!r}: wanted 1 to {bands}")
    return int(text) - 1
